//! Is this the board that the plan was made for? The firmware's device tree says.
//!
//! The tree is read in place with the `fdt` crate, whose constructors trust the header's arithmetic and
//! whose `reg` trusts the cell counts; both are checked here first. A damaged tree is a [`Mismatch`],
//! never a panic: the first error ends the reading.

mod tree;

use bulkhead_plan::{Load, NO_PARTITION, Plan, RegionKind, Span, limits};
use core::fmt;
use tree::{Fact, Place, Tree};

/// Why the plan is not for this board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// There is a device tree, but it cannot be read.
    Damaged,
    /// RAM of the plan that the board does not have.
    NoRam(Span),
    /// A CPU of the plan, by its affinity, that the board does not have.
    NoCpu(u64),
    /// The interrupt controller of the plan is not where the board has one.
    NoGic(Span),
    /// Memory of the plan that the firmware has reserved for itself.
    Reserved(Span),
    /// What was to lie in place, where the firmware has put its device tree.
    Covered(Span),
}

/// Bytes of a device tree's header (Devicetree Specification 0.4 §5.2).
pub const HEADER: usize = 40;
/// Largest device tree that the boot protocol allows.
pub const LARGEST: usize = 0x20_0000;

/// The size of the device tree whose first bytes these are; `None` if they are not those of one.
pub fn size(header: &[u8]) -> Option<usize> {
    let word = |offset: usize| be32(header.get(offset..offset.checked_add(4)?)?);
    let size = usize::try_from(word(4)?).ok()?;
    (word(0)? == MAGIC && (HEADER..=LARGEST).contains(&size)).then_some(size)
}

/// Compares the plan with the device tree in `blob`, which the firmware has put at `place`.
pub fn compare(plan: &Plan<'_>, blob: &[u8], place: Span) -> Result<(), Mismatch> {
    let mut found = Found::default();
    let survey = Tree::new(blob).and_then(|tree| tree.survey(&mut |fact| found.note(plan, &fact, &place)));
    survey.ok_or(Mismatch::Damaged)?;
    if let Some((_, span)) = (0..).zip(wanted(plan)).find(|(number, _)| !found.ram.contains(*number)) {
        return Err(Mismatch::NoRam(span));
    }
    if let Some(span) = found.reserved {
        return Err(Mismatch::Reserved(span));
    }
    let mut in_place = plan.loads.iter().filter(|load| load.is_in_place(&plan.board.window)).map(Load::bytes);
    if let Some(image) = in_place.find(|image| image.overlaps(&place)) {
        return Err(Mismatch::Covered(image));
    }
    let mut owned = (0..).zip(plan.cpus).filter(|(_, cpu)| cpu.partition != NO_PARTITION);
    if let Some((_, cpu)) = owned.find(|(number, _)| !found.cpus.contains(*number)) {
        return Err(Mismatch::NoCpu(cpu.mpidr));
    }
    if found.has_gic { Ok(()) } else { Err(Mismatch::NoGic(plan.board.distributor)) }
}

/// What a survey of the tree has found of what the plan wants.
#[derive(Default)]
struct Found {
    ram: Numbers<{ (limits::REGIONS + 1).div_ceil(64) }>,
    cpus: Numbers<{ limits::CPUS.div_ceil(64) }>,
    /// What is wanted and reserved.
    reserved: Option<Span>,
    /// Whether the controller that is looked at has the distributor's place.
    is_at_gic: bool,
    /// Whether one has the CPU interface's besides, if that is in memory.
    has_gic: bool,
}

impl Found {
    fn note(&mut self, plan: &Plan<'_>, fact: &Fact, place: &Span) {
        match fact {
            Fact::Ram(ram) => {
                let inside = (0..).zip(wanted(plan)).filter(|(_, span)| ram.contains(span));
                inside.for_each(|(number, _)| self.ram.insert(number));
            }
            // The tree's own place does not count: it is read before anything is loaded.
            Fact::Reserved(area) if !place.contains(area) => {
                self.reserved = self.reserved.or(wanted(plan).find(|span| area.overlaps(span)));
            }
            Fact::Reserved(_) => {}
            Fact::Cpu(mpidr) => {
                let same = (0..).zip(plan.cpus).filter(|(_, cpu)| cpu.mpidr == *mpidr);
                same.for_each(|(number, _)| self.cpus.insert(number));
            }
            Fact::Controller(place, registers) => {
                let (distributor, interface) = (&plan.board.distributor, &plan.board.cpu_interface);
                if *place == Place::First {
                    self.is_at_gic = registers.base == distributor.base;
                }
                let offset = interface.base.0.checked_sub(registers.base.0);
                let has_rest = interface.size == 0 || offset.is_some_and(|offset| offset < registers.size);
                self.has_gic |= self.is_at_gic && has_rest;
            }
        }
    }
}

/// The memory that the plan gives away or keeps.
fn wanted(plan: &Plan<'_>) -> impl Iterator<Item = Span> {
    let ram = plan.regions.iter().filter(|region| region.kind == RegionKind::Ram);
    ram.map(|region| region.span).chain([plan.board.window])
}

/// A set of small numbers; more than it has room for are never in it.
struct Numbers<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Numbers<WORDS> {
    fn insert(&mut self, number: u32) {
        if let Some(word) = self.0.get_mut(Self::word(number)) {
            *word |= 1_u64.wrapping_shl(number);
        }
    }

    fn contains(&self, number: u32) -> bool {
        self.0.get(Self::word(number)).is_some_and(|word| word & 1_u64.wrapping_shl(number) != 0)
    }

    fn word(number: u32) -> usize {
        usize::try_from(number >> 6).unwrap_or(usize::MAX)
    }
}

impl<const WORDS: usize> Default for Numbers<WORDS> {
    fn default() -> Self {
        Self([0; WORDS])
    }
}

const MAGIC: u32 = 0xd00d_feed;

fn be32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the firmware's device tree is damaged"),
            Self::NoRam(span) => write!(f, "wrong board: the plan has RAM at {span}, the board has not"),
            Self::NoCpu(mpidr) => write!(f, "wrong board: the plan has CPU {mpidr:#x}, the board has not"),
            Self::NoGic(span) => write!(f, "wrong board: the plan has its GIC at {span}, the board has not"),
            Self::Reserved(span) => {
                write!(f, "the firmware keeps memory for itself in {span}, which the plan gives away")
            }
            Self::Covered(span) => write!(f, "the firmware's device tree lies over the image at {span}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_plan::Pa;
    use bulkhead_plan::sample::Sample;
    use dtoolkit::fdt::Fdt;
    use dtoolkit::memreserve::MemoryReservation;
    use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
    use proptest::prelude::{any, prop};
    use proptest::proptest;
    use std::vec::Vec;

    const PLACE: Span = Span::new(0x4800_0000, 0x1_0000);

    fn node(name: &str, properties: &[(&str, &[u8])]) -> DeviceTreeNode {
        let mut node = DeviceTreeNode::new(name).unwrap();
        for (name, value) in properties {
            node.add_property(DeviceTreeProperty::new(*name, *value).unwrap());
        }
        node
    }

    fn cells(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// The board of the sample: 1 GiB of RAM, four CPUs, its GIC behind a bus that moves addresses.
    fn board() -> DeviceTree {
        let two = cells(&[2]);
        let mut tree = DeviceTree::new();
        tree.root = node("", &[("#address-cells", &two), ("#size-cells", &two)]);
        let ram = cells(&[0, 0x4000_0000, 0, 0x4000_0000]);
        tree.root.add_child(node("memory@40000000", &[("device_type", b"memory\0"), ("reg", &ram)]));
        let mut cpus = node("cpus", &[("#address-cells", &cells(&[1])), ("#size-cells", &cells(&[0]))]);
        for number in 0..4_u32 {
            let name = std::format!("cpu@{number}");
            cpus.add_child(node(&name, &[("device_type", b"cpu\0"), ("reg", &cells(&[number]))]));
        }
        tree.root.add_child(cpus);
        let ranges = cells(&[0, 0, 0x0800_0000, 0x0100_0000]);
        let one = cells(&[1]);
        let bus = [("#address-cells", &one[..]), ("#size-cells", &one), ("ranges", &ranges)];
        let mut bus = node("soc", &bus);
        let registers = cells(&[0, 0x1_0000, 0xa_0000, 0xf6_0000]);
        bus.add_child(node("intc@0", &[("interrupt-controller", b""), ("reg", &registers)]));
        tree.root.add_child(bus);
        tree
    }

    fn verdict(tree: &DeviceTree) -> Result<(), Mismatch> {
        verdict_on(&Sample::default(), tree)
    }

    fn verdict_on(sample: &Sample, tree: &DeviceTree) -> Result<(), Mismatch> {
        let sample = sample.encode();
        compare(&Plan::decode(sample.bytes()).unwrap(), &tree.to_dtb(), PLACE)
    }

    #[test]
    fn the_right_board_is_recognised() {
        assert!(Fdt::new(&board().to_dtb()).is_ok());
        assert_eq!(verdict(&board()), Ok(()));
    }

    #[test]
    fn less_ram_is_another_board() {
        let mut tree = board();
        let ram = cells(&[0, 0x4000_0000, 0, 0x0200_0000]);
        let memory = tree.root.child_mut("memory@40000000").unwrap();
        memory.property_mut("reg").unwrap().set_value(&ram[..]);
        assert_eq!(verdict(&tree), Err(Mismatch::NoRam(Span::new(0x4200_0000, 0x0100_0000))));
    }

    #[test]
    fn a_cpu_that_is_missing_or_broken_is_another_board() {
        let mut tree = board();
        tree.root.child_mut("cpus").unwrap().remove_child("cpu@2");
        assert_eq!(verdict(&tree), Err(Mismatch::NoCpu(2)));
        let mut tree = board();
        let cpu = tree.root.child_mut("cpus").unwrap().child_mut("cpu@1").unwrap();
        cpu.add_property(DeviceTreeProperty::new("status", &b"fail\0"[..]).unwrap());
        assert_eq!(verdict(&tree), Err(Mismatch::NoCpu(1)));
    }

    #[test]
    fn an_interrupt_controller_elsewhere_is_another_board() {
        let mut tree = board();
        let ranges = cells(&[0, 0, 0x0900_0000, 0x0100_0000]);
        tree.root.child_mut("soc").unwrap().property_mut("ranges").unwrap().set_value(&ranges[..]);
        assert_eq!(verdict(&tree), Err(Mismatch::NoGic(Span::new(0x0800_0000, 0x1_0000))));
    }

    #[test]
    fn a_cpu_interface_elsewhere_is_another_board() {
        let set = |interface: u32, size: u32| {
            let mut tree = board();
            let registers = cells(&[0, 0x1000, interface, size]);
            let gic = tree.root.child_mut("soc").unwrap().child_mut("intc@0").unwrap();
            gic.property_mut("reg").unwrap().set_value(&registers[..]);
            verdict_on(&Sample::with_gicv2(), &tree)
        };
        assert_eq!(set(0x1_0000, 0x2000), Ok(()));
        assert_eq!(set(0x1000, 0x2_0000), Ok(()), "one that is 16 times there: its last copy counts");
        let elsewhere = Err(Mismatch::NoGic(Span::new(0x0800_0000, 0x1000)));
        assert_eq!(set(0x2_0000, 0x2000), elsewhere);
        assert_eq!(set(0x8000, 0x2000), elsewhere);
    }

    #[test]
    fn what_the_firmware_keeps_is_not_given_away() {
        let mut tree = board();
        let two = cells(&[2]);
        let mut reserved =
            node("reserved-memory", &[("#address-cells", &two), ("#size-cells", &two), ("ranges", b"")]);
        let area = cells(&[0, 0x4100_1000, 0, 0x1000]);
        reserved.add_child(node("secure@41001000", &[("reg", &area)]));
        tree.root.add_child(reserved);
        let first = Span::new(0x4100_0000, 0x0100_0000);
        assert_eq!(verdict(&tree), Err(Mismatch::Reserved(first)));
        let mut tree = board();
        tree.memory_reservations.push(MemoryReservation::new(0x41ff_f000, 0x1000));
        assert_eq!(verdict(&tree), Err(Mismatch::Reserved(first)));
        let mut tree = board();
        tree.memory_reservations.push(MemoryReservation::new(PLACE.base.0, 0x1000));
        assert_eq!(verdict(&tree), Ok(()), "the tree itself is read before anything is loaded");
    }

    #[test]
    fn the_device_tree_does_not_lie_over_an_image_in_place() {
        let at = |source: u64| {
            let mut sample = Sample::default();
            sample.loads[0] = Load { source: Pa(source), size: 0x2000, ..sample.loads[0] };
            verdict_on(&sample, &board())
        };
        assert_eq!(at(PLACE.base.0 - 0x2000), Ok(()));
        let covered = PLACE.base.0 - 0x1fff;
        assert_eq!(at(covered), Err(Mismatch::Covered(Span::new(covered, 0x2000))));
    }

    #[test]
    fn the_size_is_that_of_a_device_tree_or_none() {
        let blob = board().to_dtb();
        assert_eq!(size(&blob), Some(blob.len()));
        assert_eq!(size(&blob[..7]), None);
        assert_eq!(size(b"\xd0\x0d\xfe\xed\xff\xff\xff\xff"), None);
    }

    proptest! {
        #[test]
        fn any_damage_is_answered(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            words in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(
                &[0_u32, 1, 2, 3, 4, 9, 0xffff_ffff, 0xffff_fffc, 0x8000_0000][..],
            )), 0..4),
        ) {
            let sample = Sample::default().encode();
            let plan = Plan::decode(sample.bytes()).unwrap();
            let mut blob = board().to_dtb();
            for (at, value) in changes {
                let at = at.index(blob.len());
                blob[at] = value;
            }
            for (at, word) in words {
                let at = at.index(blob.len() / 4) * 4;
                blob[at..at + 4].copy_from_slice(&word.to_be_bytes());
            }
            let _ = compare(&plan, &blob, PLACE);
        }
    }
}
