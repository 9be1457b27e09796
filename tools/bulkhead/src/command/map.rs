//! `bulkhead map`: who owns what.

use super::print_json;
use crate::{Stop, System, say};

/// Whose map, and in what form.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    system: System,
    /// As one JSON document
    #[arg(long, conflicts_with = "svg")]
    json: bool,
    /// As a drawing
    #[arg(long)]
    svg: bool,
}

/// Prints the map of a system.
pub(crate) fn map(arguments: &Arguments) -> Result<(), Stop> {
    let built = arguments.system.build()?;
    let map = built.map();
    if arguments.json {
        return print_json(map);
    }
    say(&if arguments.svg { map.svg() } else { map.to_string() })?;
    Ok(())
}
