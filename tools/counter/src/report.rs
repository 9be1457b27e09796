//! What is told at the end.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why EL2 was entered, as the CPU says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    /// Which vector: 0 synchronous, 1 IRQ, 2 FIQ, 3 SError.
    pub vector: u8,
    /// `ESR_EL2.EC`.
    pub class: u8,
    /// More about it: of a call the number of the function, of a system register ISS without Rt, of an
    /// abort the page.
    pub detail: u64,
}

/// Exits for one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exits {
    /// The cause.
    pub cause: Cause,
    /// How often.
    pub count: u64,
    /// Instructions at EL2 from these exits up to the next of the same CPU.
    pub el2: u64,
}

/// What a CPU has done at EL2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Instructions.
    pub el2: u64,
    /// Exits by cause.
    pub exits: Vec<Exits>,
}

/// What was done between marks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// How often it was closed.
    pub times: u64,
    /// By CPU, as in [`Report::cpus`].
    pub cpus: Vec<Tally>,
    /// By CPUs without a stack of their own.
    pub stackless: u64,
}

/// A phase of the hypervisor's boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its number.
    pub number: u16,
    /// Instructions at EL2 of all CPUs before it.
    pub begins: u64,
}

/// What a run has executed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// By CPU, in the order of the plan.
    pub cpus: Vec<Tally>,
    /// Instructions at EL2 of CPUs that stood on no stack of their own: boot, and what a CPU that is
    /// switched on does before it has one.
    pub stackless: u64,
    /// Instructions at EL0 and EL1 of all CPUs, if they were counted.
    pub guest: u64,
    /// Windows by number.
    pub windows: BTreeMap<u16, Window>,
    /// Phases in the order in which they began.
    pub phases: Vec<Phase>,
}

impl Tally {
    /// All exits.
    pub fn count(&self) -> u64 {
        self.exits.iter().map(|exits| exits.count).sum()
    }
}

impl Window {
    /// Instructions at EL2 of all CPUs.
    pub fn el2(&self) -> u64 {
        self.stackless + self.cpus.iter().map(|cpu| cpu.el2).sum::<u64>()
    }

    /// Exits of all CPUs.
    pub fn exits(&self) -> u64 {
        self.cpus.iter().map(Tally::count).sum()
    }
}
