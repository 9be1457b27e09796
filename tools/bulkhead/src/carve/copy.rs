//! Copies nodes, leaving out what a partition cannot use.
//!
//! A property that is left in place but leads nowhere makes a driver fail late; one that is missing makes
//! it do without.

use super::clock::Clocks;
use super::gic;
use super::link::{Kept, Links};
use super::role::Role;
use crate::board::{Board, is_stateless};
use crate::expand::Partition;
use crate::tree::{Node, NodeId};
use dtoolkit::Node as _;
use dtoolkit::model::{DeviceTreeNode, DeviceTreeProperty};
use std::collections::HashMap;

/// What a bus keeps: how it addresses, and where its interrupts go.
const OF_A_BUS: &[&str] = &[
    "#address-cells",
    "#interrupt-cells",
    "#size-cells",
    "compatible",
    "dma-coherent",
    "dma-noncoherent",
    "dma-ranges",
    "interrupt-map",
    "interrupt-map-mask",
    "interrupt-parent",
    "phandle",
    "ranges",
    "reg",
];

/// What refers to an IOMMU, an ITS or a CPU by its old number.
const LEFT_OUT: &[&str] = &[
    "interrupt-affinity",
    "iommu-map",
    "iommu-map-mask",
    "iommus",
    "linux,phandle",
    "msi-map",
    "msi-map-mask",
    "msi-parent",
];

/// A board, seen with the eyes of one partition.
pub(super) struct Carver<'a> {
    pub(super) board: &'a Board,
    pub(super) partition: &'a Partition<'a>,
    pub(super) roles: HashMap<NodeId, Role>,
    pub(super) clocks: Clocks,
    /// The interrupt of the virtual UART.
    pub(super) uart_interrupt: Option<u32>,
}

impl Carver<'_> {
    /// The copy of a node and of what the partition has in it.
    pub(super) fn copy(&self, id: NodeId) -> DeviceTreeNode {
        let node = self.board.tree.node(id);
        let mut copy = DeviceTreeNode::new_unchecked(node.name.as_str());
        for property in self.properties(id, node) {
            copy.add_property(property);
        }
        let children = node.children.iter().filter(|child| self.roles.contains_key(child));
        for child in children.filter(|child| !self.is_idle_map(**child)) {
            copy.add_child(self.copy(*child));
        }
        if node.parent.is_some() && speaks_of_nothing(&copy) {
            copy.remove_property("#address-cells");
            copy.remove_property("#size-cells");
        }
        copy
    }

    /// A map of a thermal zone that has lost the devices which it would throttle.
    fn is_idle_map(&self, id: NodeId) -> bool {
        self.board.tree.node(id).property("cooling-device").is_some()
            && self.links().of(id, "cooling-device") == Kept::Nothing
    }

    fn links(&self) -> Links<'_> {
        Links { tree: &self.board.tree, roles: &self.roles, clocks: &self.clocks }
    }

    fn properties(&self, id: NodeId, node: &Node) -> Vec<DeviceTreeProperty> {
        let links = self.links();
        let as_is = |(name, value): &(String, Vec<u8>)| match links.of(id, name) {
            Kept::Whole => Some(property(name, value.as_slice())),
            Kept::Cells(cells) => Some(property(name, cells)),
            Kept::Nothing => None,
        };
        let kept = node.properties.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
        match self.roles.get(&id) {
            Some(Role::Gic) => gic::properties(self.board, self.partition),
            Some(Role::Bus) => {
                kept.filter(|(name, _)| OF_A_BUS.contains(&name.as_str())).filter_map(as_is).collect()
            }
            Some(Role::VirtualUart) => {
                let own = kept.filter(|(name, _)| self.virtual_uart_has(id, name)).filter_map(as_is);
                let raised = self.uart_interrupt.into_iter();
                own.chain(raised.flat_map(|intid| gic::edge(self.board, intid))).collect()
            }
            Some(Role::Whole) | None => kept.filter_map(as_is).collect(),
        }
    }

    /// The virtual UART has an interrupt of its own, if any, and no provider that could be switched off: for its
    /// clocks, it gets others.
    fn virtual_uart_has(&self, id: NodeId, name: &str) -> bool {
        let tree = &self.board.tree;
        let needs = tree.needs(id).unwrap_or_default();
        let is_foreign = |property: &str| {
            needs.iter().any(|need| need.property == property && !is_stateless(tree, need.provider))
        };
        !name.starts_with("interrupt") && (name == "clocks" || !is_foreign(name))
    }
}

/// Whether the cells that a node counts are those of no child: its children have no addresses.
fn speaks_of_nothing(node: &DeviceTreeNode) -> bool {
    let has = |name| node.property(name).is_some();
    let mut children = node.children().peekable();
    !has("ranges")
        && !has("dma-ranges")
        && !has("#interrupt-cells")
        && children.peek().is_some()
        && children.all(|child| child.property("reg").is_none())
}

/// A property of a device tree.
pub(super) fn property<T: dtoolkit::ToPropertyValue>(name: &str, value: T) -> DeviceTreeProperty {
    DeviceTreeProperty::new_unchecked(name, value)
}
