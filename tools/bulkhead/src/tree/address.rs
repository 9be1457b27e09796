//! Where a device's registers are, as a CPU addresses them.
//!
//! `reg` speaks the language of the bus that the node hangs on; each bus above translates it by its
//! `ranges` (Devicetree Specification 2.3.6 and 2.3.8).

use super::{NodeId, Tree};
use bulkhead_plan::Span;

/// The sizes of addresses and lengths on a bus, in cells.
#[derive(Clone, Copy)]
struct Cells {
    address: usize,
    size: usize,
}

impl Tree {
    /// The registers of a node; none if it has none that a CPU can address.
    pub(crate) fn registers(&self, id: NodeId) -> Result<Vec<Span>, String> {
        let Some(bus) = self.node(id).parent else { return Ok(Vec::new()) };
        let cells = self.cells_of(bus);
        if self.node(id).property("reg").is_none() || cells.size == 0 {
            return Ok(Vec::new());
        }
        let malformed = || format!("`reg` of `{}` is malformed", self.node(id).path);
        let reg = self.node(id).cells("reg");
        let entry = cells.address + cells.size;
        if !(1..=2).contains(&cells.address) || cells.size > 2 || !reg.len().is_multiple_of(entry) {
            return Err(malformed());
        }
        let mut found = Vec::new();
        for entry in reg.chunks_exact(entry) {
            let (address, size) = entry.split_at(cells.address);
            let span = Span::new(number(address), number(size));
            match self.translate(bus, span)? {
                Some(span) if span.end().is_none() => return Err(malformed()),
                Some(span) if span.size > 0 => found.push(span),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Carries a span of the bus `bus` up to the root; `None` if a bus on the way is not addressable.
    fn translate(&self, bus: NodeId, mut span: Span) -> Result<Option<Span>, String> {
        let mut bus = bus;
        while let Some(above) = self.node(bus).parent {
            let Some(ranges) = self.node(bus).property("ranges") else { return Ok(None) };
            if !ranges.is_empty() {
                let malformed = || format!("`ranges` of `{}` is malformed", self.node(bus).path);
                let (child, parent) = (self.cells_of(bus), self.cells_of(above));
                let entry = child.address + parent.address + child.size;
                let ranges = self.node(bus).cells("ranges");
                let narrow =
                    [child.address, parent.address, child.size].iter().all(|cells| (1..=2).contains(cells));
                if !narrow || !ranges.len().is_multiple_of(entry) {
                    return Err(malformed());
                }
                let carried = ranges.chunks_exact(entry).find_map(|entry| {
                    let (from, rest) = entry.split_at(child.address);
                    let (to, size) = rest.split_at(parent.address);
                    let from = Span::new(number(from), number(size));
                    from.contains(&span).then(|| (span.base.0 - from.base.0).checked_add(number(to)))
                });
                let Some(base) = carried else { return Ok(None) };
                span = Span::new(base.ok_or_else(malformed)?, span.size);
            }
            bus = above;
        }
        Ok(Some(span))
    }

    fn cells_of(&self, bus: NodeId) -> Cells {
        let count = |name, default| {
            let cells = self.node(bus).cell(name).unwrap_or(default);
            usize::try_from(cells.min(16)).unwrap_or(16)
        };
        Cells { address: count("#address-cells", 2), size: count("#size-cells", 1) }
    }
}

/// Big-endian cells as a number; more than two keep the lowest 64 bits.
fn number(cells: &[u32]) -> u64 {
    cells.iter().fold(0, |number, cell| number << 32 | u64::from(*cell))
}
