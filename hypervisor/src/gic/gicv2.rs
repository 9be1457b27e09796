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
        let taken = (value & 0xffff_ffff) as u32;
        if CpuFrame::acknowledges(access) && self.wake.is_this(taken) {
            self.pass_on(taken);
            return CpuFrame::NONE_PENDING;
        }
        value
    }

    /// Takes an interrupt for the guest; `None` if it has to leave instead.
    #[inline]
    pub(crate) fn acknowledge(&self) -> Option<u32> {
        let taken = self.frame.acknowledge();
        if self.wake.is_this(taken) {
            self.pass_on(taken);
            return None;
        }
        Some(taken)
    }

    /// Ends an interrupt of the guest's.
    #[inline]
    pub(crate) fn end(&self, value: u32) {
        self.frame.end(value);
    }

    /// What wakes CPUs was meant for one that has to leave, and so has this one, before it is back at its guest.
    #[cold]
    #[inline(never)]
    fn pass_on(&self, taken: u32) {
        self.frame.end(taken);
        self.wake.repeat();
    }

    pub(super) fn may_sleep(&self) -> bool {
        self.frame.may_sleep()
    }

    pub(super) fn refuse_fiqs(&self) -> bool {
        self.frame.refuse_fiqs()
    }
}
