//! The board's CPUs.
//!
//! A CPU's number is its place among the nodes of `/cpus`; its name towards firmware and GIC is its
//! affinity, the `reg` of its node. All of them are started in one way: by PSCI where the tree has it, else out
//! of a spin table.

use super::gic::{Gic, Version};
use crate::tree::{NodeId, Tree};
use bulkhead_plan::{Conduit, Pa, Span, limits};

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
    /// Where it waits for its entry, on a board with a spin table.
    pub(crate) release: Option<Pa>,
    /// Why nobody can own it, if so.
    pub(crate) unusable: Option<String>,
}

/// How the firmware starts the CPUs of a tree; else why the hypervisor cannot.
pub(super) fn conduit(tree: &Tree) -> Result<Conduit, String> {
    let is_psci = |id: &NodeId| {
        tree.node(*id).compatible().iter().any(|kind| matches!(*kind, "arm,psci-1.0" | "arm,psci-0.2"))
    };
    let nodes = nodes(tree);
    let has = |method| nodes.iter().any(|id| tree.node(*id).text("enable-method") == Some(method));
    let firmware = tree.ids().find(is_psci);
    match firmware.map(|id| tree.node(id).text("method")) {
        _ if has(SPIN_TABLE) && !has(PSCI) => releasable(tree, &nodes).map(|()| Conduit::SpinTable),
        None => {
            Err("it has no PSCI 0.2 or newer and no spin table, so no other CPU can be started".to_owned())
        }
        Some(method) if method != Some("smc") => {
            Err("its PSCI is not called by SMC: EL2 is not ours there".to_owned())
        }
        Some(_) if nodes.len() > 1 && !has(PSCI) => Err("no CPU of it says that PSCI starts it".to_owned()),
        Some(_) => Ok(Conduit::Smc),
    }
}

/// Whether a spin table says where CPUs wait, and that not all wait in one place: they could not be told apart.
fn releasable(tree: &Tree, nodes: &[NodeId]) -> Result<(), String> {
    let places: Vec<Pa> = nodes.iter().filter_map(|id| release(tree, *id)).collect();
    match places.split_first() {
        None => {
            Err("its spin table is without a `cpu-release-addr`: its firmware has not filled it in"
                .to_owned())
        }
        Some((first, others)) if !others.is_empty() && others.iter().all(|other| other == first) => {
            Err("all its CPUs wait at one `cpu-release-addr`: they cannot be released one by one".to_owned())
        }
        Some(_) => Ok(()),
    }
}

/// The words in which CPUs of a tree wait to be released: the firmware reads them, and code is around them.
pub(super) fn spin_table(tree: &Tree) -> Vec<Span> {
    nodes(tree).into_iter().filter_map(|id| Some(Span { base: release(tree, id)?, size: 8 })).collect()
}

/// The CPUs of a tree, in its order.
pub(super) fn cpus(tree: &Tree, gic: &Gic, conduit: Option<Conduit>) -> Result<Vec<BoardCpu>, String> {
    if tree.at("/cpus").is_none() {
        return Err("this tree has no `/cpus`".to_owned());
    }
    let mut found: Vec<BoardCpu> = Vec::new();
    for (index, id) in nodes(tree).iter().enumerate() {
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
        let release = release(tree, *id).filter(|_| conduit == Some(Conduit::SpinTable));
        let is_shared = release.is_some_and(|place| is_shared(tree, place));
        let shared = || "another CPU waits at the same `cpu-release-addr`".to_owned();
        let unusable = unusable(tree, *id, conduit).or_else(|| is_shared.then(shared));
        let unusable = unusable.or_else(|| (!is_known).then(unknown));
        found.push(BoardCpu { node: *id, mpidr, redistributor, interface, release, unusable });
    }
    if found.is_empty() { Err("this tree has no CPUs".to_owned()) } else { Ok(found) }
}

/// Whether more than one CPU waits in the word there: what releases one of them releases all, so none can be released.
fn is_shared(tree: &Tree, place: Pa) -> bool {
    let word = Span { base: place, size: 8 };
    spin_table(tree).iter().filter(|other| other.overlaps(&word)).count() > 1
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

/// The enable-methods of CPUs that the hypervisor knows.
const PSCI: &str = "psci";
const SPIN_TABLE: &str = "spin-table";

/// The nodes of the CPUs.
fn nodes(tree: &Tree) -> Vec<NodeId> {
    let is_cpu = |id: &NodeId| tree.node(*id).text("device_type") == Some("cpu");
    let children = tree.at("/cpus").map_or(&[][..], |parent| &tree.node(parent).children);
    children.iter().copied().filter(is_cpu).collect()
}

/// Where a CPU waits, if it waits in memory. Most trees write all 64 bits, some 32 (Devicetree Specification
/// 0.4 §3.8.1).
fn release(tree: &Tree, id: NodeId) -> Option<Pa> {
    match tree.node(id).cells("cpu-release-addr")[..] {
        [low] => Some(Pa(u64::from(low))),
        [high, low] => Some(Pa(u64::from(high) << 32 | u64::from(low))),
        _ => None,
    }
}

/// Why a CPU cannot be started as the board starts CPUs. A board whose CPUs all need a way that the hypervisor
/// does not know is the board's matter, not that of one CPU.
fn unusable(tree: &Tree, id: NodeId, conduit: Option<Conduit>) -> Option<String> {
    let node = tree.node(id);
    if matches!(node.text("status"), Some("fail" | "fail-sss" | "reserved")) {
        return Some("the board's tree says that it does not work".to_owned());
    }
    let wanted = if conduit? == Conduit::Smc { PSCI } else { SPIN_TABLE };
    match (node.text("enable-method"), release(tree, id)) {
        (None, _) if nodes(tree).iter().all(|cpu| tree.node(*cpu).text("enable-method").is_none()) => None,
        (None, _) => Some("it has no enable-method".to_owned()),
        (Some(other), _) if other != wanted => {
            Some(format!("its enable-method is `{other}`, not `{wanted}`"))
        }
        (Some(PSCI), _) => None,
        (Some(_), Some(release)) if release.is_aligned(8) => None,
        (Some(_), Some(_)) => Some("its `cpu-release-addr` is no multiple of 8".to_owned()),
        (Some(_), None) => Some("it has no `cpu-release-addr`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::{node, tree, with};

    /// CPUs in a spin table, each with where it waits, if that is known.
    fn spinning(places: &[Option<u32>]) -> Tree {
        let mut cpus = node("cpus");
        for (number, place) in (0_u32..).zip(places) {
            let cpu = with(with(node(&format!("cpu@{number}")), "device_type", "cpu"), "reg", number);
            let cpu = with(cpu, "enable-method", SPIN_TABLE);
            cpus.add_child(match place {
                Some(place) => with(cpu, "cpu-release-addr", [0, *place]),
                None => cpu,
            });
        }
        let mut root = node("");
        root.add_child(cpus);
        tree(root)
    }

    #[test]
    fn cpus_of_a_spin_table_are_released_one_by_one_or_not_at_all() {
        assert_eq!(conduit(&spinning(&[Some(0xd8), Some(0xe0)])), Ok(Conduit::SpinTable));
        assert_eq!(conduit(&spinning(&[None, Some(0xe0)])), Ok(Conduit::SpinTable), "the first runs already");
        assert_eq!(conduit(&spinning(&[Some(0xd8)])), Ok(Conduit::SpinTable), "nobody else is there");
        let one_place = conduit(&spinning(&[Some(0xfff8), Some(0xfff8)])).unwrap_err();
        assert!(one_place.contains("one by one"), "{one_place}");
        let nowhere = conduit(&spinning(&[None, None])).unwrap_err();
        assert!(nowhere.contains("not filled it in"), "{nowhere}");
    }

    #[test]
    fn who_shares_a_word_with_another_cpu_is_not_released_whichever_comes_first() {
        let tree = spinning(&[Some(0xd8), Some(0xd8), Some(0xe0), Some(0xf4), Some(0xf8), None]);
        let shared = [0xd8, 0xe0, 0xf4, 0xf8].map(|place| is_shared(&tree, Pa(place)));
        assert_eq!(shared, [true, false, true, true], "0xf4 reaches into 0xf8");
    }
}
