//! How a partition ends: by revoking its memory.
//!
//! EL2 has no interrupt of its own to call another CPU with. So it takes the partition's memory away:
//! whatever its CPUs do next faults into EL2, which sees that the partition is stopping. A sleeping CPU is
//! woken by one SGI, made such that it is not masked at the redistributor, and one event. Each CPU cleans
//! up after itself; the last one out does the rest. In this order:
//!
//! 1. mark the partition as stopping, 2. clear its stage-2 root, 3. invalidate its VMID, twice (Cortex-A55
//!    erratum 2441007, Cortex-A76 1286807, Cortex-A510 2441009), 4. wake its CPUs.

use crate::console;
use crate::cpu::redistributor;
use crate::firmware;
use crate::gic;
use crate::partition::Partition;
use crate::system::System;
use aarch64_cpu::asm::{barrier, sev};
use bulkhead_core::{PowerState, REASONS, Reason};
use core::arch::asm;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Why a partition stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It has called SYSTEM_OFF.
    Off,
    /// It has called SYSTEM_RESET.
    Reset,
    /// Its image did not arrive as the plan says.
    Damaged,
    /// An SError on one of its CPUs.
    SError,
    /// An interrupt that EL2 had to take.
    Interrupt,
    /// The redistributor of one of its CPUs does not wake.
    Asleep,
    /// The firmware does not start its first CPU, and says this.
    NotStarted(i64),
}

/// Exits of a partition's CPUs, by reason, beside the entries that the vectors have counted.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    exits: [u64; REASONS],
    entries: u64,
}

/// The SGI that wakes: one that Non-secure software has even where firmware keeps the upper half.
const WAKE: u32 = 0;

static STOPPED: AtomicUsize = AtomicUsize::new(0);

/// Begins to stop `partition`, on its vCPU `vcpu`.
pub(crate) fn begin(system: &System, partition: &Partition, vcpu: usize, why: Why) {
    if !partition.power.lock().stop() {
        return;
    }
    partition.why.call_once(|| why);
    partition.set_stopping();
    partition.root.clear();
    invalidate_own_vmid();
    for (other, cpu) in partition.compartment.cpus.iter().enumerate().filter(|(other, _)| *other != vcpu) {
        if partition.power.lock().state(other) == PowerState::On {
            if let Some(frame) = redistributor(system, partition.cpu_index(other)) {
                frame.open_for(WAKE);
            }
            gic::send_sgi(u64::from(WAKE), cpu.mpidr);
        }
    }
    barrier::dsb(barrier::SY);
    sev();
}

/// A partition whose first CPU cannot be started ends before it begins.
pub(crate) fn abandon(system: &System, partition: &Partition, answer: i64) {
    partition.why.call_once(|| Why::NotStarted(answer));
    partition.power.lock().stop();
    leave(system, partition, 0);
}

/// vCPU `vcpu`, cleaned up, leaves a partition that is stopping; the last one ends it.
pub(crate) fn leave(system: &System, partition: &Partition, vcpu: usize) {
    let is_last = partition.power.lock().leave(vcpu);
    if is_last {
        end(system, partition);
    }
}

fn end(system: &System, partition: &Partition) {
    system.distributor.quiesce(&partition.compartment.spis);
    console::carry_rest(partition);
    let totals = Totals::of(system, partition);
    log::info!("{}: {}; {totals}", partition.name(), partition.why.get().unwrap_or(&Why::Off));
    if STOPPED.fetch_add(1, Ordering::AcqRel) + 1 == system.partitions.len() {
        log::info!("every partition has stopped: off");
        firmware::system_off();
    }
}

/// Invalidates what TLBs know of the VMID in this CPU's VTTBR_EL2.
fn invalidate_own_vmid() {
    // SAFETY: forgetting translations changes nothing but what the cleared root says.
    unsafe {
        asm!(
            "dsb ishst",
            "tlbi vmalls12e1is",
            "dsb ish",
            "tlbi vmalls12e1is",
            "dsb ish",
            "isb",
            options(nostack, preserves_flags)
        );
    }
}

impl Totals {
    /// What all CPUs of a partition have counted. None of them is in the guest any more; one that is on its
    /// way out is waited for.
    fn of(system: &System, partition: &Partition) -> Self {
        let mut totals = Self::default();
        let first = partition.cpu_index(0);
        for slot in system.cpus.iter().skip(first).take(partition.compartment.cpus.len()) {
            let cpu = slot.lock();
            totals.exits.iter_mut().zip(cpu.exits).for_each(|(total, count)| *total += count);
            totals.entries += cpu.frame.entries;
        }
        totals
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Reset => f.write_str("asked for a reset, which this version answers by stopping"),
            Self::Damaged => f.write_str("its image is damaged: not started"),
            Self::SError => f.write_str("stopped by an SError"),
            Self::Interrupt => f.write_str("stopped by an interrupt of the hypervisor's"),
            Self::Asleep => f.write_str("the redistributor of one of its CPUs does not wake"),
            Self::NotStarted(answer) => write!(f, "the firmware does not start its first CPU ({answer})"),
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum: u64 = self.exits.iter().sum();
        write!(f, "{} entries, {sum} exits", self.entries)?;
        let mut separator = " =";
        for (count, reason) in self.exits.iter().zip(Reason::ALL).filter(|(count, _)| **count != 0) {
            write!(f, "{separator} {count} {}", reason.name())?;
            separator = " +";
        }
        Ok(())
    }
}
