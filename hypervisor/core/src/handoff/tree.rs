//! The few facts of a device tree that handoff asks for.
//!
//! `None` means that the tree is damaged. Addresses of devices go through the
//! `ranges` of every bus above them (Devicetree Specification 0.4 §2.3.8).

use super::{HEADER, be32, size};
use bulkhead_plan::{Pa, Span};
use fdt::Fdt;
use fdt::helpers::UnalignedFallibleNode;

/// A device tree whose header has been checked.
pub(super) struct Tree<'a> {
    root: UnalignedFallibleNode<'a>,
    blob: &'a [u8],
}

/// What handoff asks for.
pub(super) enum Fact {
    /// RAM.
    Ram(Span),
    /// Memory that is reserved, by a node or by the header.
    Reserved(Span),
    /// A CPU that is not broken, by its affinity.
    Cpu(u64),
    /// Registers of an interrupt controller.
    Controller(Place, Span),
}

/// Which of a controller's registers: all of them follow each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    First,
    Further,
}

/// How a node's children write addresses and sizes, in cells of four bytes.
#[derive(Clone, Copy)]
struct Cells {
    address: usize,
    size: usize,
}

/// The properties of a node that matter, read in one go.
#[derive(Default)]
struct Traits<'a> {
    device_type: &'a [u8],
    status: &'a [u8],
    reg: &'a [u8],
    ranges: Option<&'a [u8]>,
    address_cells: Option<&'a [u8]>,
    size_cells: Option<&'a [u8]>,
    is_controller: bool,
}

/// A bus, and the way up from it.
struct Bus<'a, 'b> {
    cells: Cells,
    ranges: Option<&'a [u8]>,
    parent: Option<&'b Bus<'a, 'b>>,
}

/// Deepest nesting of nodes that is followed.
const DEPTH: usize = 8;

/// Tokens of the structure block (Devicetree Specification 0.4 §5.4.1).
const BEGIN_NODE: [u8; 4] = [0, 0, 0, 1];
const END: [u8; 4] = [0, 0, 0, 9];

impl<'a> Tree<'a> {
    pub(super) fn new(blob: &'a [u8]) -> Option<Self> {
        let blob = blob.get(..size(blob)?)?;
        let word = |offset: usize| usize::try_from(be32(blob.get(offset..offset.checked_add(4)?)?)?).ok();
        let block = |offset: usize, size: usize| blob.get(offset..offset.checked_add(size)?);
        // The crate adds offsets and sizes, and takes the last token of the structure, without looking.
        let structure = block(word(8)?, word(36)?)?;
        block(word(12)?, word(32)?)?;
        structure.first_chunk::<4>().filter(|token| **token == BEGIN_NODE)?;
        structure.last_chunk::<4>().filter(|token| structure.len() >= 16 && **token == END)?;
        block(word(16)?, 16)?;
        let tree = Fdt::new_unaligned_fallible(blob).ok()?;
        let root = tree.find_node("/").ok()??;
        Some(Self { root, blob })
    }

    /// Shows `visit` every fact. Each node is read once, however much is asked: the crate has to read all that
    /// comes before a node to find it.
    pub(super) fn survey(&self, visit: &mut impl FnMut(Fact)) -> Option<()> {
        let cells = Traits::of(&self.root)?.cells()?;
        let bus = Bus { cells, ranges: None, parent: None };
        for child in self.root.children().ok()?.iter() {
            let child = child.ok()?;
            let traits = Traits::of(&child)?;
            match child.name().ok()?.name {
                "cpus" => each_cpu(&child, traits.cells()?, visit)?,
                "reserved-memory" => each_reserved(&child, traits.cells()?, visit)?,
                _ if traits.device_type == b"memory\0" => {
                    each_span(traits.reg, cells, &mut |span| visit(Fact::Ram(span)))?;
                }
                _ => bus.look_at(&child, &traits, DEPTH, visit)?,
            }
        }
        self.each_in_header(visit)
    }

    fn each_in_header(&self, visit: &mut impl FnMut(Fact)) -> Option<()> {
        let start = usize::try_from(be32(self.blob.get(16..20)?)?).ok()?;
        for entry in self.blob.get(start..)?.chunks_exact(16) {
            let area = Span::new(number(entry.get(..8)?)?, number(entry.get(8..)?)?);
            if area == Span::new(0, 0) {
                break;
            }
            visit(Fact::Reserved(area));
        }
        Some(())
    }
}

fn each_cpu(cpus: &UnalignedFallibleNode<'_>, cells: Cells, visit: &mut impl FnMut(Fact)) -> Option<()> {
    for child in cpus.children().ok()?.iter() {
        let traits = Traits::of(&child.ok()?)?;
        if traits.device_type == b"cpu\0" && traits.status != b"fail\0" {
            each_span(traits.reg, Cells { size: 0, ..cells }, &mut |cpu| visit(Fact::Cpu(cpu.base.0)))?;
        }
    }
    Some(())
}

fn each_reserved(
    reserved: &UnalignedFallibleNode<'_>,
    cells: Cells,
    visit: &mut impl FnMut(Fact),
) -> Option<()> {
    for child in reserved.children().ok()?.iter() {
        let traits = Traits::of(&child.ok()?)?;
        each_span(traits.reg, cells, &mut |area| visit(Fact::Reserved(area)))?;
    }
    Some(())
}

impl<'a> Traits<'a> {
    fn of(node: &UnalignedFallibleNode<'a>) -> Option<Self> {
        let mut traits = Self::default();
        for property in node.properties().ok()?.iter() {
            let property = property.ok()?;
            match property.name {
                "device_type" => traits.device_type = property.value,
                "status" => traits.status = property.value,
                "reg" => traits.reg = property.value,
                "ranges" => traits.ranges = Some(property.value),
                "#address-cells" => traits.address_cells = Some(property.value),
                "#size-cells" => traits.size_cells = Some(property.value),
                "interrupt-controller" => traits.is_controller = true,
                _ => {}
            }
        }
        Some(traits)
    }

    /// Of the node's children; more than two cells are no number that we know.
    fn cells(&self) -> Option<Cells> {
        let count = |value: Option<&[u8]>, default| match value {
            Some(value) => usize::try_from(be32(value)?).ok(),
            None => Some(default),
        };
        Some(Cells { address: count(self.address_cells, 2)?, size: count(self.size_cells, 1)? })
    }
}

impl<'a> Bus<'a, '_> {
    /// Looks for interrupt controllers in `node`, which is on this bus, and below.
    fn look_at(
        &self,
        node: &UnalignedFallibleNode<'a>,
        traits: &Traits<'a>,
        depth: usize,
        visit: &mut impl FnMut(Fact),
    ) -> Option<()> {
        if traits.is_controller {
            let mut place = Some(Place::First);
            each_span(traits.reg, self.cells, &mut |span| {
                place = match (place, self.translate(span.base.0)) {
                    (Some(place), Some(base)) => {
                        visit(Fact::Controller(place, Span { base: Pa(base), ..span }));
                        Some(Place::Further)
                    }
                    // One whose first registers nobody can reach is none.
                    (Some(Place::First) | None, _) => None,
                    (further, None) => further,
                };
            })?;
        }
        let (Some(depth), Some(cells)) = (depth.checked_sub(1), traits.cells()) else { return Some(()) };
        let bus = Bus { cells, ranges: traits.ranges, parent: Some(self) };
        for child in node.children().ok()?.iter() {
            let child = child.ok()?;
            bus.look_at(&child, &Traits::of(&child)?, depth, visit)?;
        }
        Some(())
    }

    /// The physical address of what this bus calls `address`; `None` if it does not get out of the bus.
    fn translate(&self, address: u64) -> Option<u64> {
        let Some(parent) = self.parent else { return Some(address) };
        let ranges = self.ranges?;
        if ranges.is_empty() {
            return parent.translate(address);
        }
        let widths = [self.cells.address, parent.cells.address, self.cells.size];
        let [child, up, size] = widths.map(|cells| cells.saturating_mul(4));
        let entry = child.checked_add(up)?.checked_add(size).filter(|size| *size != 0)?;
        for range in ranges.chunks_exact(entry) {
            let (from, rest) = range.split_at_checked(child)?;
            let (to, size) = rest.split_at_checked(up)?;
            let (Some(from), Some(to), Some(size)) = (number(from), number(to), number(size)) else {
                continue;
            };
            if let Some(offset) = address.checked_sub(from).filter(|offset| *offset < size) {
                return parent.translate(to.checked_add(offset)?);
            }
        }
        None
    }
}

/// Shows every entry of a `reg`, whose cells the parent has said, to `visit`.
fn each_span(reg: &[u8], cells: Cells, visit: &mut impl FnMut(Span)) -> Option<()> {
    let [address, size] = [cells.address, cells.size].map(|cells| cells.saturating_mul(4));
    if reg.is_empty() {
        return Some(());
    }
    let entry = address.checked_add(size).filter(|size| *size != 0)?;
    for entry in reg.chunks_exact(entry) {
        let (address, size) = entry.split_at_checked(address)?;
        visit(Span::new(number(address)?, number(size)?));
    }
    Some(())
}

/// A number of at most 64 bits.
fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.len() > 8 {
        return None;
    }
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

const _: () = assert!(HEADER == 40, "the offsets above are those of version 17");
