//! The board's CPUs.
//!
//! A CPU's number is its place among the nodes of `/cpus`; its name towards firmware and GIC is its
//! affinity, the `reg` of its node.

use super::Gic;
use crate::tree::{NodeId, Tree};
use bulkhead_plan::Pa;

/// The affinity fields of MPIDR_EL1.
const AFFINITY: u64 = 0xff_00ff_ffff;

/// A CPU.
#[derive(Debug)]
pub(crate) struct BoardCpu {
    /// Its node.
    pub(crate) node: NodeId,
    /// Its affinity, as in MPIDR_EL1.
    pub(crate) mpidr: u64,
    /// Its RD_base frame.
    pub(crate) redistributor: Pa,
    /// Why nobody can own it, if so.
    pub(crate) unusable: Option<String>,
}

/// The CPUs of a tree, in its order.
pub(super) fn cpus(tree: &Tree, gic: &Gic) -> Result<Vec<BoardCpu>, String> {
    let parent = tree.at("/cpus").ok_or("this tree has no `/cpus`")?;
    let is_cpu = |id: &&NodeId| tree.node(**id).text("device_type") == Some("cpu");
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
        let redistributor = gic
            .redistributor(index)
            .ok_or_else(|| format!("the GIC of this tree has no redistributor for `{}`", node.path))?;
        found.push(BoardCpu { node: *id, mpidr, redistributor, unusable: unusable(tree, *id) });
    }
    if found.is_empty() { Err("this tree has no CPUs".to_owned()) } else { Ok(found) }
}

fn unusable(tree: &Tree, id: NodeId) -> Option<String> {
    let node = tree.node(id);
    match (node.text("status"), node.text("enable-method")) {
        (Some("fail" | "fail-sss" | "reserved"), _) => {
            Some("the board's tree says that it does not work".to_owned())
        }
        (_, Some("psci")) => None,
        (_, Some(other)) => Some(format!("its enable-method is `{other}`, not `psci`")),
        (_, None) => Some("it has no enable-method".to_owned()),
    }
}
