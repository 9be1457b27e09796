//! Where a device's registers are, as a CPU addresses them.
//!
//! `reg` speaks the language of the bus that the node hangs on; each bus above translates it by its
//! `ranges` (Devicetree Specification 2.3.6 and 2.3.8). An address of three cells has a kind of space in the first, as PCI's has (IEEE 1275 PCI binding, 2.2.1).

use super::{NodeId, Tree};
use bulkhead_plan::Span;

/// The bits of PCI's first cell that say which space an address is in.
const PCI_SPACE: u32 = 0x0300_0000;

/// The sizes of addresses and lengths on a bus, in cells.
#[derive(Clone, Copy)]
struct Cells {
    address: usize,
    size: usize,
}

/// A stretch of addresses on a bus.
#[derive(Clone, Copy)]
struct Place {
    /// The kind of space; zero on a bus with fewer than three cells.
    space: u32,
    span: Span,
}

/// An entry of `ranges`.
#[derive(Clone, Copy)]
struct Window {
    /// Addresses below the bus.
    child: Place,
    /// Where they begin above it.
    parent: Place,
}

impl Tree {
    /// The registers of a node; none if it has none that a CPU can address.
    pub(crate) fn registers(&self, id: NodeId) -> Result<Vec<Span>, String> {
        let Some(bus) = self.node(id).parent else { return Ok(Vec::new()) };
        let cells = self.cells_of(bus);
        let reg = self.node(id).cells("reg");
        if reg.is_empty() || !cells.are_of_memory() {
            return Ok(Vec::new());
        }
        let malformed = || format!("`reg` of `{}` is malformed", self.node(id).path);
        if !reg.len().is_multiple_of(cells.address + cells.size) {
            return Err(malformed());
        }
        let mut found = Vec::new();
        for entry in reg.chunks_exact(cells.address + cells.size) {
            let (address, size) = entry.split_at(cells.address);
            match self.translate(bus, self.place(bus, address, size))? {
                Some(span) if span.end().is_none() => return Err(malformed()),
                Some(span) if span.size > 0 => found.push(span),
                _ => {}
            }
        }
        Ok(found)
    }

    /// What a device reaches by itself, as the nearest bus with `dma-ranges` says (Devicetree Specification
    /// 2.3.9), with that bus; `None` if no bus says anything, or not in a way that can be told.
    pub(crate) fn reach(&self, id: NodeId) -> Option<(NodeId, Vec<Span>)> {
        let says = |bus: &NodeId| !self.node(*bus).cells("dma-ranges").is_empty();
        let bus = self.ancestors(id).find(says)?;
        let above = self.node(bus).parent?;
        let windows = self.windows(bus, "dma-ranges").ok()??;
        let spans = windows.iter().map(|window| {
            let size = window.child.span.size;
            let parent = Place { span: Span { size, ..window.parent.span }, ..window.parent };
            self.translate(above, parent).ok().flatten()
        });
        Some((bus, spans.collect::<Option<Vec<Span>>>()?))
    }

    /// Carries a stretch of the bus `bus` up to the root; `None` if it does not get there.
    fn translate(&self, bus: NodeId, mut place: Place) -> Result<Option<Span>, String> {
        for bus in std::iter::once(bus).chain(self.ancestors(bus)) {
            if self.node(bus).parent.is_none() {
                break;
            }
            if self.node(bus).property("ranges").is_none() {
                return Ok(None);
            }
            let Some(windows) = self.windows(bus, "ranges")? else { continue };
            match windows.iter().find(|window| window.child.contains(&place)) {
                Some(window) => place = window.through(place),
                None => return Ok(None),
            }
        }
        Ok(Some(place.span))
    }

    /// The entries of `ranges` or `dma-ranges`; `None` if it is not there or empty: nothing is translated.
    fn windows(&self, bus: NodeId, property: &str) -> Result<Option<Vec<Window>>, String> {
        let (Some(above), ranges) = (self.node(bus).parent, self.node(bus).cells(property)) else {
            return Ok(None);
        };
        if ranges.is_empty() {
            return Ok(None);
        }
        let (child, parent) = (self.cells_of(bus), self.cells_of(above));
        let entry = child.address + parent.address + child.size;
        if !child.are_of_memory() || !(1..=3).contains(&parent.address) || !ranges.len().is_multiple_of(entry)
        {
            return Err(format!("`{property}` of `{}` is malformed", self.node(bus).path));
        }
        let window = |entry: &[u32]| {
            let (from, rest) = entry.split_at(child.address);
            let (to, size) = rest.split_at(parent.address);
            Window { child: self.place(bus, from, size), parent: self.place(above, to, size) }
        };
        Ok(Some(ranges.chunks_exact(entry).map(window).collect()))
    }

    fn place(&self, bus: NodeId, address: &[u32], size: &[u32]) -> Place {
        let (space, low) = match address {
            [space, low @ ..] if low.len() == 2 => (*space, low),
            low => (0, low),
        };
        let is_pci = self.node(bus).text("device_type") == Some("pci");
        let space = if is_pci { space & PCI_SPACE } else { space };
        Place { space, span: Span::new(number(low), number(size)) }
    }

    fn cells_of(&self, bus: NodeId) -> Cells {
        let count = |name, default| {
            let cells = self.node(bus).cell(name).unwrap_or(default);
            usize::try_from(cells.min(16)).unwrap_or(16)
        };
        Cells { address: count("#address-cells", 2), size: count("#size-cells", 1) }
    }
}

impl Cells {
    /// Whether addresses of a CPU can be meant: a bus of chips has no sizes, a table of lines no addresses.
    fn are_of_memory(self) -> bool {
        (1..=3).contains(&self.address) && (1..=2).contains(&self.size)
    }
}

impl Place {
    fn contains(&self, other: &Self) -> bool {
        self.space == other.space && self.span.contains(&other.span)
    }
}

impl Window {
    /// Where a stretch inside of the window is above the bus.
    fn through(&self, place: Place) -> Place {
        let offset = place.span.base.0.wrapping_sub(self.child.span.base.0);
        let base = self.parent.span.base.0.wrapping_add(offset);
        Place { space: self.parent.space, span: Span::new(base, place.span.size) }
    }
}

/// Big-endian cells as a number.
fn number(cells: &[u32]) -> u64 {
    cells.iter().fold(0, |number, cell| number << 32 | u64::from(*cell))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{node, tree, with};
    use super::*;

    /// A device on an inner bus, on an outer bus, on the root.
    fn nested(outer: &[(&str, &[u32])], inner: &[(&str, &[u32])], reg: &[u32]) -> Tree {
        let device = with(node("device"), "reg", reg.to_vec());
        let bus = |name, properties: &[(&str, &[u32])]| {
            properties.iter().fold(node(name), |node, (name, value)| with(node, name, value.to_vec()))
        };
        let mut inner = bus("inner", inner);
        inner.add_child(device);
        let mut outer = bus("outer", outer);
        outer.add_child(inner);
        let mut root = with(with(node(""), "#address-cells", 2_u32), "#size-cells", 2_u32);
        root.add_child(outer);
        tree(root)
    }

    fn registers(tree: &Tree) -> Result<Vec<Span>, String> {
        tree.registers(tree.at("/outer/inner/device").unwrap())
    }

    const PLAIN: &[(&str, &[u32])] = &[("#address-cells", &[2]), ("#size-cells", &[2]), ("ranges", &[])];

    #[test]
    fn every_bus_on_the_way_translates() {
        let outer: &[(&str, &[u32])] =
            &[("#address-cells", &[1]), ("#size-cells", &[1]), ("ranges", &[0x100, 1, 0x8000_0000, 0x1000])];
        let inner: &[(&str, &[u32])] =
            &[("#address-cells", &[1]), ("#size-cells", &[1]), ("ranges", &[0, 0x200, 0x100])];
        let tree = nested(outer, inner, &[0x10, 0x20]);
        assert_eq!(registers(&tree).unwrap(), [Span::new(0x1_8000_0110, 0x20)]);
    }

    #[test]
    fn three_cells_have_a_space_that_must_be_the_same() {
        let outer: &[(&str, &[u32])] = &[("#address-cells", &[2]), ("#size-cells", &[2]), ("ranges", &[])];
        let ranges: &[u32] = &[0x0200_0000, 0, 0x1000, 0, 0x4000_0000, 0, 0x1000];
        let inner: &[(&str, &[u32])] = &[("#address-cells", &[3]), ("#size-cells", &[2]), ("ranges", ranges)];
        let there = nested(outer, inner, &[0x0200_0000, 0, 0x1000, 0, 0x10]);
        assert_eq!(registers(&there).unwrap(), [Span::new(0x4000_0000, 0x10)]);
        let elsewhere = nested(outer, inner, &[0x0100_0000, 0, 0x1000, 0, 0x10]);
        assert_eq!(registers(&elsewhere).unwrap(), []);
    }

    #[test]
    fn what_has_no_size_or_no_address_has_no_registers() {
        for (address, size) in [(1, 0), (2, 0), (0, 0), (0, 1)] {
            let inner: &[(&str, &[u32])] =
                &[("#address-cells", &[address]), ("#size-cells", &[size]), ("ranges", &[])];
            assert_eq!(registers(&nested(PLAIN, inner, &[1])).unwrap(), [], "{address} {size}");
        }
    }

    #[test]
    fn a_bus_without_ranges_leads_nowhere() {
        let inner: &[(&str, &[u32])] = &[("#address-cells", &[1]), ("#size-cells", &[1])];
        assert_eq!(registers(&nested(PLAIN, inner, &[0, 0x10])).unwrap(), []);
    }

    #[test]
    fn cells_that_do_not_come_out_even_are_a_fault() {
        assert!(registers(&nested(PLAIN, PLAIN, &[0, 0x10, 0])).unwrap_err().contains("`reg`"));
        let inner: &[(&str, &[u32])] =
            &[("#address-cells", &[1]), ("#size-cells", &[1]), ("ranges", &[0, 0x200, 0x100])];
        assert!(registers(&nested(PLAIN, inner, &[0, 0x10])).unwrap_err().contains("`ranges`"));
    }
}
