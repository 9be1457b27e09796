//! All that boot has made: the plan, its partitions, their CPUs. It never changes.

use crate::berth::Place;
use crate::control::Identity;
use crate::cpu::Cpu;
use crate::gic::{Distributor, Gic};
use crate::maps::Maps;
use crate::partition::Partition;
use alloc::vec::Vec;
use bulkhead_plan::{Pa, Plan};
use spin::{Mutex, Once};

/// The system.
pub(crate) struct System {
    /// What was decided.
    pub(crate) plan: Plan<'static>,
    /// Partitions, in the plan's order.
    pub(crate) partitions: Vec<Partition>,
    /// CPUs that have an owner, in the plan's order; each is locked by itself as long as it is on.
    pub(crate) cpus: Vec<Mutex<Cpu>>,
    /// Where each of them waits if nobody turns it off.
    pub(crate) berths: Vec<Place>,
    /// What these CPUs are; each says so when it first has a guest.
    pub(crate) identities: Vec<Once<Identity>>,
    /// EL2's tables.
    pub(crate) maps: Maps,
    /// The physical interrupt controller.
    pub(crate) gic: Gic,
    /// Its distributor.
    pub(crate) distributor: Distributor,
    /// Where a CPU begins that the firmware starts.
    pub(crate) secondary_entry: Pa,
}

static SYSTEM: Once<System> = Once::new();

/// Publishes the system; boot does it once, before any other CPU is on.
pub(crate) fn publish(system: System) -> &'static System {
    SYSTEM.call_once(|| system)
}

/// The system, once boot has made it.
pub(crate) fn get() -> Option<&'static System> {
    SYSTEM.get()
}

/// Its partitions; none before boot has made them.
pub(crate) fn partitions() -> &'static [Partition] {
    get().map_or(&[], |system| &system.partitions)
}
