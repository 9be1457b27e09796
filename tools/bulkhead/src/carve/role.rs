//! Decides what a node of the board is to a partition.
//!
//! The closure is small on purpose: what has a state and is not the partition's own was already refused.

use crate::board::{Board, Gic, Wire, is_stateless};
use crate::expand::Partition;
use crate::tree::{Line, NodeId};
use std::collections::HashMap;

/// What a copied node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The partition's own, or everybody's: all of it.
    Whole,
    /// Something that the partition's devices hang on.
    Bus,
    /// The interrupt controller.
    Gic,
    /// A UART that the hypervisor plays.
    VirtualUart,
}

/// The nodes that are copied; all others are left out.
pub(super) fn roles(board: &Board, partition: &Partition<'_>) -> HashMap<NodeId, Role> {
    let tree = &board.tree;
    let mut roles = HashMap::from([(board.gic.node, Role::Gic)]);
    if let (None, Some(console)) = (partition.uart(board), board.console) {
        roles.insert(console.node, Role::VirtualUart);
    }
    roles.extend(partition.devices.iter().map(|device| (device.node, Role::Whole)));
    roles.extend(tree.ids().filter(|id| is_of_each_cpu(board, *id)).map(|id| (id, Role::Whole)));
    let users: Vec<NodeId> = roles.keys().copied().collect();
    for need in users.iter().flat_map(|id| tree.needs(*id).unwrap_or_default()) {
        if is_stateless(tree, need.provider) {
            roles.insert(need.provider, Role::Whole);
        }
    }
    let copied: Vec<NodeId> = roles.keys().copied().collect();
    for bus in copied.iter().flat_map(|id| tree.ancestors(*id)) {
        roles.entry(bus).or_insert(Role::Bus);
    }
    roles.insert(tree.root(), Role::Whole);
    roles
}

/// The generic timer, and counters whose interrupts are private to each CPU.
fn is_of_each_cpu(board: &Board, id: NodeId) -> bool {
    let tree = &board.tree;
    let is_kind = |kind: &&str| {
        *kind == "arm,armv8-timer"
            || kind.starts_with("arm,armv8-pmuv3")
            || (kind.starts_with("arm,cortex-") && kind.ends_with("-pmu"))
    };
    let lines = || tree.lines(id).unwrap_or_default();
    let is_private = |line: &Line| matches!(Gic::wire(&line.specifier), Some(Wire::Ppi(_)));
    tree.node(id).compatible().iter().any(is_kind) && tree.is_enabled(id) && lines().iter().all(is_private)
}
