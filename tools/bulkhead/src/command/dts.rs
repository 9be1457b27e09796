//! `bulkhead dts`: the device tree that a partition will see.
//!
//! As source, for a person; `--diff` says what became of the board's. Without images the tree lacks what they
//! decide, and can be had on boards that the hypervisor does not run on yet.

use super::source::source;
use crate::{Stop, System, say};
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
    /// Before there are images, and also for boards that cannot run yet
    #[arg(long)]
    no_images: bool,
}

/// Prints the device tree of a partition.
pub(crate) fn dts(arguments: &Arguments) -> Result<(), Stop> {
    let (own, board) = if arguments.no_images {
        let sketch = arguments.system.sketch()?;
        let trees = sketch.partitions.iter().map(|it| (it.name.as_str(), it.tree.as_deref()));
        (source(tree(trees, &arguments.partition)?), source(&sketch.board_tree))
    } else {
        let built = arguments.system.build()?;
        let trees = built.partitions.iter().map(|name| (name.as_str(), built.device_tree(name)));
        (source(tree(trees, &arguments.partition)?), source(built.board_tree()))
    };
    if !arguments.diff {
        say(&own)?;
        return Ok(());
    }
    let name = format!("{}.dts", arguments.partition);
    let difference = TextDiff::from_lines(&board, &own);
    say(&difference.unified_diff().context_radius(3).header("board.dts", &name).to_string())?;
    Ok(())
}

/// The tree of a partition among those of all.
fn tree<'a>(
    trees: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
    partition: &str,
) -> Result<&'a [u8], Stop> {
    let trees: Vec<_> = trees.collect();
    let found = trees.iter().find(|(name, _)| *name == partition);
    let text = match found {
        Some((_, Some(tree))) => return Ok(tree),
        Some((_, None)) => format!("error: the partition `{partition}` gets no device tree"),
        None => {
            let names: Vec<&str> = trees.iter().map(|(name, _)| *name).collect();
            format!("error: there is no partition `{partition}`; there is {}", names.join(", "))
        }
    };
    Err(Stop { text, code: 2 })
}
