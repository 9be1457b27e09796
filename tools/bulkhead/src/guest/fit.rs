//! A guest's pieces lie in its memory, and no two in one place.
//!
//! Where the planner chose, they do; a person who chose an address is told who is there already, and where
//! there is room.

use super::layout::{Layout, Placed};
use crate::diagnostic::{Code, Diagnostic, Site};
use crate::expand::Partition;
use bulkhead_plan::{PAGE, Span};

/// Checks every piece of `layout` and the device tree `tree` against `ram` and against each other; all
/// addresses are the partition's own.
pub(crate) fn fits(
    partition: &Partition<'_>,
    layout: &Layout<'_>,
    tree: Option<Placed<'_>>,
    ram: Span,
) -> Result<(), Diagnostic> {
    let pieces: Vec<Placed<'_>> = layout.pieces.iter().copied().chain(tree).collect();
    if let Some(piece) = pieces.iter().find(|piece| !ram.contains(&piece.span())) {
        return Err(outside(partition, piece, ram));
    }
    let entry = Span::new(layout.entry, INSTRUCTION);
    if !layout.pieces.iter().any(|piece| piece.span().contains(&entry)) {
        return Err(entry_outside(partition, layout));
    }
    for (index, later) in pieces.iter().enumerate() {
        if let Some(earlier) = pieces.iter().take(index).find(|piece| piece.span().overlaps(&later.span())) {
            return Err(overlap(partition, later, earlier, free_behind(&pieces, tree, ram)));
        }
    }
    Ok(())
}

/// Bytes of the shortest program.
const INSTRUCTION: u64 = 4;

/// What the device tree is called here.
pub(crate) const TREE: &str = "device tree";

/// A page behind everything but the tree, where the tree has room.
fn free_behind(pieces: &[Placed<'_>], tree: Option<Placed<'_>>, ram: Span) -> Option<u64> {
    let others = pieces.iter().filter(|piece| piece.what != TREE);
    let end = others.filter_map(|piece| piece.span().end()).max()?;
    let free = end.checked_next_multiple_of(PAGE)?;
    ram.contains(&Span::new(free, tree?.memory_size)).then_some(free)
}

fn outside(partition: &Partition<'_>, piece: &Placed<'_>, ram: Span) -> Diagnostic {
    let title = format!("the {} of `{}` lies outside of its memory", piece.what, partition.name());
    Diagnostic::new(Code::PlaceOutside, title)
        .at(site(partition, piece), format!("would be at {}", piece.span()))
        .at(&partition.wish.memory.site, format!("its memory is at {ram}"))
        .help("choose an address in that memory, or move the memory with `ram-base`")
}

fn entry_outside(partition: &Partition<'_>, layout: &Layout<'_>) -> Diagnostic {
    let wish = partition.wish;
    let title = format!("`{}` begins outside of its image", partition.name());
    let site = wish.raw.as_ref().map_or(&wish.image.site, |raw| &raw.entry().site);
    let outside = Diagnostic::new(Code::PlaceOutside, title).at(site, "begins here");
    let pieces = layout.pieces.iter();
    pieces.fold(outside, |fault, piece| fault.note(format!("the {} is at {}", piece.what, piece.span())))
}

fn overlap(
    partition: &Partition<'_>,
    later: &Placed<'_>,
    earlier: &Placed<'_>,
    free: Option<u64>,
) -> Diagnostic {
    let title = format!("the {} and the {} of `{}` overlap", earlier.what, later.what, partition.name());
    let overlap = Diagnostic::new(Code::PiecesOverlap, title)
        .at(site(partition, later), format!("puts the {} at {}", later.what, later.span()))
        .at(site(partition, earlier), format!("puts the {} at {}", earlier.what, earlier.span()));
    overlap.help(match free {
        Some(free) => format!("there is room behind: `device-tree-address = {free:#x}`"),
        None => "give it more memory, or smaller images".to_owned(),
    })
}

/// What a person wrote that puts a piece where it is.
fn site<'a>(partition: &Partition<'a>, piece: &Placed<'_>) -> &'a Site {
    let wish = partition.wish;
    match piece.what {
        TREE => wish.device_tree_address.as_ref().map_or(&wish.memory.site, |address| &address.site),
        "initrd" => wish.initrd.as_ref().map_or(&wish.image.site, |initrd| &initrd.site),
        _ => wish.raw.as_ref().map_or(&wish.image.site, |raw| &raw.load_address.site),
    }
}
