//! `bulkhead inspect`: what is in an image.
//!
//! From its bytes alone, and a damaged one as far as it can be read.

use super::{print_json, refused};
use crate::{Stop, read, say};
use bulkhead::inspect::inspect as take_apart;
use std::path::PathBuf;

/// What to take apart.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The image
    image: PathBuf,
    /// As one JSON document
    #[arg(long)]
    json: bool,
}

/// Prints what is in an image, and fails if something is wrong with it.
pub(crate) fn inspect(arguments: &Arguments) -> Result<(), Stop> {
    let image = read(&arguments.image)?;
    let contents = take_apart(&image);
    if arguments.json {
        print_json(&contents)?;
    } else {
        say(&contents.to_string())?;
    }
    if contents.faults.is_empty() {
        return Ok(());
    }
    Err(refused(&arguments.image, &image, &contents.faults))
}
