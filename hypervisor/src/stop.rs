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
use crate::cpu::{Cpu, redistributor};
use crate::firmware;
use crate::gic;
use crate::partition::Partition;
use crate::system::System;
use aarch64_cpu::asm::{barrier, sev};
use aarch64_cpu::registers::{CNTP_CTL_EL0, CNTV_CTL_EL0};
use bulkhead_core::{PowerState, REASONS, Reason};
use core::arch::asm;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use tock_registers::interfaces::Writeable;

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
}

/// Exits of a partition's CPUs, by reason, beside the entries that the vectors have counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    exits: [u64; REASONS],
    entries: u64,
    why: Option<Why>,
}

/// The SGI that wakes: one that Non-secure software has even where firmware keeps the upper half.
const WAKE: u32 = 0;

static STOPPED: AtomicUsize = AtomicUsize::new(0);

/// Begins to stop `partition`, on its vCPU `vcpu`.
pub(crate) fn begin(system: &System, partition: &Partition, vcpu: usize, why: Why) {
    if !partition.power.lock().stop() {
        return;
    }
    partition.totals.lock().why = Some(why);
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

/// vCPU `vcpu` leaves a partition that is stopping; the last one ends it.
pub(crate) fn leave(system: &System, partition: &Partition, vcpu: usize, cpu: &mut Cpu) {
    CNTP_CTL_EL0.set(0);
    CNTV_CTL_EL0.set(0);
    if let Some(frame) = redistributor(system, partition.cpu_index(vcpu)) {
        frame.reset();
    }
    gic::reset_interface();
    partition.totals.lock().add(cpu);
    if partition.power.lock().leave(vcpu) {
        end(system, partition);
    }
}

/// Counts the exits of a CPU that has called CPU_OFF.
pub(crate) fn count(partition: &Partition, cpu: &mut Cpu) {
    partition.totals.lock().add(cpu);
}

fn end(system: &System, partition: &Partition) {
    system.distributor.quiesce(&partition.compartment.spis);
    console::carry_rest(partition);
    let totals = *partition.totals.lock();
    log::info!("{}: {totals}", partition.name());
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
    fn add(&mut self, cpu: &mut Cpu) {
        for (total, count) in self.exits.iter_mut().zip(core::mem::take(&mut cpu.exits)) {
            *total += count;
        }
        self.entries += core::mem::take(&mut cpu.frame.entries);
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            None | Some(Why::Off) => "off",
            Some(Why::Reset) => "asked for a reset, which this version answers by stopping",
            Some(Why::Damaged) => "its image is damaged: not started",
            Some(Why::SError) => "stopped by an SError",
            Some(Why::Interrupt) => "stopped by an interrupt of the hypervisor's",
        };
        let sum: u64 = self.exits.iter().sum();
        write!(f, "{why}; {} entries, {sum} exits", self.entries)?;
        let mut separator = " =";
        for (count, reason) in self.exits.iter().zip(Reason::ALL).filter(|(count, _)| **count != 0) {
            write!(f, "{separator} {count} {}", reason.name())?;
            separator = " +";
        }
        Ok(())
    }
}
