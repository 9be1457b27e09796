//! A MiB of memory that nobody else may touch, and its hash.
//!
//! Each word is different, so that a copy from one place to another is noticed too. Words are atomics because,
//! if isolation fails, somebody else does write them.

use core::sync::atomic::{AtomicU64, Ordering};

const WORDS: usize = 0x2_0000;

static MEMORY: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];
static HASH: AtomicU64 = AtomicU64::new(0);

/// Fills it.
pub(crate) fn lay() {
    for (word, index) in MEMORY.iter().zip(0_u64..) {
        word.store((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15), Ordering::Relaxed);
    }
    HASH.store(hash(), Ordering::Relaxed);
}

/// Whether it hashes to what it did.
pub(crate) fn is_intact() -> bool {
    hash() == HASH.load(Ordering::Relaxed)
}

/// FNV-1a, by words: every bit of every word, and their order, count.
fn hash() -> u64 {
    MEMORY.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, word| {
        (hash ^ word.load(Ordering::Relaxed)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
