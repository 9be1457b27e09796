//! Traces in memory that no compiled code uses, and in vector registers.

use super::instructions;
use core::sync::atomic::{AtomicU64, Ordering};
use guest_rt::Span;

instructions! { WRITE_VECTOR: () = intruder_write_vector, [
    "dup v0.2d, x1" => (),
    "dup v15.2d, x1" => (),
    "dup v31.2d, x1" => (),
] }

instructions! { READ_VECTOR: () = intruder_read_vector, [
    "umov x1, v0.d[0]" => (),
    "umov x1, v15.d[1]" => (),
    "umov x1, v31.d[0]" => (),
    "umov x1, v31.d[1]" => (),
] }

/// Fills a piece of the intruder's RAM that lies beyond its image.
pub(crate) fn fill(place: Span, pattern: u64) {
    words(place).for_each(|word| word.store(pattern, Ordering::Relaxed));
}

/// The address of the first word there that is not zero.
pub(crate) fn find(place: Span) -> Option<u64> {
    words(place).find(|word| word.load(Ordering::Relaxed) != 0).map(|word| word.as_ptr().addr() as u64)
}

fn words(place: Span) -> impl Iterator<Item = &'static AtomicU64> {
    (place.base..place.base + place.size).step_by(size_of::<AtomicU64>()).map(|address| {
        let address = usize::try_from(address).unwrap_or_default();
        // SAFETY: the intruder's RAM, aligned, mapped for as long as it lives, and neither image nor device tree:
        // nothing else makes references to it.
        unsafe { AtomicU64::from_ptr(core::ptr::with_exposed_provenance_mut(address)) }
    })
}
