//! A GICv3: redistributors in memory, CPU interfaces in system registers.
//!
//! GICv3 §12. Group 0 stays off: with one Security state it is not enabled, with two it is EL3's and EL2 never
//! touches a register of it.

use super::distributor::Distributor;
use super::redistributor::Redistributor;
use super::unfit::Unfit;
use super::{interface, translator};
use crate::mmio::Mmio;
use aarch64_cpu::asm::barrier;
use alloc::vec::Vec;
use bulkhead_core::{Why, sgi};
use bulkhead_plan::{Cpu, GicVersion, Plan};

/// The controller.
pub(crate) struct Gicv3 {
    pub(super) distributor: Distributor,
    /// In the order of the plan's CPUs.
    pub(super) redistributors: Vec<Redistributor>,
}

/// The SGI that wakes: one that Non-secure software has even where firmware keeps the upper half.
const WAKE: u32 = 0;

impl Gicv3 {
    /// Takes it over: LPIs off, everything disabled.
    pub(super) fn take(plan: &Plan<'_>) -> Result<Self, Unfit> {
        // SAFETY: EL2's tables map the distributor.
        let registers = unsafe { Mmio::new(plan.board.distributor.base.0) };
        let distributor = Distributor::new(registers, GicVersion::V3);
        if !distributor.is_of_its_kind() {
            return Err(Unfit::Kind);
        }
        for its in plan.translators {
            // SAFETY: EL2's tables map the first page of every ITS of the plan.
            if !translator::silence(unsafe { Mmio::new(its.base.0) }) {
                return Err(Unfit::Translator);
            }
        }
        let mut redistributors = Vec::with_capacity(plan.cpus.len());
        for cpu in plan.cpus {
            // SAFETY: EL2's tables map the frames of every CPU of the plan.
            let frame = Redistributor::new(unsafe { Mmio::new(cpu.redistributor.0) });
            if frame.affinity() != cpu.mpidr {
                return Err(Unfit::Foreign);
            }
            if !frame.forbid_lpis() {
                return Err(Unfit::Lpis);
            }
            redistributors.push(frame);
        }
        distributor.start(plan)?;
        Ok(Self { distributor, redistributors })
    }

    pub(super) fn arrive(&self, index: usize) -> Result<(), Why> {
        if !self.redistributors.get(index).is_some_and(|frame| frame.reset()) {
            return Err(Why::Asleep);
        }
        interface::reset();
        Ok(())
    }

    pub(super) fn leave(&self, index: usize) {
        interface::close();
        self.forget_wake(index);
        interface::reset();
    }

    pub(super) fn forget_wake(&self, index: usize) {
        self.redistributors.get(index).map(|frame| frame.reset());
    }

    pub(super) fn wake(&self, index: usize, cpu: &Cpu) {
        if let Some(frame) = self.redistributors.get(index) {
            frame.open_for(WAKE);
        }
        barrier::dsb(barrier::ISHST);
        interface::send(sgi::physical(u64::from(WAKE), cpu.mpidr));
    }
}
