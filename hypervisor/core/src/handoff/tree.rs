//! The few facts of a device tree that handoff asks for.
//!
//! Every answer is an `Option`: `None` where the tree is damaged. Addresses of devices go through the
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

/// How a node's children write addresses and sizes, in cells of four bytes.
#[derive(Clone, Copy)]
struct Cells {
    address: usize,
    size: usize,
}

/// A bus, and the way up from it.
struct Bus<'a, 'b> {
    node: UnalignedFallibleNode<'a>,
    cells: Cells,
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

    /// Whether all of `span` is RAM.
    pub(super) fn has_ram(&self, span: &Span) -> Option<bool> {
        let mut found = false;
        let cells = Cells::below(&self.root)?;
        for child in self.root.children().ok()?.iter() {
            let child = child.ok()?;
            if is_text(&child, "device_type", b"memory\0")? {
                each_span(&child, cells, &mut |ram| found |= ram.contains(span))?;
            }
        }
        Some(found)
    }

    /// Whether a part of `span` is reserved, by a node or by the header; the tree's own `place` does not
    /// count, for it is read before anything is loaded.
    pub(super) fn is_reserved(&self, span: &Span, place: &Span) -> Option<bool> {
        let mut found = false;
        if let Some(reserved) = self.root.child("reserved-memory").ok()? {
            let cells = Cells::below(&reserved)?;
            for child in reserved.children().ok()?.iter() {
                each_span(&child.ok()?, cells, &mut |area| found |= area.overlaps(span))?;
            }
        }
        let start = usize::try_from(be32(self.blob.get(16..20)?)?).ok()?;
        for entry in self.blob.get(start..)?.chunks_exact(16) {
            let area = Span::new(number(entry.get(..8)?)?, number(entry.get(8..)?)?);
            if area == Span::new(0, 0) {
                break;
            }
            found |= area.overlaps(span) && !place.contains(&area);
        }
        Some(found)
    }

    /// Whether there is a CPU with this affinity that is not broken.
    pub(super) fn has_cpu(&self, mpidr: u64) -> Option<bool> {
        let Some(cpus) = self.root.child("cpus").ok()? else { return Some(false) };
        let cells = Cells::below(&cpus)?;
        let mut found = false;
        for child in cpus.children().ok()?.iter() {
            let child = child.ok()?;
            if is_text(&child, "device_type", b"cpu\0")? && !is_text(&child, "status", b"fail\0")? {
                each_span(&child, Cells { size: 0, ..cells }, &mut |cpu| found |= cpu.base.0 == mpidr)?;
            }
        }
        Some(found)
    }

    /// Whether an interrupt controller has its distributor at `base`.
    pub(super) fn has_gic(&self, base: Pa) -> Option<bool> {
        let root = Bus { node: self.root, cells: Cells::below(&self.root)?, parent: None };
        root.has_gic(base, DEPTH)
    }
}

impl Cells {
    /// Of the children of `node`; more than two cells are no number that we know.
    fn below(node: &UnalignedFallibleNode<'_>) -> Option<Self> {
        let count = |name, default| match node.raw_property(name).ok()? {
            Some(property) => usize::try_from(be32(property.value)?).ok(),
            None => Some(default),
        };
        Some(Self { address: count("#address-cells", 2)?, size: count("#size-cells", 1)? })
    }
}

impl Bus<'_, '_> {
    fn has_gic(&self, base: Pa, depth: usize) -> Option<bool> {
        let Some(depth) = depth.checked_sub(1) else { return Some(false) };
        for child in self.node.children().ok()?.iter() {
            let child = child.ok()?;
            if child.raw_property("interrupt-controller").ok()?.is_some() {
                let mut first = None;
                each_span(&child, self.cells, &mut |span| first = first.or(Some(span.base)))?;
                if first.and_then(|first| self.translate(first.0)) == Some(base.0) {
                    return Some(true);
                }
            }
            let Some(cells) = Cells::below(&child) else { continue };
            if (Bus { node: child, cells, parent: Some(self) }).has_gic(base, depth)? {
                return Some(true);
            }
        }
        Some(false)
    }

    /// The physical address of what this bus calls `address`; `None` if it does not get out of the bus.
    fn translate(&self, address: u64) -> Option<u64> {
        let Some(parent) = self.parent else { return Some(address) };
        let ranges = self.node.raw_property("ranges").ok()??.value;
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

/// Shows every entry of the node's `reg`, whose cells the parent has said, to `visit`.
fn each_span(node: &UnalignedFallibleNode<'_>, cells: Cells, visit: &mut impl FnMut(Span)) -> Option<()> {
    let Some(reg) = node.raw_property("reg").ok()? else { return Some(()) };
    let [address, size] = [cells.address, cells.size].map(|cells| cells.saturating_mul(4));
    let entry = address.checked_add(size).filter(|size| *size != 0)?;
    for entry in reg.value.chunks_exact(entry) {
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

fn is_text(node: &UnalignedFallibleNode<'_>, property: &str, text: &[u8]) -> Option<bool> {
    Some(node.raw_property(property).ok()?.is_some_and(|property| property.value == text))
}

const _: () = assert!(HEADER == 40, "the offsets above are those of version 17");
