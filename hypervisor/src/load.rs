//! A guest image on its way into its partition.
//!
//! The pristine image stays in the window. The partition's own first CPU copies its image, checks the copy by
//! SHA-256 and cleans the caches, with the partition's RAM in sight for that time only; partitions load in
//! parallel. A guest begins with its MMU off and reads what is at the point of coherency, so all that was
//! written is cleaned. What of its RAM was not is as the firmware has left it, as on the bare machine.
//!
//! What lies in place is left alone. Who has put it there has cleaned it to the point of coherency, as the arm64
//! boot protocol wants of every loader (Linux, Documentation/arch/arm64/booting.rst).
//!
//! Before another life than the first, the stage-2 tables are checked again and all of the RAM is cleared and
//! cleaned: there no byte of the former life is left.

use crate::cache;
use crate::hash::sha256;
use crate::image::Window;
use crate::maps;
use crate::mark::{self, Phase};
use crate::partition::Partition;
use crate::system::System;
use bulkhead_core::Reach;
use bulkhead_core::sight::WHILE;
use bulkhead_plan::{Load, Partition as Planned, Plan, RegionKind, Span};
use core::slice;

/// Puts the images of `partition` into its RAM. False if what arrived is not what the plan says.
pub(crate) fn load(system: &System, partition: &Partition) -> bool {
    let Some(root) = system.maps.loads.get(partition.index) else { return false };
    maps::while_seeing(*root, || {
        let planned = partition.compartment.partition;
        let window = Window::new(system.plan.board.window);
        let loads = planned.loads.of(system.plan.loads).unwrap_or_default();
        let regions = planned.regions.of(system.plan.regions).unwrap_or_default();
        if partition.has_lived() {
            if !tables_are_sound(&system.plan, &window) {
                return false;
            }
            let ram = regions.iter().filter(|region| region.kind == RegionKind::Ram);
            ram.for_each(|region| scrub(region.span));
        }
        let mut pieces = loads.iter().filter(|load| !load.is_in_place(&system.plan.board.window));
        let arrived = pieces.all(|load| load_piece(&system.plan, planned, load, &window));
        cache::invalidate_instructions(Reach::InnerShareable);
        arrived
    })
}

/// Clears RAM of the partition, in the caches and behind them. What the guest has written past the caches would
/// be there again once a clean line is dropped, what it has left in them once a line is written back.
fn scrub(span: Span) {
    let start = WHILE + span.base.0;
    if let Ok(size) = usize::try_from(span.size) {
        // SAFETY: the load root maps the partition's RAM, and the partition has not begun.
        cache::zero(unsafe { slice::from_raw_parts_mut(start as *mut u8, size) });
    }
    cache::clean_and_invalidate(start, span.size);
}

fn tables_are_sound(plan: &Plan<'_>, window: &Window) -> bool {
    // SAFETY: the tables of the image are mapped read-only.
    let tables = unsafe { window.bytes(plan.header.tables) };
    tables.is_some_and(|tables| sha256(tables) == plan.header.tables_digest)
}

fn load_piece(plan: &Plan<'_>, planned: &Planned, load: &Load, window: &Window) -> bool {
    // SAFETY: images are mapped read-only.
    let source = unsafe { window.bytes(load.bytes()) };
    let (Some(source), Some(address)) = (source, seen_at(plan, planned, load)) else { return false };
    let Ok(size) = usize::try_from(load.memory_size) else { return false };
    // SAFETY: `Plan::verify` has checked that the destination is the partition's RAM; the load root maps it and
    // nobody else uses it, for the partition has not begun.
    let memory = unsafe { slice::from_raw_parts_mut(address as *mut u8, size) };
    let Some((image, rest)) = memory.split_at_mut_checked(source.len()) else { return false };
    mark::begin::<{ Phase::Copy as u16 }>();
    cache::copy(source, image);
    cache::zero(rest);
    mark::begin::<{ Phase::Clean as u16 }>();
    cache::clean_and_invalidate(address, load.memory_size);
    mark::begin::<{ Phase::Hash as u16 }>();
    sha256(image) == load.digest
}

/// Where the loading CPU sees the destination of `load`.
fn seen_at(plan: &Plan<'_>, planned: &Planned, load: &Load) -> Option<u64> {
    let regions = planned.regions.of(plan.regions)?;
    let place = regions.iter().find_map(|region| {
        let offset = load.destination.0.checked_sub(region.ipa.0)?;
        (region.kind == RegionKind::Ram && offset < region.span.size)
            .then(|| region.span.base.0.checked_add(offset))?
    })?;
    Some(WHILE + place)
}
