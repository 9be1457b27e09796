//! What EL2 sees of memory, and as what: the list from which its tables are built.
//!
//! The image runs at a fixed virtual address, above every physical one; behind it is the window that the
//! plan names. Devices are seen where they lie physically. Stacks have addresses of their own with nothing
//! around them, and there is nothing below the one of boot. RAM of a partition is on no list but the one of the CPU that loads that partition.

use crate::stage1::{Kind, MapError, Mapping, Root, Tables};
use bulkhead_plan::limits::PARTITIONS;
use bulkhead_plan::{
    BootHeader, Conduit, Cpu, GicVersion, PAGE, Pa, Partition, Plan, RegionKind, Span, Step,
};

/// Where the image runs, and with it the whole window: the base of `hypervisor.ld`.
pub const IMAGE: u64 = 0x8000_0000_0000;
/// Where memory is seen for a while, a partition's RAM or a device tree: this and its physical address.
pub const WHILE: u64 = 0x4000_0000_0000;
/// Where stacks lie; that of CPU n ends at `STACKS + (n + 1) * STACK_STRIDE`.
pub const STACKS: u64 = 0x8001_0000_0000;
/// From one stack to the next; what the stack does not fill is not mapped.
pub const STACK_STRIDE: u64 = 0x1_0000;
/// Bytes of a stack.
pub const STACK: u64 = 0x4000;

/// Where the parts of the binary end, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// End of the code.
    pub code: u64,
    /// End of the constants.
    pub constants: u64,
    /// The page below the boot stack, which is not mapped.
    pub guard: u64,
    /// End of the data.
    pub data: u64,
}

/// The roots of EL2's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// What EL2 sees.
    pub steady: Root,
    /// What the CPU sees that ends partition n, or loads it.
    pub loads: [Root; PARTITIONS],
}

/// What boot knows besides the plan.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'h> {
    /// The boot header of the image.
    pub header: &'h BootHeader,
    /// The parts of the binary.
    pub parts: Parts,
    /// Physical memory of the stacks, one after the other.
    pub stacks: Pa,
}

impl Sight {
    /// Builds EL2's tables.
    pub fn build(plan: &Plan<'_>, ground: &Ground<'_>, tables: &mut Tables<'_>) -> Result<Self, MapError> {
        let steady = tables.root()?;
        let image = image(ground).ok_or(MapError::Malformed)?;
        for mapping in image.into_iter().chain(devices(plan)).chain(stacks(plan, ground.stacks)) {
            tables.map(steady, mapping)?;
        }
        let mut loads = [steady; PARTITIONS];
        for (load, partition) in loads.iter_mut().zip(plan.partitions) {
            *load = tables.branch(steady)?;
            for mapping in memory(plan, partition).chain(beside(plan, partition)) {
                tables.map(*load, mapping)?;
            }
        }
        Ok(Self { steady, loads })
    }

    /// A root that sees `span` besides, read-only.
    pub fn and(&self, span: Span, tables: &mut Tables<'_>) -> Result<Root, MapError> {
        let root = tables.branch(self.steady)?;
        let offset = span.base.0.checked_rem(PAGE).unwrap_or(0);
        let first = Pa(span.base.0.saturating_sub(offset));
        let size = span.size.saturating_add(offset).checked_next_multiple_of(PAGE);
        let size = size.ok_or(MapError::Malformed)?;
        tables.map(root, seen_for_a_while(first, size, Kind::ReadOnly))?;
        Ok(root)
    }
}

/// Bytes of a redistributor's two frames.
const REDISTRIBUTOR: u64 = 0x2_0000;
/// The page of an ITS's control frame that holds GITS_CTLR.
const TRANSLATOR: u64 = 0x1000;

/// Code, constants, data; plan, tables and images behind them; the heap; and the page of code that turns
/// the MMU on, where it lies physically.
fn image(ground: &Ground<'_>) -> Option<[Mapping; 7]> {
    let Ground { header, parts, .. } = ground;
    let window = header.window.base.0;
    let part = |from: u64, to: u64, kind| {
        let (va, pa) = (IMAGE.checked_add(from)?, Pa(window.checked_add(from)?));
        Some(Mapping { va, pa, size: to.checked_sub(from)?, kind })
    };
    let file = header.image_size.checked_next_multiple_of(PAGE)?;
    let heap = header.heap.base.0.checked_sub(window)?;
    Some([
        part(0, parts.code, Kind::Code)?,
        part(parts.code, parts.constants, Kind::ReadOnly)?,
        part(parts.constants, parts.guard, Kind::Data)?,
        part(parts.guard.checked_add(PAGE)?, parts.data, Kind::Data)?,
        part(parts.data, file, Kind::ReadOnly)?,
        part(heap, heap.checked_add(header.heap.size)?, Kind::Data)?,
        Mapping { va: window, pa: Pa(window), size: PAGE, kind: Kind::Code },
    ])
}

fn devices(plan: &Plan<'_>) -> impl Iterator<Item = Mapping> {
    let translators = plan.translators.iter().map(|translator| (translator.base, TRANSLATOR));
    let has_redistributors = plan.board.gic == GicVersion::V3;
    let redistributors = plan.cpus.iter().filter(move |_| has_redistributors);
    let redistributors = redistributors.map(|cpu| (cpu.redistributor, REDISTRIBUTOR));
    let fixed = [plan.board.distributor, plan.board.cpu_interface, plan.board.console.page()];
    let all = fixed.into_iter().filter(|span| span.size != 0).map(|span| (span.base, span.size));
    all.chain(translators).chain(redistributors).map(|(base, size)| Mapping {
        va: base.0,
        pa: base,
        size,
        kind: Kind::Device,
    })
}

fn stacks(plan: &Plan<'_>, memory: Pa) -> impl Iterator<Item = Mapping> {
    (0_u64..).zip(plan.cpus).map(move |(number, _)| {
        let end = STACKS.saturating_add(number.saturating_add(1).saturating_mul(STACK_STRIDE));
        let pa = Pa(memory.0.saturating_add(number.saturating_mul(STACK)));
        Mapping { va: end.saturating_sub(STACK), pa, size: STACK, kind: Kind::Data }
    })
}

fn memory<'p>(plan: &Plan<'p>, partition: &Partition) -> impl Iterator<Item = Mapping> + use<'p> {
    let regions = partition.regions.of(plan.regions).unwrap_or_default();
    let ram = regions.iter().filter(|region| region.kind == RegionKind::Ram);
    ram.map(|region| seen_for_a_while(region.span.base, region.span.size, Kind::Data))
}

/// The pages of the registers that silence the partition's devices, and those in which its CPUs wait to be
/// released, each once.
fn beside<'p>(plan: &Plan<'p>, partition: &Partition) -> impl Iterator<Item = Mapping> + use<'p> {
    let page = |place: Pa| place.0 & !(PAGE.wrapping_sub(1));
    let steps = partition.silence.of(plan.steps).unwrap_or_default();
    let cpus = partition.cpus.of(plan.cpus).filter(|_| plan.board.conduit == Conduit::SpinTable);
    let cpus = cpus.unwrap_or_default().iter().map(move |cpu: &Cpu| (page(cpu.release), Kind::Data));
    let pages = steps.iter().map(move |step: &Step| (page(step.address), Kind::Device)).chain(cpus);
    let earlier = pages.clone();
    let is_first = move |at: usize, this: u64| earlier.clone().take(at).all(|(page, _)| page != this);
    let firsts = pages.enumerate().filter(move |(at, (page, _))| is_first(*at, *page));
    firsts.map(|(_, (page, kind))| seen_for_a_while(Pa(page), PAGE, kind))
}

const fn seen_for_a_while(pa: Pa, size: u64, kind: Kind) -> Mapping {
    Mapping { va: WHILE.saturating_add(pa.0), pa, size, kind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_plan::sample::Sample;
    use bulkhead_plan::{Console, Region};
    use std::vec;
    use std::vec::Vec;

    const PARTS: Parts = Parts { code: 0x1_0000, constants: 0x1_4000, guard: 0x1_5000, data: 0x1_b000 };

    fn with_mappings(test: impl FnOnce(&Plan<'_>, &[Mapping], &Ground<'_>)) {
        let sample = Sample::default().encode();
        let plan = Plan::decode(sample.bytes()).unwrap();
        let header = BootHeader {
            window: plan.board.window,
            image_size: 0x8_0123,
            file_size: 0x8_0123,
            plan_offset: 0x1_b000,
            plan_size: 0x800,
            heap: plan.board.heap,
            console: Console { ..plan.board.console },
            conduit: plan.board.conduit,
            reserved: 0,
        };
        let ground = Ground { header: &header, parts: PARTS, stacks: plan.board.heap.base };
        let all: Vec<Mapping> = image(&ground)
            .unwrap()
            .into_iter()
            .chain(devices(&plan))
            .chain(stacks(&plan, ground.stacks))
            .collect();
        test(&plan, &all, &ground);
    }

    #[test]
    fn no_memory_of_a_partition_is_in_sight() {
        with_mappings(|plan, all, _| {
            for Region { span, kind, .. } in
                plan.regions.iter().filter(|region| region.kind == RegionKind::Ram)
            {
                let seen = all.iter().find(|mapping| Span::new(mapping.pa.0, mapping.size).overlaps(span));
                assert_eq!(seen, None, "{kind:?} at {span}");
            }
        });
    }

    #[test]
    fn what_is_executed_has_no_writable_name() {
        with_mappings(|_, all, _| {
            for code in all.iter().filter(|mapping| mapping.kind == Kind::Code) {
                let span = Span::new(code.pa.0, code.size);
                let written = |mapping: &&Mapping| matches!(mapping.kind, Kind::Data | Kind::Device);
                let alias = all
                    .iter()
                    .filter(written)
                    .find(|mapping| Span::new(mapping.pa.0, mapping.size).overlaps(&span));
                assert_eq!(alias, None);
            }
        });
    }

    #[test]
    fn what_silences_a_device_is_seen_once_beside_its_partitions_memory() {
        with_mappings(|plan, _, _| {
            let pages: Vec<Mapping> = beside(plan, &plan.partitions[0]).collect();
            assert_eq!(pages, [seen_for_a_while(Pa(0x0900_0000), PAGE, Kind::Device)]);
            assert_eq!(beside(plan, &plan.partitions[1]).count(), 0);
        });
    }

    #[test]
    fn where_cpus_wait_to_be_released_is_seen_once_beside_their_partitions_memory() {
        let sample = Sample::with_spin_table().encode();
        let plan = Plan::decode(sample.bytes()).unwrap();
        for partition in plan.partitions {
            let pages: Vec<Mapping> = beside(&plan, partition).collect();
            assert_eq!(pages.last(), Some(&seen_for_a_while(Pa(0x4000_0000), PAGE, Kind::Data)));
            assert_eq!(pages.iter().filter(|page| page.kind == Kind::Data).count(), 1);
        }
    }

    #[test]
    fn a_stack_has_nothing_around_it() {
        with_mappings(|plan, all, _| {
            let on_stacks =
                |va: u64| all.iter().any(|mapping| mapping.va <= va && va < mapping.va + mapping.size);
            assert!(!on_stacks(IMAGE + PARTS.guard) && on_stacks(IMAGE + PARTS.guard + PAGE), "that of boot");
            for cpu in 0..plan.cpus.len() as u64 {
                let end = STACKS + (cpu + 1) * STACK_STRIDE;
                assert!(on_stacks(end - 1) && on_stacks(end - STACK));
                assert!(!on_stacks(end) && !on_stacks(end - STACK - 1), "CPU {cpu}");
            }
        });
    }

    #[test]
    fn the_tables_are_built_and_see_a_device_tree_for_a_while() {
        with_mappings(|plan, _, ground| {
            let mut pages = vec![[0; 512]; 64];
            let mut tables = Tables::new(&mut pages, Pa(0x4030_0000));
            let sight = Sight::build(plan, ground, &mut tables).unwrap();
            assert_ne!(sight.loads[0], sight.steady);
            assert_ne!(sight.loads[0], sight.loads[1]);
            let root = sight.and(Span::new(0x4800_0ff8, 0x10), &mut tables).unwrap();
            assert_ne!(root, sight.steady);
        });
    }

    #[test]
    fn a_header_that_makes_no_sense_is_malformed() {
        with_mappings(|plan, _, ground| {
            for (image_size, heap) in [(u64::MAX, 0x4030_0000), (0x1000, 0x4030_0000), (0x8_0000, 0x1000)] {
                let header = BootHeader { image_size, heap: Span::new(heap, 0x1000), ..*ground.header };
                let mut pages = vec![[0; 512]; 64];
                let mut tables = Tables::new(&mut pages, Pa(0x4030_0000));
                let built = Sight::build(plan, &Ground { header: &header, ..*ground }, &mut tables);
                assert_eq!(built, Err(MapError::Malformed));
            }
        });
    }
}
