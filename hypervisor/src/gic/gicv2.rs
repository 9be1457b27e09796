//! A GICv2: CPU interfaces in memory, and no redistributors.
//!
//! GICv2 §4. The interrupts that EL2 has are of one group: with two Security states group 1, with one group 0, as
//! software without EL2 finds it. What belongs to a CPU is banked: only that CPU reaches it, so EL2 cannot make
//! an SGI deliverable for another CPU and wakes it by an SPI of its own.

use super::banked::Banked;
use super::cpu_frame::CpuFrame;
use super::distributor::Distributor;
use super::unfit::Unfit;
use super::wake::Wake;
use crate::mmio::Mmio;
use bulkhead_core::Why;
use bulkhead_core::distributor::Access;
use bulkhead_plan::{Cpu, GicVersion, Plan};

/// The controller.
pub(crate) struct Gicv2 {
    pub(super) distributor: Distributor,
    banked: Banked,
    frame: CpuFrame,
    wake: Wake,
}

impl Gicv2 {
    /// Takes it over: everything disabled.
    pub(super) fn take(plan: &Plan<'_>) -> Result<Self, Unfit> {
        // SAFETY: EL2's tables map the distributor.
        let registers = unsafe { Mmio::new(plan.board.distributor.base.0) };
        // SAFETY: EL2's tables map both pages of the CPU interface.
        let frame = CpuFrame::new(unsafe { Mmio::new(plan.board.cpu_interface.base.0) });
        let distributor = Distributor::new(registers, GicVersion::V2);
        if !distributor.is_of_its_kind() || !frame.is_of_its_kind() {
            return Err(Unfit::Kind);
        }
        distributor.start(plan)?;
        let wake = Wake::prepare(distributor, plan.board.wake).ok_or(Unfit::Missing(plan.board.wake))?;
        Ok(Self { distributor, banked: Banked::new(registers), frame, wake })
    }

    pub(super) fn arrive(&self, cpu: &Cpu) -> Result<(), Why> {
        if self.banked.interface() != Some(cpu.interface) {
            return Err(Why::Misnumbered);
        }
        self.leave(cpu);
        Ok(())
    }

    pub(super) fn leave(&self, cpu: &Cpu) {
        self.frame.close();
        self.quiesce(cpu);
        self.frame.reset();
    }

    /// Makes the SGIs and PPIs of this CPU as if they had never been used.
    pub(super) fn quiesce(&self, cpu: &Cpu) {
        self.wake.forget(cpu.interface);
        self.banked.quiesce();
    }

    pub(super) fn wake(&self, cpu: &Cpu) {
        self.wake.call(cpu.interface);
    }

    pub(super) fn access_interface(&self, access: Access) -> u64 {
        let value = self.frame.carry_out(access);
        if CpuFrame::acknowledges(access) && self.wake.is_this(value) {
            // Meant for a CPU that has to leave, and so has this one, before it is back at its guest.
            self.frame.end(value);
            self.wake.repeat();
            return CpuFrame::NONE_PENDING;
        }
        value
    }

    pub(super) fn may_sleep(&self) -> bool {
        self.frame.may_sleep()
    }

    pub(super) fn refuse_fiqs(&self) -> bool {
        self.frame.refuse_fiqs()
    }
}
