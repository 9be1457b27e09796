//! `bulkhead diff`: who gained or lost access to what.
//!
//! Both sides are images; a system is built first. So what is compared is what would be flashed.

use super::print_json;
use crate::{Stop, say};
use bulkhead::difference::Difference;
use bulkhead::system::{Options, build, locate};
use std::fs;
use std::path::Path;

/// What is compared.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// An image, or a system
    old: String,
    /// Another
    new: String,
    #[command(flatten)]
    options: Options,
    /// As one JSON document
    #[arg(long)]
    json: bool,
}

/// Prints the difference.
pub(crate) fn diff(arguments: &Arguments) -> Result<(), Stop> {
    let image = |name: &str| image(name, &arguments.options);
    let difference = Difference::of(&image(&arguments.old)?, &image(&arguments.new)?);
    let difference = difference.map_err(|why| Stop { text: format!("error: {why}"), code: 1 })?;
    if arguments.json {
        return print_json(&difference);
    }
    say(&difference.to_string())?;
    Ok(())
}

/// The bytes of an image file, or of the image of a system.
fn image(name: &str, options: &Options) -> Result<Vec<u8>, Stop> {
    let path = Path::new(name);
    let is_system = path.extension().is_some_and(|extension| extension == "toml");
    match fs::read(path) {
        Ok(bytes) if !is_system => Ok(bytes),
        _ => Ok(build(&locate(name)?, options)?.image),
    }
}
