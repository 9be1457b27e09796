//! The RAM that a board has to give.
//!
//! What the tree reserves is a hard exclusion: firmware may have put itself there, and a speculative read
//! of secure memory is a bus error.

use super::cpus::spin_table;
use crate::tree::{NodeId, Tree};
use bulkhead_plan::{PAGE, Span};

/// All RAM: whole pages, sorted, neighbours joined; what a person `stated` is in the place of the tree's.
pub(super) fn ram(tree: &Tree, stated: &[Span]) -> Result<Vec<Span>, String> {
    let mut ram: Vec<Span> = stated.iter().copied().filter_map(inner_pages).collect();
    if !ram.is_empty() {
        return Ok(joined(ram));
    }
    let is_memory = |id: &_| tree.node(*id).text("device_type") == Some("memory") && tree.is_enabled(*id);
    for id in tree.ids().filter(is_memory) {
        ram.extend(tree.registers(id)?.into_iter().filter_map(inner_pages));
    }
    match ram.is_empty() {
        true => Err("this tree leaves it to the firmware how much memory there is".to_owned()),
        false => Ok(joined(ram)),
    }
}

/// Where the first memory of a tree begins, also if it has no size.
pub(super) fn base(tree: &Tree) -> Option<u64> {
    let is_memory =
        |id: &NodeId| tree.node(*id).text("device_type") == Some("memory") && tree.is_enabled(*id);
    let node = tree.node(tree.ids().find(is_memory)?);
    let wide = usize::try_from(tree.node(tree.root()).cell("#address-cells").unwrap_or(2)).ok()?;
    let cells = node.cells("reg");
    Some(cells.get(..wide)?.iter().fold(0, |number, cell| number << 32 | u64::from(*cell)))
}

/// RAM without what the tree reserves.
pub(super) fn usable(tree: &Tree, ram: &[Span]) -> Result<Vec<Span>, String> {
    let mut usable = ram.to_vec();
    for reserved in reservations(tree)? {
        usable = usable.into_iter().flat_map(|span| without(span, reserved)).collect();
    }
    if usable.is_empty() { Err("this tree reserves all memory".to_owned()) } else { Ok(usable) }
}

/// What is wrong with memory that covers frames of the GIC, if it does.
pub(super) fn over_frames(memory: &[Span], frames: &[Span]) -> Option<String> {
    let covers = |memory: &Span| Some((*memory, *frames.iter().find(|frame| frame.overlaps(memory))?));
    let (memory, frame) = memory.iter().find_map(covers)?;
    Some(format!("its memory at {memory} covers the registers of the GIC at {frame}"))
}

/// `span` without `hole`: nothing, one piece or two.
pub(crate) fn without(span: Span, hole: Span) -> Vec<Span> {
    if !span.overlaps(&hole) {
        return vec![span];
    }
    let (start, end) = (span.base.0, span.end().unwrap_or(u64::MAX));
    let (hole_start, hole_end) = (hole.base.0, hole.end().unwrap_or(u64::MAX));
    let below = Span::new(start, hole_start.saturating_sub(start));
    let above = Span::new(hole_end, end.saturating_sub(hole_end));
    [below, above].into_iter().filter(|span| span.size > 0).collect()
}

/// Sorted, with overlapping and adjacent spans joined.
pub(crate) fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| span.base);
    let mut result: Vec<Span> = Vec::new();
    for span in spans {
        match result.last_mut() {
            Some(last) if span.base.0 <= last.base.0 + last.size => {
                last.size = last.size.max(span.base.0 + span.size - last.base.0);
            }
            _ => result.push(span),
        }
    }
    result
}

/// The whole pages that a span touches.
pub(crate) fn outer_pages(span: Span) -> Span {
    let start = span.base.0 & !(PAGE - 1);
    let end = span.end().and_then(|end| end.checked_next_multiple_of(PAGE)).unwrap_or(!(PAGE - 1));
    Span::new(start, end - start)
}

/// The whole pages in a span.
pub(super) fn inner_pages(span: Span) -> Option<Span> {
    let start = span.base.0.checked_next_multiple_of(PAGE)?;
    let end = span.end()? & !(PAGE - 1);
    (start < end).then(|| Span::new(start, end - start))
}

fn reservations(tree: &Tree) -> Result<Vec<Span>, String> {
    let mut reserved = tree.reservations.clone();
    reserved.extend(spin_table(tree));
    if let Some(node) = tree.at("/reserved-memory") {
        for child in &tree.node(node).children {
            reserved.extend(tree.registers(*child)?);
        }
    }
    // The display goes on reading what the firmware shows there.
    for screen in tree.ids().filter(|id| tree.node(*id).is_a("simple-framebuffer") && tree.is_enabled(*id)) {
        reserved.extend(tree.registers(screen)?);
    }
    Ok(reserved.into_iter().filter(|span| span.size > 0).map(outer_pages).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_in_the_middle_leaves_two_pieces() {
        let pieces = without(Span::new(0x1000, 0x5000), Span::new(0x2000, 0x1000));
        assert_eq!(pieces, [Span::new(0x1000, 0x1000), Span::new(0x3000, 0x3000)]);
    }

    #[test]
    fn a_hole_that_covers_all_leaves_nothing() {
        assert!(without(Span::new(0x1000, 0x1000), Span::new(0, u64::MAX)).is_empty());
    }

    #[test]
    fn neighbours_are_joined() {
        let spans = joined(vec![Span::new(0x3000, 0x1000), Span::new(0x1000, 0x2000), Span::new(0x9000, 1)]);
        assert_eq!(spans, [Span::new(0x1000, 0x3000), Span::new(0x9000, 1)]);
    }

    #[test]
    fn memory_over_a_frame_of_the_gic_is_found() {
        let memory = [Span::new(0, 0x1000), Span::new(0x800_0000, 0x10_0000)];
        let frames = [Span::new(0x700_0000, 0x1000), Span::new(0x80a_0000, 0x2_0000)];
        let why = over_frames(&memory, &frames).unwrap();
        assert_eq!(
            why,
            "its memory at 0x8000000..=0x80fffff covers the registers of the GIC at 0x80a0000..=0x80bffff"
        );
        assert_eq!(over_frames(&memory[..1], &frames), None);
    }

    #[test]
    fn a_part_of_a_page_is_no_page_of_ram() {
        assert_eq!(inner_pages(Span::new(0x1001, 0x1fff)), Some(Span::new(0x2000, 0x1000)));
        assert_eq!(inner_pages(Span::new(0x1001, 0x100)), None);
        assert_eq!(outer_pages(Span::new(0xa00_3e00, 0x200)), Span::new(0xa00_3000, 0x1000));
    }
}
