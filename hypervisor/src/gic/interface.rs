//! The CPU interface of the CPU that executes this.
//!
//! GICv3 §12.2. While a guest runs, its group 1 registers are the guest's; EL2 resets them before and
//! after, and writes physically what the guest may not.

use crate::registers::{
    ICC_AP1R0_EL1, ICC_AP1R1_EL1, ICC_AP1R2_EL1, ICC_AP1R3_EL1, ICC_BPR1_EL1, ICC_CTLR_EL1, ICC_IGRPEN1_EL1,
    ICC_PMR_EL1, ICC_SGI1R_EL1, synchronize,
};
use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::ICH_VTR_EL2;
use tock_registers::interfaces::Readable;

/// Lets nothing through to the CPU any more.
pub(crate) fn close() {
    ICC_IGRPEN1_EL1::write(0);
    synchronize();
}

/// Makes the interface as after a reset: closed, nothing active, every priority masked.
///
/// Active priorities may be cleared only once nothing is active, so redistributor and distributor come first.
pub(crate) fn reset() {
    ICC_IGRPEN1_EL1::write(0);
    ICC_PMR_EL1::write(0);
    ICC_CTLR_EL1::write(0);
    ICC_BPR1_EL1::write(0);
    // Registers beyond the first exist from 6 and 7 bits of priority on; else they are UNDEFINED.
    let priority_bits = (ICH_VTR_EL2.get() >> 26 & 7) + 1;
    ICC_AP1R0_EL1::write(0);
    if priority_bits >= 6 {
        ICC_AP1R1_EL1::write(0);
    }
    if priority_bits >= 7 {
        ICC_AP1R2_EL1::write(0);
        ICC_AP1R3_EL1::write(0);
    }
    synchronize();
}

/// Sends SGI `intid` to the CPU with this MPIDR, after everything that this CPU has written.
pub(crate) fn send_sgi(intid: u64, mpidr: u64) {
    barrier::dsb(barrier::ISHST);
    ICC_SGI1R_EL1::write(bulkhead_core::sgi::physical(intid, mpidr));
    synchronize();
}
