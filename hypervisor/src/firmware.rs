//! Calls to the firmware: PSCI of EL3, by SMC.
//!
//! PSCI 1.1 (DEN 0022). Nothing of a guest's gets here but by a decision of `bulkhead-core`. A board may have no
//! firmware that answers, and there an SMC would be the last thing that a CPU does.

use bulkhead_core::{Registers, Workarounds};
use bulkhead_plan::Conduit;
use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

/// What the firmware answers, PSCI's error codes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer(i64);

impl Answer {
    /// PSCI: done.
    pub(crate) const SUCCESS: Self = Self(0);
    /// PSCI: the CPU is on.
    pub(crate) const ALREADY_ON: Self = Self(-4);

    /// Whether the call has succeeded.
    pub(crate) const fn is_success(self) -> bool {
        self.0 == Self::SUCCESS.0
    }

    /// The code.
    pub(crate) const fn code(self) -> i64 {
        self.0
    }
}

/// Whether there is firmware; until somebody says so, there is none.
static IS_THERE: AtomicBool = AtomicBool::new(false);

/// Goes this way to the firmware from now on.
pub(crate) fn reach_by(conduit: Conduit) {
    IS_THERE.store(conduit == Conduit::Smc, Ordering::Relaxed);
}

/// CPU_ON: starts the CPU `mpidr` at physical address `entry` with `context` in x0. Without firmware every CPU
/// is on.
pub(crate) fn cpu_on(mpidr: u64, entry: u64, context: u64) -> Answer {
    match call(0xc400_0003, [mpidr, entry, context]) {
        NOT_SUPPORTED => Answer::ALREADY_ON,
        code => Answer(code),
    }
}

/// CPU_OFF: returns only if the firmware refuses, or there is none.
pub(crate) fn cpu_off() {
    #[cfg(not(feature = "without-cpu-off"))]
    call(0x8400_0002, [0; 3]);
}

/// AFFINITY_INFO: whether the CPU `mpidr` is off.
pub(crate) fn is_off(mpidr: u64) -> bool {
    call(0xc400_0004, [mpidr, 0, 0]) == 1
}

/// SYSTEM_OFF: returns only if the firmware has no such call.
pub(crate) fn system_off() {
    call(0x8400_0008, [0; 3]);
}

/// What it does against speculation on the CPU that asks.
pub(crate) fn workarounds() -> Workarounds {
    let has_convention = call(PSCI_FEATURES, [u64::from(SMCCC_VERSION), 0, 0]) >= 0;
    if !has_convention || call(SMCCC_VERSION, [0; 3]) < SMCCC_1_1 {
        return Workarounds::NONE;
    }
    Workarounds::ask(|function| {
        // The answer has 32 bits (DEN 0028 §7.3).
        (call(SMCCC_ARCH_FEATURES, [u64::from(function), 0, 0]) & 0xffff_ffff) as u32 as i32
    })
}

/// What a guest may have turned off against CVE-2018-3639 on this CPU is on again, as the next one takes for granted
/// (SMCCC_ARCH_WORKAROUND_2, DEN 0028 §7.5).
pub(crate) fn mitigate(workarounds: &Workarounds) {
    if workarounds.second == 0 {
        call(SMCCC_ARCH_WORKAROUND_2, [1, 0, 0]);
    }
}

const SMCCC_ARCH_WORKAROUND_2: u32 = 0x8000_7fff;
const PSCI_FEATURES: u32 = 0x8400_000a;
const SMCCC_VERSION: u32 = 0x8000_0000;
const SMCCC_ARCH_FEATURES: u32 = 0x8000_0001;
const SMCCC_1_1: i64 = 0x1_0001;

/// Has it answer a guest's call, which a decision of `bulkhead-core` allows; `client` tells it which guest.
pub(crate) fn forward(registers: &mut Registers, client: u32) {
    let mut words: [u64; 7] = core::array::from_fn(|number| registers.x[number]);
    // SAFETY: as for `call`; the plan names only functions that are the firmware's, and what these may do with
    // a guest's arguments is what who wrote the plan has answered for.
    unsafe {
        asm!(
            "smc #0",
            inlateout("x0") words[0], inlateout("x1") words[1], inlateout("x2") words[2],
            inlateout("x3") words[3],
            inlateout("x4") words[4] => _, inlateout("x5") words[5] => _, inlateout("x6") words[6] => _,
            inlateout("x7") u64::from(client) => _,
            out("x8") _, out("x9") _, out("x10") _, out("x11") _, out("x12") _, out("x13") _, out("x14") _,
            out("x15") _, out("x16") _, out("x17") _,
            options(nostack),
        );
    }
    (0..4).for_each(|number| registers.x[number] = words[number]);
}

/// PSCI's and SMCCC's answer to a call that nobody knows.
const NOT_SUPPORTED: i64 = -1;

#[inline(never)]
fn call(function: u32, arguments: [u64; 3]) -> i64 {
    if !IS_THERE.load(Ordering::Relaxed) {
        return NOT_SUPPORTED;
    }
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
