//! Whom to attack: every class of page that the board has.
//!
//! The boot argument `targets=NAME:ADDRESS[,…]` names what only the planner knows: each device, each foreign
//! partition, the hypervisor, holes. What lies around the intruder's own regions, and above all memory, it
//! finds by itself.

use core::fmt;
use guest_rt::{Machine, machine};

/// Bytes of a page.
pub(crate) const PAGE: u64 = 0x1000;
/// Most targets.
const MOST: usize = 192;
/// How far from the end of a page that lies before one's own it is touched.
const BEFORE: u64 = 64;
/// Physical addresses have at most 48 bits here; where RAM of a guest lies they have 39.
const ABOVE: core::ops::Range<u32> = 39..48;

/// A place that is not the intruder's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Target {
    /// What it is.
    pub(crate) name: &'static str,
    /// Where it is; a multiple of 64.
    pub(crate) address: u64,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#x})", self.name, self.address)
    }
}

/// All of them.
pub(crate) struct Targets {
    places: [Target; MOST],
    length: usize,
}

impl Targets {
    /// The targets that `machine` has.
    pub(crate) fn of(machine: &Machine) -> Self {
        let mut targets = Self { places: [Target::default(); MOST], length: 0 };
        for item in machine.argument("targets").into_iter().flat_map(|list| list.split(',')) {
            let named = item.split_once(':').and_then(|(name, text)| Some((name, machine::parse(text)?)));
            let Some((name, address)) = named else {
                panic!("boot argument targets: expected NAME:ADDRESS, found {item}")
            };
            targets.add(machine, Target { name, address });
        }
        for region in machine.claims() {
            let after = (region.base + region.size).next_multiple_of(PAGE);
            let before = (region.base & !(PAGE - 1)).saturating_sub(BEFORE);
            targets.add(machine, Target { name: "the page before one of its own", address: before });
            targets.add(machine, Target { name: "the page after one of its own", address: after });
        }
        for bit in ABOVE {
            targets.add(machine, Target { name: "above the top", address: 1 << bit });
        }
        targets
    }

    /// Each of them.
    pub(crate) fn all(&self) -> &[Target] {
        &self.places[..self.length]
    }

    /// Adds a place that is not there yet, unless it is the intruder's own.
    fn add(&mut self, machine: &Machine, target: Target) {
        if machine.owns(target.address) || self.all().iter().any(|other| other.address == target.address) {
            return;
        }
        assert!(self.length < MOST, "more targets than the intruder can remember");
        self.places[self.length] = target;
        self.length += 1;
    }
}
