//! The physical interrupt controller: what EL2 does with it itself.
//!
//! The distributor is set up once at boot from the plan and never locked afterwards, for every later write
//! touches bits of one partition only. What belongs to a CPU, its SGIs and PPIs and its interface, that CPU
//! resets when it arrives and when it leaves.

mod banked;
mod cpu_frame;
mod distributor;
mod gicv2;
mod gicv3;
mod interface;
mod redistributor;
mod translator;
mod unfit;
mod wake;

use bulkhead_core::Why;
use bulkhead_core::distributor::Access;
use bulkhead_plan::{Cpu, GicVersion, Plan};
use gicv2::Gicv2;
use gicv3::Gicv3;

pub(crate) use distributor::Distributor;
pub(crate) use interface::{active_priorities, preemption_bits, send, set_active_priorities};
pub(crate) use redistributor::Redistributor;
pub(crate) use unfit::Unfit;

/// The board's interrupt controller.
pub(crate) enum Gic {
    /// A GICv2: what belongs to a CPU lies where it lies for every CPU.
    V2(Gicv2),
    /// A GICv3: every CPU has a redistributor, which all can reach, and system registers, which only it can.
    V3(Gicv3),
}

impl Gic {
    /// Takes the controller of the plan over: everything disabled, each SPI routed to its owner. EL2's tables
    /// map its frames. `has_gicv3` is whether the CPU that executes this has the interface of one.
    pub(crate) fn take(plan: &Plan<'_>, has_gicv3: bool) -> Result<Self, Unfit> {
        match plan.board.gic {
            GicVersion::V2 if has_gicv3 => Err(Unfit::Kind),
            GicVersion::V2 => Gicv2::take(plan).map(Self::V2),
            GicVersion::V3 if !has_gicv3 => Err(Unfit::Kind),
            GicVersion::V3 => Gicv3::take(plan).map(Self::V3),
        }
    }

    /// The distributor.
    pub(crate) const fn distributor(&self) -> Distributor {
        match self {
            Self::V2(gic) => gic.distributor,
            Self::V3(gic) => gic.distributor,
        }
    }

    /// The redistributor of the CPU at `index` of the plan.
    pub(crate) fn redistributor(&self, index: usize) -> Option<Redistributor> {
        match self {
            Self::V2(_) => None,
            Self::V3(gic) => gic.redistributors.get(index).copied(),
        }
    }

    /// Makes this CPU, `cpu` of the plan at `index`, one that has taken no interrupt yet.
    pub(crate) fn arrive(&self, index: usize, cpu: &Cpu) -> Result<(), Why> {
        match self {
            Self::V2(gic) => gic.arrive(cpu),
            Self::V3(gic) => gic.arrive(index),
        }
    }

    /// Cleans up behind the guest of this CPU, `cpu` of the plan at `index`: nothing active, nothing let through.
    pub(crate) fn leave(&self, index: usize, cpu: &Cpu) {
        match self {
            Self::V2(gic) => gic.leave(cpu),
            Self::V3(gic) => gic.leave(index),
        }
    }

    /// Forgets, on a CPU that has left, what has come to wake it since.
    pub(crate) fn forget_wake(&self, index: usize, cpu: &Cpu) {
        match self {
            Self::V2(gic) => gic.quiesce(cpu),
            Self::V3(gic) => gic.forget_wake(index),
        }
    }

    /// Wakes a CPU that may sleep and has to leave: `cpu` of the plan at `index`.
    pub(crate) fn wake(&self, index: usize, cpu: &Cpu) {
        match self {
            Self::V2(gic) => gic.wake(cpu),
            Self::V3(gic) => gic.wake(index, cpu),
        }
    }

    /// Makes the SGIs and PPIs of a partition's CPUs, the first of them at `index`, as if they had never been
    /// used. Each CPU does that with its own, but what has woken it may have come later, and a guest reaches
    /// the redistributors of CPUs that were never on.
    pub(crate) fn quiesce_private(&self, index: usize, cpus: &[Cpu]) {
        if let Self::V3(gic) = self {
            gic.redistributors.iter().skip(index).take(cpus.len()).for_each(|frame| {
                frame.quiesce();
            });
        }
    }

    /// Carries out an access of a guest to the CPU interface in memory; the value is what a load gives.
    pub(crate) fn access_interface(&self, access: Access) -> u64 {
        match self {
            Self::V2(gic) => gic.access_interface(access),
            Self::V3(_) => 0,
        }
    }

    /// Whether an interrupt could wake this CPU.
    pub(crate) fn may_sleep(&self) -> bool {
        match self {
            Self::V2(gic) => gic.may_sleep(),
            Self::V3(_) => interface::may_sleep(),
        }
    }

    /// Has no interrupt of this CPU come as an FIQ any more. False if one comes all the same.
    pub(crate) fn refuse_fiqs(&self) -> bool {
        match self {
            Self::V2(gic) => gic.refuse_fiqs(),
            Self::V3(_) => false,
        }
    }
}

/// How often to look at a bit that hardware is about to change.
const PATIENCE: u32 = 1 << 20;

/// Waits until `done` holds; false if it never does.
fn wait(mut done: impl FnMut() -> bool) -> bool {
    (0..PATIENCE).any(|_| {
        core::hint::spin_loop();
        done()
    })
}
