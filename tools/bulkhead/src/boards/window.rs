//! Chooses the hypervisor's window on a new board.
//!
//! The window holds the hypervisor and all images. Boot loaders put a kernel a little above the lowest RAM,
//! where nothing else lies, so that is where a place is looked for first.

use crate::board::Board;
use bulkhead_plan::{BLOCK, Span};

/// Room that a system with a kernel or two needs.
const ROOM: u64 = 128 << 20;

/// A free place for the window: where it begins and how much room there is.
pub(super) fn window(board: &Board) -> Option<Span> {
    let place = |ram: &Span| {
        let above_lowest = board.ram.first().map_or(0, |ram| ram.base.0.saturating_add(BLOCK));
        let start = ram.base.0.max(above_lowest).checked_next_multiple_of(BLOCK)?;
        let size = ram.end()?.checked_sub(start)? & !(BLOCK - 1);
        (size > 0).then(|| Span::new(start, size))
    };
    let places: Vec<Span> = board.memory.iter().filter_map(place).collect();
    let roomy = places.iter().find(|place| place.size >= ROOM);
    roomy.or(places.iter().max_by_key(|place| place.size)).copied()
}
