//! What was found that should not have been there.

use crate::raw::Stretch;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use guest_rt::{cpu, println};

/// Most traces that are told one by one.
const MOST: usize = 8;

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How many there are.
pub(crate) fn count() -> usize {
    COUNT.load(Ordering::Acquire)
}

/// Looks at a value that has to be `expected`.
pub(crate) fn expect(what: impl fmt::Display, found: u64, expected: u64) {
    if found != expected && COUNT.fetch_add(1, Ordering::AcqRel) < MOST {
        println!("patient: CPU {}: {what} is {found:#x} and should be {expected:#x}", cpu::index());
    }
}

/// Looks at memory that has to be zero.
pub(crate) fn in_memory(stretch: &Stretch) {
    let mut traces = stretch.traces();
    if let Some(first) = traces.next() {
        let more = traces.count();
        COUNT.fetch_add(1, Ordering::AcqRel);
        println!("patient: memory from {first:#x} on is not zero, nor are {more} words behind it");
    }
}
