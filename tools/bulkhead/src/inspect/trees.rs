//! The device trees that an image holds for its partitions.
//!
//! A plan knows addresses only; the tree that a partition is given has names for them.

use super::kind_of;
use crate::tree::Tree;
use bulkhead_plan::{Partition, Plan, Span};
use bulkhead_verify::in_window;

/// Registers of a device, as a partition's device tree has them.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its full path.
    pub(crate) path: String,
    /// A stretch of its registers.
    pub(crate) registers: Span,
}

/// Every stretch of registers in the device tree of `partition`, in the tree's order, memory left out.
pub(crate) fn nodes(image: &[u8], plan: &Plan<'_>, partition: &Partition) -> Vec<Node> {
    let loads = partition.loads.of(plan.loads).unwrap_or_default().iter();
    let pieces = loads.filter_map(|load| in_window(image, plan, load.bytes()));
    let trees = pieces.filter(|bytes| kind_of(bytes) == "device tree");
    trees.filter_map(|bytes| Tree::parse(bytes).ok()).flat_map(|tree| of_tree(&tree)).collect()
}

fn of_tree(tree: &Tree) -> Vec<Node> {
    let is_device = |id: &_| tree.node(*id).text("device_type").is_none();
    let mut found = Vec::new();
    for id in tree.ids().filter(is_device) {
        let path = &tree.node(id).path;
        let registers = tree.registers(id).unwrap_or_default();
        found.extend(registers.into_iter().map(|registers| Node { path: path.clone(), registers }));
    }
    found
}
