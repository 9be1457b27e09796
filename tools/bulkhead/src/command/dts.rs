//! `bulkhead dts`: the device tree that a partition will see.
//!
//! As source, for a person; `--diff` says what became of the board's.

use crate::{Stop, System, say};
use bulkhead::system::Built;
use dtoolkit::fdt::Fdt;
use similar::TextDiff;

/// Whose tree.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    system: System,
    /// The partition
    partition: String,
    /// As the difference from the board's own device tree
    #[arg(long)]
    diff: bool,
}

/// Prints the device tree of a partition.
pub(crate) fn dts(arguments: &Arguments) -> Result<(), Stop> {
    let built = arguments.system.build()?;
    let own = source(tree(&built, &arguments.partition)?);
    if !arguments.diff {
        say(&own)?;
        return Ok(());
    }
    let board = source(built.board_tree());
    let name = format!("{}.dts", arguments.partition);
    let difference = TextDiff::from_lines(&board, &own);
    say(&difference.unified_diff().context_radius(3).header("board.dts", &name).to_string())?;
    Ok(())
}

fn tree<'a>(built: &'a Built, partition: &str) -> Result<&'a [u8], Stop> {
    built.device_tree(partition).ok_or_else(|| {
        let text = if built.partitions.iter().any(|name| name == partition) {
            format!("error: the partition `{partition}` gets no device tree")
        } else {
            format!("error: there is no partition `{partition}`; there is {}", built.partitions.join(", "))
        };
        Stop { text, code: 2 }
    })
}

/// The source of a tree that was read, or written, a moment ago; a check would refuse the names of more than 31
/// characters of real boards.
fn source(blob: &[u8]) -> String {
    Fdt::new_unchecked(blob).to_string()
}
