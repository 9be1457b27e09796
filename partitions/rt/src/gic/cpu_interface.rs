//! The CPU interface of a GICv3: system registers (GICv3 §12.2).
//!
//! They are named to the assembler, because `aarch64-cpu` does not know most of them. None of them touches
//! memory, but none is `nomem`: what an interrupt announces must not be read before it is acknowledged.

use super::Taken;
use core::arch::asm;
use tock_registers::register_bitfields;

/// The first of the INTIDs that are no interrupt.
const SPECIAL: u64 = 1020;

register_bitfields![u64,
    /// ICC_SGI1R_EL1.
    ICC_SGI1R [
        AFF3 OFFSET(48) NUMBITS(8) [],
        AFF2 OFFSET(32) NUMBITS(8) [],
        INTID OFFSET(24) NUMBITS(4) [],
        AFF1 OFFSET(16) NUMBITS(8) [],
        TARGET_LIST OFFSET(0) NUMBITS(16) [],
    ]
];

macro_rules! write {
    ($register:literal, $value:expr) => {
        // SAFETY: changes which interrupts come, and nothing else.
        unsafe { asm!(concat!("msr ", $register, ", {}"), "isb", in(reg) $value, options(nostack)) }
    };
}

/// Lets interrupts of group 1 with any priority come to this CPU.
pub(super) fn enable() {
    write!("icc_sre_el1", 1_u64);
    write!("icc_ctlr_el1", 0_u64);
    write!("icc_pmr_el1", 0xff_u64);
    write!("icc_igrpen1_el1", 1_u64);
}

/// Takes the interrupt with the highest priority; `None` if it is gone.
pub(super) fn acknowledge() -> Option<Taken> {
    let intid: u64;
    // SAFETY: makes the interrupt active, which is what the caller is there for.
    unsafe { asm!("mrs {}, icc_iar1_el1", "dsb sy", out(reg) intid, options(nostack)) };
    if intid < SPECIAL { u32::try_from(intid).ok().map(Taken) } else { None }
}

/// Ends the interrupt that [`acknowledge`] returned.
pub(super) fn end(taken: &Taken) {
    write!("icc_eoir1_el1", u64::from(taken.0));
}

/// Sends the SGI `intid`, 0 to 15, to the CPU of this affinity, whose Aff0 is below 16.
pub(super) fn send_sgi(intid: u32, affinity: u64) {
    // SAFETY: what the CPUs of the guest share must be visible to the receiver.
    unsafe { asm!("dsb ish", options(nostack)) };
    write!("icc_sgi1r_el1", sgi(intid, affinity));
}

/// What ICC_SGI1R_EL1 is written with to do that.
pub fn sgi(intid: u32, affinity: u64) -> u64 {
    let [aff0, aff1, aff2, _, aff3, ..] = affinity.to_le_bytes();
    let sgi = ICC_SGI1R::AFF3.val(aff3.into())
        + ICC_SGI1R::AFF2.val(aff2.into())
        + ICC_SGI1R::AFF1.val(aff1.into())
        + ICC_SGI1R::INTID.val(intid.into())
        + ICC_SGI1R::TARGET_LIST.val(1 << (aff0 & 0xf));
    sgi.value
}
