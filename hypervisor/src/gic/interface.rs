//! The CPU interface of the CPU that executes this.
//!
//! GICv3 §12.2. While a guest runs, its group 1 registers are the guest's; EL2 resets them before and
//! after, and writes physically what the guest may not.

use crate::registers::{
    ICC_AP1R0_EL1, ICC_AP1R1_EL1, ICC_AP1R2_EL1, ICC_AP1R3_EL1, ICC_BPR1_EL1, ICC_CTLR_EL1, ICC_EOIR1_EL1,
    ICC_IGRPEN1_EL1, ICC_PMR_EL1, ICC_RPR_EL1, ICC_SGI1R_EL1, synchronize,
};
use aarch64_cpu::registers::{
    ICH_AP0R0_EL2, ICH_AP0R1_EL2, ICH_AP0R2_EL2, ICH_AP0R3_EL2, ICH_VMCR_EL2, ICH_VTR_EL2,
};
use bulkhead_core::ActivePriorities;
use tock_registers::interfaces::{Readable, Writeable};

/// Lets nothing through to the CPU any more.
pub(super) fn close() {
    ICC_IGRPEN1_EL1::write(0);
    synchronize();
}

/// Makes the interface as after a reset: closed, nothing active, every priority masked.
///
/// Active priorities may be cleared only once nothing is active, so redistributor and distributor come first.
pub(super) fn reset() {
    ICC_IGRPEN1_EL1::write(0);
    ICC_PMR_EL1::write(0);
    ICC_CTLR_EL1::write(0);
    ICC_BPR1_EL1::write(0);
    registers().for_each(|register| set_active_priorities(register, 0));
    end_what_is_left();
    // HCR_EL2.FMO gives a guest a virtual group 0: it signals nothing, and keeps what is written.
    ICH_VMCR_EL2.set(0);
    registers().for_each(clear_virtual_active_priorities);
    synchronize();
}

/// With two Security states QEMU 10.0 ignores a Non-secure write of active priorities as of somebody else's: then they
/// are dropped one by one. There are 32 at most, and nothing is active in the redistributor any more.
fn end_what_is_left() {
    const IDLE: u64 = 0xff;
    for _ in 0..32 {
        if ICC_RPR_EL1::read() == IDLE {
            return;
        }
        ICC_EOIR1_EL1::write(0);
        synchronize();
    }
}

/// Bits of preemption: ICH_VTR_EL2.PREbits holds one less.
#[allow(clippy::cast_possible_truncation, reason = "the field has three bits")]
pub(crate) fn preemption_bits() -> u32 {
    (ICH_VTR_EL2.get() >> 26 & 7) as u32 + 1
}

/// Reads ICC_AP1R<n>_EL1, which must exist.
pub(crate) fn active_priorities(register: ActivePriorities) -> u64 {
    match register.0 {
        0 => ICC_AP1R0_EL1::read(),
        1 => ICC_AP1R1_EL1::read(),
        2 => ICC_AP1R2_EL1::read(),
        _ => ICC_AP1R3_EL1::read(),
    }
}

/// Writes ICC_AP1R<n>_EL1, which must exist.
pub(crate) fn set_active_priorities(register: ActivePriorities, value: u64) {
    match register.0 {
        0 => ICC_AP1R0_EL1::write(value),
        1 => ICC_AP1R1_EL1::write(value),
        2 => ICC_AP1R2_EL1::write(value),
        _ => ICC_AP1R3_EL1::write(value),
    }
}

/// Clears ICH_AP0R<n>_EL2, which must exist.
fn clear_virtual_active_priorities(register: ActivePriorities) {
    match register.0 {
        0 => ICH_AP0R0_EL2.set(0),
        1 => ICH_AP0R1_EL2.set(0),
        2 => ICH_AP0R2_EL2.set(0),
        _ => ICH_AP0R3_EL2.set(0),
    }
}

/// Whether an interrupt could wake this CPU.
pub(super) fn may_sleep() -> bool {
    let mut active = [0; 4];
    active.iter_mut().zip(registers()).for_each(|(value, register)| *value = active_priorities(register));
    bulkhead_core::may_sleep(ICC_IGRPEN1_EL1::read(), ICC_PMR_EL1::read(), &active)
}

/// The registers of active priorities that there are; the others are UNDEFINED.
fn registers() -> impl Iterator<Item = ActivePriorities> {
    (0..ActivePriorities::count(preemption_bits())).map(ActivePriorities)
}

/// Sends an SGI by this value of ICC_SGI1R_EL1. It is not later than what synchronizes this CPU next: an
/// exception return, or an instruction to that end. What the other is to see has to be there before, by a
/// barrier.
pub(crate) fn send(value: u64) {
    ICC_SGI1R_EL1::write(value);
}
