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

/// Copies as much as both have, a line at a time: a quarter of the instructions that the compiler takes for it.
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    let (lines, rest) = from.as_chunks::<LINE>();
    let (to_lines, to_rest) = to.as_chunks_mut::<LINE>();
    let count = lines.len().min(to_lines.len());
    if count != 0 {
        // SAFETY: both have so many lines, and being borrowed they do not overlap.
        unsafe {
            asm!(
                "2:",
                "ldp {a}, {b}, [{from}], #64", "ldp {c}, {d}, [{from}, #-48]",
                "stp {a}, {b}, [{to}], #64", "stp {c}, {d}, [{to}, #-48]",
                "ldp {a}, {b}, [{from}, #-32]", "ldp {c}, {d}, [{from}, #-16]",
                "stp {a}, {b}, [{to}, #-32]", "stp {c}, {d}, [{to}, #-16]",
                "subs {count}, {count}, #1", "b.ne 2b",
                from = inout(reg) lines.as_ptr() => _, to = inout(reg) to_lines.as_mut_ptr() => _,
                count = inout(reg) count => _,
                a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _,
                options(nostack),
            );
        }
    }
    to_rest.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
}

/// What [`copy`] copies at once.
const LINE: usize = 64;

/// Clears Normal memory, by blocks where there are whole ones.
pub(crate) fn zero(memory: &mut [u8]) {
    let properties = DCZID_EL0::read();
    // DCZID_EL0.BS: log2 of the words in a block; DCZID_EL0.DZP: the instruction is prohibited.
    let block = 4_usize << (properties & 0xf);
    let is_prohibited = properties & 0x10 != 0;
    let (before, rest) = memory.split_at_mut(memory.as_ptr().align_offset(block).min(memory.len()));
    let whole = if is_prohibited { 0 } else { rest.len() / block * block };
    let (blocks, behind) = rest.split_at_mut(whole);
    before.fill(0);
    for block in blocks.chunks_exact_mut(block) {
        // SAFETY: a block of the size that the CPU says, aligned, and borrowed.
        unsafe { asm!("dc zva, {}", in(reg) block.as_mut_ptr(), options(nostack, preserves_flags)) };
    }
    behind.fill(0);
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
