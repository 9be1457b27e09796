//! Decides what a node of the board is to a partition.
//!
//! The closure is small on purpose: what has a state and is not the partition's own was already refused.

use crate::board::{Board, Console, Gic, Wire, is_stateless};
use crate::expand::Partition;
use crate::tree::{Line, NodeId, Tree};
use bulkhead_plan::Ipa;
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
    if let Some(console) = played(board, partition)
        && console.describes_virtual_uart(tree)
    {
        roles.insert(console.node, Role::VirtualUart);
    }
    roles.extend(partition.devices.iter().map(|device| (device.node, Role::Whole)));
    roles.extend(counters(board, partition).into_iter().map(|id| (id, Role::Whole)));
    let users: Vec<NodeId> = roles.keys().copied().collect();
    add_providers(board, users, &mut roles);
    roles.extend(thermal_zones(tree, &roles).into_iter().map(|id| (id, Role::Whole)));
    let copied: Vec<NodeId> = roles.keys().copied().collect();
    for bus in copied.iter().flat_map(|id| tree.ancestors(*id)) {
        roles.entry(bus).or_insert(Role::Bus);
    }
    roles.insert(tree.root(), Role::Whole);
    roles
}

/// Where the virtual UART is that no node of the board describes, if the partition has such a one.
pub(super) fn made_uart(board: &Board, partition: &Partition<'_>) -> Option<Ipa> {
    let console = played(board, partition)?;
    if console.describes_virtual_uart(&board.tree) { None } else { console.virtual_uart() }
}

/// The console in whose place the partition sees a virtual UART.
fn played(board: &Board, partition: &Partition<'_>) -> Option<Console> {
    board.console.filter(|console| console.is_known() && partition.uart(board).is_none())
}

/// Adds the providers without a state, and the signposts that interrupts pass on their way.
fn add_providers(board: &Board, mut users: Vec<NodeId>, roles: &mut HashMap<NodeId, Role>) {
    let tree = &board.tree;
    while let Some(user) = users.pop() {
        for need in tree.needs(user).unwrap_or_default() {
            if is_stateless(tree, need.provider) && !roles.contains_key(&need.provider) {
                roles.insert(need.provider, Role::Whole);
                users.push(need.provider);
            }
        }
        for line in tree.lines(user).unwrap_or_default() {
            if tree.is_wiring(line.controller) {
                roles.entry(line.controller).or_insert(Role::Bus);
            }
        }
    }
}

/// The generic timer, and the counters of the partition's CPUs, as far as their interrupts are private ones.
fn counters(board: &Board, partition: &Partition<'_>) -> Vec<NodeId> {
    let tree = &board.tree;
    let cores: Vec<&str> =
        partition.cpus.iter().flat_map(|(cpu, _)| tree.node(board.cpus[*cpu].node).compatible()).collect();
    let is_kind = |kind: &str| match kind.strip_suffix("-pmu") {
        Some(core) => cores.contains(&core),
        None => kind == "arm,armv8-timer" || kind.starts_with("arm,armv8-pmuv3"),
    };
    let is_private = |line: &Line| matches!(Gic::wire(&line.specifier), Some(Wire::Ppi(_)));
    let is_counter = |id: &NodeId| {
        let lines = || tree.lines(*id).unwrap_or_default();
        tree.node(*id).compatible().into_iter().any(is_kind)
            && tree.is_enabled(*id)
            && lines().iter().all(is_private)
    };
    tree.ids().filter(is_counter).collect()
}

/// The thermal zones whose sensors are there, with all that lies in them.
fn thermal_zones(tree: &Tree, roles: &HashMap<NodeId, Role>) -> Vec<NodeId> {
    let Some(folder) = tree.at("/thermal-zones") else { return Vec::new() };
    let has_sensors = |zone: &&NodeId| {
        let sensors = tree.references(**zone, "thermal-sensors").unwrap_or_default();
        let is_there = |sensor: NodeId| roles.get(&sensor) == Some(&Role::Whole);
        !sensors.is_empty() && sensors.iter().all(|entry| entry.target.is_some_and(is_there))
    };
    let zones = tree.node(folder).children.iter().filter(has_sensors);
    zones.flat_map(|zone| tree.subtree(*zone)).filter(|id| tree.is_enabled(*id)).collect()
}
