//! The board's CPUs.
//!
//! A CPU's number is its place among the nodes of `/cpus`; its name towards firmware and GIC is its
//! affinity, the `reg` of its node.

use super::gic::{Gic, Version};
use crate::tree::{NodeId, Tree};
use bulkhead_plan::{Conduit, Pa, limits};

/// The affinity fields of MPIDR_EL1.
const AFFINITY: u64 = 0xff_00ff_ffff;

/// A CPU.
#[derive(Debug)]
pub(crate) struct BoardCpu {
    /// Its node.
    pub(crate) node: NodeId,
    /// Its affinity, as in MPIDR_EL1.
    pub(crate) mpidr: u64,
    /// Its RD_base frame; a GICv2 has none.
    pub(crate) redistributor: Option<Pa>,
    /// The number by which a GICv2 knows it: its place among all CPUs, which it checks itself when it starts.
    pub(crate) interface: u32,
    /// Why nobody can own it, if so.
    pub(crate) unusable: Option<String>,
}

/// The CPUs of a tree, in its order.
pub(super) fn cpus(tree: &Tree, gic: &Gic) -> Result<Vec<BoardCpu>, String> {
    let parent = tree.at("/cpus").ok_or("this tree has no `/cpus`")?;
    let is_cpu = |id: &&NodeId| tree.node(**id).text("device_type") == Some("cpu");
    let methods: Vec<&str> =
        tree.node(parent).children.iter().filter_map(|id| tree.node(*id).text("enable-method")).collect();
    let mut found: Vec<BoardCpu> = Vec::new();
    for (index, id) in tree.node(parent).children.iter().filter(is_cpu).enumerate() {
        let node = tree.node(*id);
        let mpidr = match node.cells("reg")[..] {
            [low] => u64::from(low),
            [high, low] => u64::from(high) << 32 | u64::from(low),
            _ => return Err(format!("`reg` of `{}` is malformed", node.path)),
        };
        if mpidr & !AFFINITY != 0 || found.iter().any(|cpu| cpu.mpidr == mpidr) {
            return Err(format!("`reg` of `{}` is no affinity of its own", node.path));
        }
        let redistributor = gic.redistributor(index);
        if gic.version == Version::V3 && redistributor.is_none() {
            return Err(format!("the GIC of this tree has no redistributor for `{}`", node.path));
        }
        let interface = u32::try_from(index).unwrap_or(u32::MAX);
        let is_known = gic.version == Version::V3 || interface < limits::CPU_INTERFACES;
        let unknown = || "the GIC of the board knows eight CPUs".to_owned();
        let unusable = unusable(tree, *id, &methods).or_else(|| (!is_known).then(unknown));
        found.push(BoardCpu { node: *id, mpidr, redistributor, interface, unusable });
    }
    if found.is_empty() { Err("this tree has no CPUs".to_owned()) } else { Ok(found) }
}

/// The cores that have more than one thread, each as the indices of its CPUs, by `cpu-map` (Linux's
/// `Documentation/devicetree/bindings/cpu/cpu-topology.txt`).
pub(crate) fn cores(tree: &Tree, cpus: &[BoardCpu]) -> Vec<Vec<usize>> {
    let thread = |id: NodeId| {
        let node = tree.by_phandle(tree.node(id).cell("cpu")?)?;
        cpus.iter().position(|cpu| cpu.node == node)
    };
    let map = tree.at("/cpus/cpu-map").map_or_else(Vec::new, |map| tree.subtree(map));
    let cores = map.into_iter().map(|core| {
        let children = tree.node(core).children.iter();
        let threads = children.filter(|child| tree.node(**child).name.starts_with("thread"));
        threads.filter_map(|child| thread(*child)).collect::<Vec<_>>()
    });
    cores.filter(|threads| threads.len() > 1).collect()
}

/// A board whose CPUs all need another way than PSCI is the board's matter, not that of one CPU.
fn unusable(tree: &Tree, id: NodeId, methods: &[&str]) -> Option<String> {
    let node = tree.node(id);
    match (node.text("status"), node.text("enable-method")) {
        (Some("fail" | "fail-sss" | "reserved"), _) => {
            Some("the board's tree says that it does not work".to_owned())
        }
        (_, Some("psci")) => None,
        (_, Some(other)) if methods.contains(&"psci") => {
            Some(format!("its enable-method is `{other}`, not `psci`"))
        }
        (_, None) if !methods.is_empty() => Some("it has no enable-method".to_owned()),
        _ => None,
    }
}

/// How the firmware starts CPUs, as far as it is not PSCI, called by SMC.
pub(super) fn psci(tree: &Tree, cpus: &[BoardCpu]) -> Result<Conduit, String> {
    let is_psci = |id: &NodeId| {
        tree.node(*id).compatible().iter().any(|kind| matches!(*kind, "arm,psci-1.0" | "arm,psci-0.2"))
    };
    let node =
        tree.ids().find(is_psci).ok_or("it has no PSCI 0.2 or newer, so no other CPU can be started")?;
    if tree.node(node).text("method") != Some("smc") {
        return Err("its PSCI is not called by SMC: EL2 is not ours there".to_owned());
    }
    let methods = cpus.iter().filter_map(|cpu| tree.node(cpu.node).text("enable-method"));
    match methods.into_iter().all(|method| method != "psci") {
        true if cpus.len() > 1 => Err("no CPU of it says that PSCI starts it".to_owned()),
        _ => Ok(Conduit::Smc),
    }
}
