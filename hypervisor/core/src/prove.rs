//! The proof of isolation: the tables' bytes say what the plan says, and nothing else.
//!
//! Together with [`bulkhead_plan::verify`] (no physical byte in two regions, none of the hypervisor's in
//! any) it follows that no page is reachable by two partitions. The proof reads the finished bytes and
//! shares nothing with the code that wrote them.

use crate::stage2::{self, Flaw, Leaf, Start, Tables, Visited};
use bulkhead_plan::{Name, Partition, Plan, Region, RegionKind, Span};
use core::fmt;

/// Why the proof fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The tables are damaged.
    Tables(Name, Flaw),
    /// A mapping that is not that of a region, in address, extent or attributes.
    Leaf(Name, Leaf),
    /// A region that is not wholly mapped.
    Incomplete(Name),
}

/// What the proof has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Mappings that were compared with the plan.
    pub leaves: u64,
    /// Bytes that they span.
    pub bytes: u64,
}

/// Proves that `tables`, the bytes of all stage-2 tables, map exactly the regions of `plan`.
pub fn prove(plan: &Plan<'_>, tables: &[u8]) -> Result<Proof, Failure> {
    let tables = Tables::new(tables, plan.header.tables.base);
    let mut visited = Visited::new();
    let mut proof = Proof::default();
    for partition in plan.partitions {
        prove_partition(plan, partition, &tables, &mut visited, &mut proof)?;
    }
    Ok(proof)
}

fn prove_partition(
    plan: &Plan<'_>,
    partition: &Partition,
    tables: &Tables<'_>,
    visited: &mut Visited,
    proof: &mut Proof,
) -> Result<(), Failure> {
    let name = partition.name;
    let control = Failure::Tables(name, Flaw::Control(partition.vtcr));
    let start =
        Start::new(partition.vtcr).filter(|start| start.pages == partition.root_pages).ok_or(control)?;
    let regions = partition.regions.of(plan.regions).unwrap_or_default();
    let mut mapped = 0_u64;
    let mut visit = |leaf: Leaf| {
        if !regions.iter().any(|region| is_part_of(&leaf, region)) {
            return Err(Stop::Leaf(leaf));
        }
        mapped = mapped.saturating_add(leaf.size);
        proof.leaves = proof.leaves.saturating_add(1);
        Ok(())
    };
    tables.walk(partition.root, start, visited, &mut visit).map_err(|stop| match stop {
        Stop::Flaw(flaw) => Failure::Tables(name, flaw),
        Stop::Leaf(leaf) => Failure::Leaf(name, leaf),
    })?;
    proof.bytes = proof.bytes.saturating_add(mapped);
    // Leaves of one walk never overlap and each lies in a region: equal sums mean that all is mapped.
    let wanted = regions.iter().fold(0_u64, |sum, region| sum.saturating_add(region.span.size));
    if mapped == wanted { Ok(()) } else { Err(Failure::Incomplete(name)) }
}

/// Whether the mapping lies in the region and leads where the region leads, with the region's attributes.
fn is_part_of(leaf: &Leaf, region: &Region) -> bool {
    let attributes = match region.kind {
        RegionKind::Ram => stage2::RAM,
        RegionKind::Device | RegionKind::SgiFrame | RegionKind::CpuInterface => stage2::DEVICE,
    };
    let same_offset = leaf.ipa.0.checked_sub(region.ipa.0) == leaf.pa.0.checked_sub(region.span.base.0);
    let inside = region.span.contains(&Span { base: leaf.pa, size: leaf.size });
    leaf.ipa >= region.ipa && same_offset && inside && leaf.attributes == attributes
}

enum Stop {
    Flaw(Flaw),
    Leaf(Leaf),
}

impl From<Flaw> for Stop {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tables(who, Flaw::Control(vtcr)) => write!(f, "{who}: {vtcr:#x} is no VTCR_EL2 of ours"),
            Self::Tables(who, Flaw::Table(at)) => write!(f, "{who}: there is no table of its own at {at}"),
            Self::Tables(who, Flaw::Descriptor(at)) => write!(f, "{who}: the descriptor for {at} is damaged"),
            Self::Leaf(who, leaf) => {
                write!(f, "{who}: {} leads to {}, which the plan does not say", leaf.ipa, leaf.pa)
            }
            Self::Incomplete(who) => write!(f, "{who}: not all of its regions are mapped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_plan::sample::{Sample, SampleBytes};
    use bulkhead_plan::{BLOCK, PAGE};
    use proptest::{prop_assert, proptest};
    use std::collections::BTreeMap;
    use std::vec;
    use std::vec::Vec;

    const BASE: u64 = 0x4023_0000;
    const PAGES: usize = 12;

    /// Tables for the sample, written by hand: per partition a root, two tables of blocks, two of pages.
    fn tables() -> (SampleBytes, Vec<u8>) {
        let mut sample = Sample::default();
        sample.tables.size = PAGES as u64 * PAGE;
        let mut words = vec![0_u64; PAGES * 512];
        let table = |page: usize| (BASE + page as u64 * PAGE) | 3;
        for (root, spare, ram, devices) in [
            (0, 2, 0x4100_0000, &[(0xb0, 0x080b_0000), (0xd0, 0x080d_0000)][..]),
            (1, 7, 0x4200_0000, &[(0xb0, 0x080f_0000)]),
        ] {
            words[root * 512] = table(spare);
            words[root * 512 + 1] = table(spare + 1);
            words[spare * 512 + 0x40] = table(spare + 2);
            for (page, pa) in devices {
                words[(spare + 2) * 512 + page] = pa | stage2::DEVICE | 3;
            }
            for block in 0..8 {
                words[(spare + 1) * 512 + block] = (ram + block as u64 * BLOCK) | stage2::RAM | 1;
            }
        }
        words[2 * 512 + 0x48] = table(5);
        words[5 * 512] = 0x0900_0000 | stage2::DEVICE | 3;
        (sample.encode(), words.into_iter().flat_map(u64::to_le_bytes).collect())
    }

    fn verdict(change: impl FnOnce(&mut [u8])) -> Result<Proof, Failure> {
        let (plan, mut bytes) = tables();
        change(&mut bytes);
        prove(&Plan::decode(plan.bytes()).unwrap(), &bytes)
    }

    /// A second walker: looks up every page of a range by itself, one translation at a time.
    fn look_up(bytes: &[u8], root: u64, ipa: u64) -> Option<(u64, u64)> {
        let word = |table: u64, index: u64| {
            let at = usize::try_from(table.checked_sub(BASE)? + index * 8).ok()?;
            Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
        };
        let mut table = root;
        for (level, shift) in [(1, 30), (2, 21), (3, 12)] {
            let descriptor = word(table, ipa >> shift & 0x1ff)?;
            let address = descriptor & 0xffff_ffff_f000;
            match (descriptor & 3, level) {
                (3, 3) | (1, 1 | 2) => {
                    return Some((address + (ipa & ((1 << shift) - 1)), descriptor & !0xffff_ffff_f003));
                }
                (3, _) => table = address,
                _ => return None,
            }
        }
        None
    }

    /// What every page of the sample's regions, and a few beside them, lead to.
    fn by_looking_up(bytes: &[u8]) -> BTreeMap<(u64, u64), Option<(u64, u64)>> {
        let ranges =
            [0x0800_0000..0x0820_0000, 0x0900_0000..0x0920_0000, 0x4000_0000..0x4200_0000, 0..0x20_0000];
        let mut found = BTreeMap::new();
        for root in [BASE, BASE + PAGE] {
            for ipa in ranges.iter().cloned().flatten().step_by(0x1000) {
                found.insert((root, ipa), look_up(bytes, root, ipa));
            }
        }
        found
    }

    #[test]
    fn the_tables_of_the_sample_are_proven() {
        let proof = verdict(|_| {}).unwrap();
        assert_eq!(proof, Proof { leaves: 20, bytes: 0x200_4000 });
    }

    #[test]
    fn a_mapping_of_the_neighbours_memory_is_found() {
        let Err(Failure::Leaf(who, leaf)) = verdict(|bytes| bytes[8 * 512 * 8 + 3] = 0x41) else { panic!() };
        assert_eq!((who.as_str(), leaf.pa.0), ("second", 0x4100_0000));
    }

    #[test]
    fn a_table_with_two_owners_is_found() {
        let shared = verdict(|bytes| bytes.copy_within(8..16, 512 * 8 + 8));
        assert!(matches!(shared, Err(Failure::Tables(who, Flaw::Table(_))) if who.as_str() == "second"));
    }

    #[test]
    fn tables_that_lead_in_a_circle_end_the_walk() {
        let circle =
            verdict(|bytes| bytes[2 * 4096..2 * 4096 + 8].copy_from_slice(&(BASE | 3).to_le_bytes()));
        assert!(matches!(circle, Err(Failure::Tables(_, Flaw::Table(_)))));
    }

    #[test]
    fn an_executable_device_is_found() {
        let executable = verdict(|bytes| bytes[4 * 4096 + 0xb0 * 8 + 6] = 0);
        assert!(matches!(executable, Err(Failure::Leaf(..))));
    }

    #[test]
    fn missing_memory_is_found() {
        let missing = verdict(|bytes| bytes[3 * 4096] = 0);
        assert!(matches!(missing, Err(Failure::Incomplete(who)) if who.as_str() == "first"));
    }

    proptest! {
        #[test]
        fn any_damage_is_found_or_changes_nothing(at in 0..PAGES * 4096, flip in 1_u8..) {
            let (plan, intact) = tables();
            let mut damaged = intact.clone();
            damaged[at] ^= flip;
            let verdict = prove(&Plan::decode(plan.bytes()).unwrap(), &damaged);
            let harmless = by_looking_up(&intact) == by_looking_up(&damaged);
            prop_assert!(verdict.is_err() || harmless, "byte {at:#x} ^ {flip:#x}");
        }

        #[test]
        fn what_the_walker_sees_is_what_a_look_up_sees(at in 0..PAGES * 512, word in proptest::prelude::any::<u64>()) {
            let (plan, mut bytes) = tables();
            bytes[at * 8..at * 8 + 8].copy_from_slice(&word.to_le_bytes());
            let plan = Plan::decode(plan.bytes()).unwrap();
            let walked = Tables::new(&bytes, plan.header.tables.base);
            let mut visited = Visited::new();
            for partition in plan.partitions {
                let start = Start::new(partition.vtcr).unwrap();
                let mut visit = |leaf: Leaf| {
                    for ipa in [leaf.ipa.0, leaf.ipa.0 + leaf.size - PAGE] {
                        let expected = Some((leaf.pa.0 + (ipa - leaf.ipa.0), leaf.attributes));
                        assert_eq!(look_up(&bytes, partition.root.0, ipa), expected);
                    }
                    Ok::<(), Flaw>(())
                };
                let _ = walked.walk(partition.root, start, &mut visited, &mut visit);
            }
        }
    }
}
