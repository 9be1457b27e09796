//! A pattern in memory that nobody else may touch.
//!
//! Each word is different, so that a copy from one place to another is noticed too. Words are atomics
//! because, if isolation fails, somebody else does write them.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use guest_rt::Span;

/// 64 KiB.
const WORDS: usize = 0x2000;

static PATTERN: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];

/// How the pattern is.
pub(crate) enum State {
    /// As it was laid down.
    Intact,
    /// Changed, from this address on.
    Damaged(u64),
}

/// Writes the pattern.
pub(crate) fn lay() {
    for (word, index) in PATTERN.iter().zip(0..) {
        word.store(expected(index), Ordering::Relaxed);
    }
}

/// Where it is.
pub(crate) fn span() -> Span {
    Span { base: address(&PATTERN[0]), size: size_of_val(&PATTERN) as u64 }
}

/// How it is.
pub(crate) fn state() -> State {
    let mut words = PATTERN.iter().zip(0..);
    let changed = words.find(|(word, index)| word.load(Ordering::Relaxed) != expected(*index));
    changed.map_or(State::Intact, |(word, _)| State::Damaged(address(word)))
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intact => f.write_str("intact"),
            Self::Damaged(address) => write!(f, "DAMAGED at {address:#x}"),
        }
    }
}

/// The index times an odd constant, the golden ratio of 2 to the 64, so that neighbours differ in many bits.
fn expected(index: u64) -> u64 {
    (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn address(word: &AtomicU64) -> u64 {
    word.as_ptr().addr() as u64
}
