//! Marks for whoever counts what the machine executes.
//!
//! A mark is `MOVZ XZR, #number`: it changes nothing, costs one instruction on every machine, and no compiler
//! emits it. `tools/counter` recognises it and says what EL2 has executed between two of them.

use core::arch::asm;

/// From here on, window `WINDOW` (below 4096) is open.
pub fn begin<const WINDOW: u16>() {
    // SAFETY: writes to XZR are discarded; not `nomem`, so that nothing the window is about leaves it.
    unsafe { asm!("movz xzr, #{}", const 0x1000 | WINDOW, options(nostack, preserves_flags)) }
}

/// Up to here it was.
pub fn end<const WINDOW: u16>() {
    // SAFETY: as above.
    unsafe { asm!("movz xzr, #{}", const 0x2000 | WINDOW, options(nostack, preserves_flags)) }
}
