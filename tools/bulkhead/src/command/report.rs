//! `bulkhead report`: the page for the safety case.

use crate::{Stop, System, say, write};
use std::path::PathBuf;

/// Of what, and where to.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    system: System,
    /// Write it to this file instead of standard output
    #[arg(short, long, value_name = "HTML")]
    output: Option<PathBuf>,
}

/// Writes the page.
pub(crate) fn report(arguments: &Arguments) -> Result<(), Stop> {
    let page = arguments.system.build()?.report();
    match &arguments.output {
        Some(path) => write(path, page.as_bytes()),
        None => say(&page).map(drop),
    }
}
