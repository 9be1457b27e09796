//! Silencing a partition's devices: nothing writes into memory that is about to be used again.
//!
//! Which registers that takes, the board file says and the plan carries. Their pages are in sight only
//! together with the partition's memory, for this while.

use crate::maps;
use crate::mmio::Mmio;
use crate::partition::Partition;
use crate::pause;
use crate::system::System;
use aarch64_cpu::asm::barrier;
use bulkhead_core::sight::WHILE;
use bulkhead_plan::{PAGE, Pa, Step, StepKind};

/// Milliseconds that a device may take to follow a step.
const PATIENCE: u64 = 100;

/// Silences the devices of `partition`; the register that does not follow, if one does not.
pub(crate) fn devices(system: &System, partition: &Partition) -> Result<(), Pa> {
    let steps = partition.compartment.partition.silence.of(system.plan.steps).unwrap_or_default();
    let Some(root) = system.maps.loads.get(partition.index).filter(|_| !steps.is_empty()) else {
        return Ok(());
    };
    maps::while_seeing(*root, || {
        let stubborn = steps.iter().find(|step| !take(step));
        barrier::dsb(barrier::SY);
        stubborn.map_or(Ok(()), |step| Err(step.address))
    })
}

/// Takes a step; false if its register does not follow.
fn take(step: &Step) -> bool {
    let Step { address, value, mask, kind, .. } = *step;
    // SAFETY: the root maps the page of every step of this partition as Device memory, and `verify` has
    // checked that the register is neither EL2's, nor the GIC's, nor another partition's.
    let page = unsafe { Mmio::new(WHILE + (address.0 & !(PAGE - 1))) };
    let offset = address.0 % PAGE;
    match kind {
        StepKind::Write => {
            let kept = if mask == u32::MAX { 0 } else { page.load(offset) & !mask };
            page.store(offset, kept | value & mask);
            true
        }
        StepKind::Await => pause::until(PATIENCE, || page.load(offset) & mask == value & mask),
    }
}
