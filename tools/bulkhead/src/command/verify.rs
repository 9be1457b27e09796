//! `bulkhead verify`: proves an image from its bytes alone.
//!
//! The proof is that of `build`, by the same crate, of a file that may come from anywhere.

use super::{print_json, refused};
use crate::{Stop, read, say};
use bulkhead_verify::verify as prove;
use std::path::PathBuf;

/// What to prove.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The image
    image: PathBuf,
    /// As one JSON document
    #[arg(long)]
    json: bool,
}

/// Prints the proof of an image, and fails if there is none.
pub(crate) fn verify(arguments: &Arguments) -> Result<(), Stop> {
    let image = read(&arguments.image)?;
    let transcript = prove(&image);
    if arguments.json {
        print_json(&transcript)?;
    } else {
        say(&transcript.to_string())?;
    }
    if transcript.proven {
        return Ok(());
    }
    Err(refused(&arguments.image, &image, &transcript.faults))
}
