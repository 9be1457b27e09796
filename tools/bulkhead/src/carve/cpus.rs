//! The CPUs as a partition sees them: its own, counted from zero.
//!
//! Each is described as the CPU of the board that it is. Idle states, clocks and performance levels are
//! left out, for clusters are shared; the map of the board's clusters is left out, for it would name CPUs
//! that are not there.

use super::copy::property;
use crate::board::Board;
use crate::expand::Partition;
use crate::tree::NodeId;
use bulkhead_plan::Cpu;
use dtoolkit::model::DeviceTreeNode;

/// What a partition may know of its CPUs.
const KEPT: &[&str] = &["capacity-dmips-mhz", "compatible", "device_type", "next-level-cache", "phandle"];

/// The node `/cpus`.
pub(super) fn cpus(board: &Board, partition: &Partition<'_>) -> DeviceTreeNode {
    let mut cpus = DeviceTreeNode::new_unchecked("cpus");
    cpus.add_property(property("#address-cells", 1_u32));
    cpus.add_property(property("#size-cells", 0_u32));
    for (vcpu, (cpu, _)) in (0..).zip(&partition.cpus) {
        cpus.add_child(one(board, board.cpus[*cpu].node, Cpu::affinity(vcpu)));
    }
    for cache in shared_caches(board, partition) {
        cpus.add_child(cache_node(board, cache));
    }
    cpus
}

fn one(board: &Board, id: NodeId, affinity: u32) -> DeviceTreeNode {
    let node = board.tree.node(id);
    let mut cpu = DeviceTreeNode::new_unchecked(format!("cpu@{affinity:x}"));
    for (name, value) in &node.properties {
        if KEPT.contains(&name.as_str()) || is_cache_size(name) {
            cpu.add_property(property(name, value.as_slice()));
        }
    }
    cpu.add_property(property("reg", affinity));
    cpu.add_property(property("enable-method", "psci"));
    for child in node.children.iter().filter(|child| board.tree.node(**child).is_a("cache")) {
        cpu.add_child(cache_node(board, *child));
    }
    cpu
}

/// Caches that lie beside the CPUs in `/cpus` and serve one of the partition's.
fn shared_caches(board: &Board, partition: &Partition<'_>) -> Vec<NodeId> {
    let tree = &board.tree;
    let next =
        |id: NodeId| tree.node(id).cell("next-level-cache").and_then(|phandle| tree.by_phandle(phandle));
    let mut found = Vec::new();
    for (cpu, _) in &partition.cpus {
        let mut level = next(board.cpus[*cpu].node);
        while let Some(cache) = level.filter(|cache| !found.contains(cache)) {
            let parent = tree.node(cache).parent.map(|parent| tree.node(parent).path.as_str());
            if parent != Some("/cpus") {
                break;
            }
            found.push(cache);
            level = next(cache);
        }
    }
    found
}

fn cache_node(board: &Board, id: NodeId) -> DeviceTreeNode {
    let node = board.tree.node(id);
    let mut cache = DeviceTreeNode::new_unchecked(node.name.as_str());
    for (name, value) in &node.properties {
        if KEPT.contains(&name.as_str()) || is_cache_size(name) {
            cache.add_property(property(name, value.as_slice()));
        }
    }
    cache
}

fn is_cache_size(name: &str) -> bool {
    ["i-cache-", "d-cache-", "cache-"].iter().any(|start| name.starts_with(start))
}
