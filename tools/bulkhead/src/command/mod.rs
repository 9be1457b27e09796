//! One file for each command that is more than a line.
//!
//! Everything that could be asked of a library is in the library; here is what a person types and reads.

pub(crate) mod diff;
pub(crate) mod dts;
pub(crate) mod header;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod report;
pub(crate) mod verify;
pub(crate) mod why;

use crate::{Stop, say};
use serde::Serialize;

/// Prints a document for a program.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Stop> {
    let text = serde_json::to_string_pretty(document);
    let text = text.map_err(|error| Stop { text: format!("error: {error}"), code: 1 })?;
    say(&format!("{text}\n"))?;
    Ok(())
}
