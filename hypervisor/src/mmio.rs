//! Registers of a device, by one load or store each.
//!
//! EL2's accesses to devices are written in assembly so that the compiler can neither split, merge, widen
//! nor repeat them.

use bulkhead_core::Width;
use core::arch::asm;

/// The registers of one device, mapped where they lie physically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mmio(u64);

impl Mmio {
    /// A device whose registers begin at `base`.
    ///
    /// # Safety
    ///
    /// There is such a device, it is mapped as Device memory at that virtual address, and its accessors are
    /// only ever used for offsets inside it and values that leave partitions' and EL2's memory alone.
    pub(crate) const unsafe fn new(base: u64) -> Self {
        Self(base)
    }

    /// No overflow is looked for: offsets lie inside the device.
    const fn at(self, offset: u64) -> u64 {
        self.0.wrapping_add(offset)
    }

    /// Loads 32 bits from `offset`.
    pub(crate) fn load(self, offset: u64) -> u32 {
        let value: u32;
        // SAFETY: whoever made `self` has promised that the registers are there.
        unsafe {
            asm!("ldr {0:w}, [{1}]", out(reg) value, in(reg) self.at(offset), options(nostack, preserves_flags));
        }
        value
    }

    /// Stores 32 bits at `offset`.
    pub(crate) fn store(self, offset: u64, value: u32) {
        // SAFETY: as for `load`.
        unsafe {
            asm!("str {0:w}, [{1}]", in(reg) value, in(reg) self.at(offset), options(nostack, preserves_flags));
        }
    }

    /// Stores `value` in `words`, at least one, consecutive words from `offset` on.
    pub(crate) fn fill(self, offset: u64, words: usize, value: u32) {
        // SAFETY: as for `load`.
        unsafe {
            asm!("2: str {0:w}, [{1}], #4", "subs {2}, {2}, #1", "b.ne 2b",
                in(reg) value, inout(reg) self.at(offset) => _, inout(reg) words => _, options(nostack));
        }
    }

    /// Loads 64 bits from `offset`.
    pub(crate) fn load_double(self, offset: u64) -> u64 {
        let value: u64;
        // SAFETY: as for `load`.
        unsafe {
            asm!("ldr {0}, [{1}]", out(reg) value, in(reg) self.at(offset), options(nostack, preserves_flags));
        }
        value
    }

    /// Stores 64 bits at `offset`.
    pub(crate) fn store_double(self, offset: u64, value: u64) {
        // SAFETY: as for `load`.
        unsafe {
            asm!("str {0}, [{1}]", in(reg) value, in(reg) self.at(offset), options(nostack, preserves_flags));
        }
    }

    /// Stores 8 bits at `offset`.
    pub(crate) fn store_byte(self, offset: u64, value: u8) {
        // SAFETY: as for `load`.
        unsafe {
            asm!("strb {0:w}, [{1}]", in(reg) value, in(reg) self.at(offset), options(nostack, preserves_flags));
        }
    }

    /// Loads 8 bits from `offset`.
    pub(crate) fn load_byte(self, offset: u64) -> u8 {
        let value: u8;
        // SAFETY: as for `load`.
        unsafe {
            asm!("ldrb {0:w}, [{1}]", out(reg) value, in(reg) self.at(offset), options(nostack, preserves_flags));
        }
        value
    }

    /// Loads a value of `width`; the GIC has no registers of 16 bits.
    pub(crate) fn load_width(self, offset: u64, width: Width) -> u64 {
        match width {
            Width::Byte => u64::from(self.load_byte(offset)),
            Width::Half | Width::Word => u64::from(self.load(offset)),
            Width::Double => self.load_double(offset),
        }
    }
}
