//! Marks for whoever counts what boot costs, phase by phase.
//!
//! A mark is `MOVZ XZR, #number`: it changes nothing, and `tools/counter` knows it. There are a handful, on
//! the way from entry to the first guest; no exit passes one.

use core::arch::asm;

/// A phase, up to the next mark. What comes before the first is entry, in assembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Phase {
    /// Reading and verifying the plan, hashing it and the stage-2 tables.
    Plan = 1,
    /// Building EL2's own tables.
    Maps = 2,
    /// Comparing the plan with the firmware's device tree.
    Board = 11,
    /// Taking over the interrupt controller.
    Interrupts = 3,
    /// Making partitions and CPUs.
    Publish = 4,
    /// Starting CPUs.
    Start = 5,
    /// Setting a CPU up for its guest.
    Arrive = 6,
    /// Copying an image.
    Copy = 7,
    /// Hashing it.
    Hash = 8,
    /// Cleaning the caches behind it.
    Clean = 9,
    /// The way down.
    Enter = 10,
}

/// Says that `phase` begins.
pub(crate) fn begin<const PHASE: u16>() {
    // SAFETY: writes to XZR are discarded; not `nomem`, so that nothing the phase is about leaves it.
    unsafe { asm!("movz xzr, #{}", const 0x3000 | PHASE, options(nostack, preserves_flags)) }
}

/// What the test of the gate adds to the path of calls.
#[cfg(feature = "slower")]
pub(crate) fn waste() {
    // SAFETY: twenty times nothing.
    unsafe { asm!(".rept 20", "nop", ".endr", options(nomem, nostack, preserves_flags)) }
}
