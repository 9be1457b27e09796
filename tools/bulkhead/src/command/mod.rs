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
use std::path::Path;

/// A document for a program, as lines.
fn pretty(document: &impl Serialize) -> Result<String, Stop> {
    let text = serde_json::to_string_pretty(document);
    text.map(|text| format!("{text}\n")).map_err(|error| Stop { text: format!("error: {error}"), code: 1 })
}

/// Prints a document for a program.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Stop> {
    say(&pretty(document)?).map(drop)
}

/// What is wrong with the image at `path`, and what to do if it is none.
fn refused(path: &Path, image: &[u8], faults: &[String]) -> Stop {
    let wrong = |fault: &String| format!("error: `{}`: {fault}", path.display());
    let mut lines: Vec<String> = faults.iter().map(wrong).collect();
    lines.extend(Purpose::advice(image));
    Stop { text: lines.join("\n"), code: 1 }
}
