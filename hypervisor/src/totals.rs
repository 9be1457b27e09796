//! What a partition's CPUs have counted, in words.
//!
//! The vectors count entries, the loop counts exits by their reason; that both are equal says that no entry
//! was lost.

use crate::partition::Partition;
use crate::system::System;
use bulkhead_core::{REASONS, Reason};
use core::fmt;

/// Exits of a partition's CPUs, by reason, beside the entries that the vectors have counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    exits: [u64; REASONS],
    entries: u64,
}

impl Totals {
    /// Takes what all CPUs of a partition have counted in the life that ends. None of them is in the guest
    /// any more; one that is on its way out is waited for.
    pub(crate) fn take(system: &System, partition: &Partition) -> Self {
        let mut totals = Self::default();
        let first = partition.cpu_index(0);
        for slot in system.cpus.iter().skip(first).take(partition.compartment.cpus.len()) {
            let mut cpu = slot.lock();
            let exits = core::mem::take(&mut cpu.exits);
            totals.exits.iter_mut().zip(exits).for_each(|(total, count)| *total += count);
            totals.entries += core::mem::take(&mut cpu.frame.entries);
        }
        totals
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
