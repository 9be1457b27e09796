//! Physical and intermediate physical addresses that cannot be mixed up.
//!
//! An intermediate physical address (IPA) is what a guest believes to be physical; stage 2 turns it into
//! a physical address (Arm ARM D8.2). Confusing the two is how a hypervisor leaks memory, so they are
//! two types and nothing converts one into the other but a region of the plan.

use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes in a page of the 4 KiB granule: the unit of isolation.
pub const PAGE: u64 = 0x1000;
/// Bytes in a level-2 block of the 4 KiB granule.
pub const BLOCK: u64 = 0x20_0000;
/// Bytes in a level-1 block of the 4 KiB granule.
pub const GIGABYTE: u64 = 0x4000_0000;

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default,
            FromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The address `bytes` further on, or `None` where the address space ends.
            pub const fn checked_add(self, bytes: u64) -> Option<Self> {
                match self.0.checked_add(bytes) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// Whether this is a multiple of `unit`; false for a unit of zero.
            pub const fn is_aligned(self, unit: u64) -> bool {
                matches!(self.0.checked_rem(unit), Some(0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

address! {
    /// A physical address, in bytes.
    Pa
}
address! {
    /// An intermediate physical address, in bytes: what a guest calls physical.
    Ipa
}

/// A stretch of physical addresses: `base` up to, not including, `base + size`.
#[derive(Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Span {
    /// First byte.
    pub base: Pa,
    /// Length in bytes.
    pub size: u64,
}

impl Span {
    /// A span of `size` bytes from `base`.
    pub const fn new(base: u64, size: u64) -> Self {
        Self { base: Pa(base), size }
    }

    /// The first address behind the span; `None` if the span wraps.
    pub const fn end(&self) -> Option<u64> {
        self.base.0.checked_add(self.size)
    }

    /// Whether the two share a byte; a wrapping span overlaps everything above its base.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.size != 0
            && other.size != 0
            && self.base.0 < other.end().unwrap_or(u64::MAX)
            && other.base.0 < self.end().unwrap_or(u64::MAX)
    }

    /// Whether every byte of `other` lies in this span; false if either wraps.
    pub fn contains(&self, other: &Self) -> bool {
        match (self.end(), other.end()) {
            (Some(end), Some(other_end)) => self.base <= other.base && other_end <= end,
            _ => false,
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Span {
    /// Writes the first and the last byte, as a data sheet does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.base.0.saturating_add(self.size.saturating_sub(1));
        write!(f, "{:#x}..={last:#x}", self.base.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_do_not_overlap() {
        let low = Span::new(0x1000, 0x1000);
        let high = Span::new(0x2000, 0x1000);
        assert!(!low.overlaps(&high) && !high.overlaps(&low));
        assert!(low.overlaps(&Span::new(0x1fff, 2)));
    }

    #[test]
    fn a_wrapping_span_contains_nothing_and_overlaps_what_it_covers() {
        let wrapping = Span::new(u64::MAX - 1, 4);
        assert!(!wrapping.contains(&Span::new(u64::MAX - 1, 1)));
        assert!(wrapping.overlaps(&Span::new(0, u64::MAX)));
    }

    #[test]
    fn nothing_is_aligned_to_zero() {
        assert!(!Pa(0).is_aligned(0));
        assert!(Ipa(0x20_0000).is_aligned(BLOCK));
    }
}
