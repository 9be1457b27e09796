//! Cache maintenance, in one place, for QEMU cannot show that it is missing.
//!
//! Data lines are cleaned and invalidated by `DC CIVAC`, never cleaned by `DC CVAC` (Cortex-A53 errata
//! 819472, 824069, 827319).

use crate::registers::{CTR_EL0, DCZID_EL0};
use bulkhead_core::Reach;
use core::arch::asm;

/// Cleans and invalidates the data lines of `size` bytes from virtual address `start`.
pub(crate) fn clean_and_invalidate(start: u64, size: u64) {
    // CTR_EL0.DminLine: log2 of the words in the smallest line.
    let line = 4_u64 << (CTR_EL0::read() >> 16 & 0xf);
    let end = start + size;
    let mut address = start & !(line - 1);
    while address < end {
        // SAFETY: cleaning and invalidating a line changes nothing that a coherent observer sees.
        unsafe { asm!("dc civac, {}", in(reg) address, options(nostack, preserves_flags)) };
        address += line;
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb sy", options(nostack, preserves_flags)) };
}

/// Clears `size` bytes of Normal memory from virtual address `start`; both are multiples of a page.
pub(crate) fn zero(start: u64, size: u64) {
    let properties = DCZID_EL0::read();
    // DCZID_EL0.BS: log2 of the words in a block; DCZID_EL0.DZP: the instruction is prohibited.
    let block = 4_u64 << (properties & 0xf);
    let is_prohibited = properties & 0x10 != 0;
    let mut address = start;
    while address < start + size {
        if is_prohibited {
            // SAFETY: the caller has the memory mapped, writable, and to itself.
            unsafe { asm!("stp xzr, xzr, [{}]", in(reg) address, options(nostack, preserves_flags)) };
            address += 16;
        } else {
            // SAFETY: as above; a block never crosses a page.
            unsafe { asm!("dc zva, {}", in(reg) address, options(nostack, preserves_flags)) };
            address += block;
        }
    }
}

/// Makes instructions be fetched again.
pub(crate) fn invalidate_instructions(reach: Reach) {
    match reach {
        // SAFETY: what is fetched again is what memory holds.
        Reach::ThisCpu => unsafe { asm!("ic iallu", "dsb nsh", "isb", options(nostack, preserves_flags)) },
        // SAFETY: as above.
        Reach::InnerShareable => unsafe {
            asm!("ic ialluis", "dsb ish", "isb", options(nostack, preserves_flags))
        },
    }
}
