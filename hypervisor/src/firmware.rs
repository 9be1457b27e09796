//! Calls to the firmware: PSCI of EL3, by SMC.
//!
//! PSCI 1.1 (DEN 0022). Nothing of a guest's gets here but by a decision of `bulkhead-core`.

use core::arch::asm;

/// What the firmware answers, PSCI's error codes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer(i64);

impl Answer {
    /// PSCI: the CPU is on.
    pub(crate) const ALREADY_ON: Self = Self(-4);

    /// Whether the call has succeeded.
    pub(crate) const fn is_success(self) -> bool {
        self.0 == 0
    }

    /// The code.
    pub(crate) const fn code(self) -> i64 {
        self.0
    }
}

/// CPU_ON: starts the CPU `mpidr` at physical address `entry` with `context` in x0.
pub(crate) fn cpu_on(mpidr: u64, entry: u64, context: u64) -> Answer {
    Answer(call(0xc400_0003, [mpidr, entry, context]))
}

/// CPU_OFF: returns only if the firmware refuses.
pub(crate) fn cpu_off() -> Answer {
    Answer(call(0x8400_0002, [0; 3]))
}

/// AFFINITY_INFO: whether the CPU `mpidr` is off.
pub(crate) fn is_off(mpidr: u64) -> bool {
    call(0xc400_0004, [mpidr, 0, 0]) == 1
}

/// SYSTEM_OFF: returns only if the firmware has no such call.
pub(crate) fn system_off() {
    call(0x8400_0008, [0; 3]);
}

fn call(function: u32, arguments: [u64; 3]) -> i64 {
    let [first, second, third] = arguments;
    let result: i64;
    // SAFETY: SMCCC 1.1: the firmware preserves all but x0 to x17, which are named; PSCI touches no memory
    // of ours, and where a started CPU begins, `entry.S` says.
    unsafe {
        asm!(
            "smc #0",
            inlateout("x0") u64::from(function) => result,
            inlateout("x1") first => _,
            inlateout("x2") second => _,
            inlateout("x3") third => _,
            out("x4") _, out("x5") _, out("x6") _, out("x7") _, out("x8") _, out("x9") _, out("x10") _,
            out("x11") _, out("x12") _, out("x13") _, out("x14") _, out("x15") _, out("x16") _, out("x17") _,
            options(nostack),
        );
    }
    result
}
