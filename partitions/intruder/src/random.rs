//! Random numbers that can be had again.
//!
//! Xorshift (Marsaglia 2003): what matters is that a seed names a run, not how good the numbers are.

/// A source of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The source that `seed` names.
    pub(crate) fn new(seed: u64) -> Self {
        // Zero is the one state that it never leaves; neighbouring seeds must not begin alike.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1))
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
