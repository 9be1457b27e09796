//! Stage 2 in use: whose tables this CPU walks, and forgetting what was walked.
//!
//! The only place where VTTBR_EL2 is written. An invalidation acts on the VMID of the CPU that makes it, so
//! who invalidates another partition's takes its VMID for that while. That partition's root is empty by then,
//! so nothing can be walked under the borrowed VMID, not even in speculation (Cortex-A57 erratum 1319537,
//! Cortex-A72 1319367, Cortex-A76 1165522, Cortex-A55 1530923). All partitions share one VTCR_EL2.

use crate::partition::Partition;
use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{VTCR_EL2, VTTBR_EL2};
use core::arch::asm;
use tock_registers::interfaces::{Readable, Writeable};

/// Makes the partition's stage 2 this CPU's, before anything can walk it.
pub(crate) fn take(partition: &Partition) {
    VTCR_EL2.set(partition.compartment.partition.vtcr);
    VTTBR_EL2.set(base_of(partition));
    barrier::isb(barrier::SY);
    // SAFETY: forgetting translations of EL1 changes nothing that EL2 relies on.
    unsafe { asm!("tlbi alle1", "dsb nsh", "isb", options(nostack, preserves_flags)) };
}

/// Makes every CPU forget what it knew of the partition's memory; its root has just been cleared.
pub(crate) fn forget(partition: &Partition) {
    barrier::dsb(barrier::ISHST);
    let own = VTTBR_EL2.get();
    VTTBR_EL2.set(base_of(partition));
    barrier::isb(barrier::SY);
    // Twice: Cortex-A55 erratum 2441007, Cortex-A76 1286807, Cortex-A510 2441009.
    // SAFETY: forgetting translations changes nothing but what the cleared root says.
    unsafe {
        asm!(
            "tlbi vmalls12e1is",
            "dsb ish",
            "tlbi vmalls12e1is",
            "dsb ish",
            options(nostack, preserves_flags)
        );
    }
    VTTBR_EL2.set(own);
    barrier::isb(barrier::SY);
}

fn base_of(partition: &Partition) -> u64 {
    u64::from(partition.compartment.partition.vmid) << 48 | partition.root.address().0
}
