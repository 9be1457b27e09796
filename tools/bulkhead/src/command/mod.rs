//! One file for each command that is more than a line.
//!
//! Everything that could be asked of a library is in the library; here is what a person types and reads.

pub(crate) mod board;
pub(crate) mod build;
pub(crate) mod diff;
pub(crate) mod dts;
pub(crate) mod flash;
pub(crate) mod header;
pub(crate) mod inspect;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod new;
pub(crate) mod report;
mod source;
pub(crate) mod verify;
pub(crate) mod why;

use crate::{Stop, say};
use bulkhead::package::Purpose;
use serde::Serialize;
use std::fmt::Display;
use std::path::PathBuf;

/// A document for a program, as lines.
fn pretty(document: &impl Serialize) -> Result<String, Stop> {
    let text = serde_json::to_string_pretty(document);
    text.map(|text| format!("{text}\n")).map_err(|error| Stop { text: format!("error: {error}"), code: 1 })
}

/// Prints a document for a program.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Stop> {
    say(&pretty(document)?).map(drop)
}

/// An image, and how it is spoken of.
#[derive(clap::Args)]
pub(crate) struct OfImage {
    /// The image
    image: PathBuf,
    /// As one JSON document
    #[arg(long)]
    json: bool,
}

impl OfImage {
    /// Prints what there is to say of `image`, and fails if something is wrong with it.
    fn show(&self, said: &(impl Serialize + Display), image: &[u8], faults: &[String]) -> Result<(), Stop> {
        if self.json {
            print_json(said)?;
        } else {
            say(&said.to_string())?;
        }
        if faults.is_empty() {
            return Ok(());
        }
        let wrong = |fault: &String| format!("error: `{}`: {fault}", self.image.display());
        let mut lines: Vec<String> = faults.iter().map(wrong).collect();
        lines.extend(Purpose::advice(image));
        Err(Stop { text: lines.join("\n"), code: 1 })
    }
}
