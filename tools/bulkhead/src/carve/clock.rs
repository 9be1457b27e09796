//! Fixed clocks in place of those whose provider is not the partition's.
//!
//! A driver without its clock gives up, and with the provider a partition could switch off others. So where the
//! board says at which rate the firmware leaves a device's clocks, its partition finds clocks that just run.

use super::copy::property;
use super::role::Role;
use crate::board::Board;
use crate::tree::NodeId;
use dtoolkit::model::DeviceTreeNode;
use std::collections::HashMap;

/// The rate that the clocks of a virtual UART have, in Hz: the one for which Arm wrote its examples. Nothing runs
/// at it.
const OF_A_VIRTUAL_UART: u32 = 24_000_000;

/// The fixed clocks of a partition's tree.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// Whose clocks are replaced, and the rate.
    rates: HashMap<NodeId, u32>,
    /// Each rate with the phandle of its clock.
    fixed: Vec<(u32, u32)>,
}

impl Clocks {
    /// The clocks for the nodes of a partition's tree; `made` if there is a virtual UART besides.
    pub(super) fn new(board: &Board, roles: &HashMap<NodeId, Role>, made: bool) -> Self {
        let has_lost = |id: NodeId| {
            let entries = board.tree.references(id, "clocks").unwrap_or_default();
            entries.iter().any(|entry| entry.target.is_some_and(|target| !roles.contains_key(&target)))
        };
        let rate = |(id, role): (&NodeId, &Role)| match role {
            Role::VirtualUart => Some((*id, OF_A_VIRTUAL_UART)),
            Role::Whole => Some((*id, *board.clock_rates.get(id)?)),
            Role::Bus | Role::Gic => None,
        };
        let rates: HashMap<NodeId, u32> =
            roles.iter().filter_map(rate).filter(|(id, _)| has_lost(*id)).collect();
        let mut all: Vec<u32> = rates.values().copied().chain(made.then_some(OF_A_VIRTUAL_UART)).collect();
        all.sort_unstable();
        all.dedup();
        let phandles = (1..).filter(|phandle| board.tree.by_phandle(*phandle).is_none());
        Self { rates, fixed: all.into_iter().zip(phandles).collect() }
    }

    /// The phandle of the clock that takes the place of those a node has lost.
    pub(super) fn of(&self, id: NodeId) -> Option<u32> {
        self.at(*self.rates.get(&id)?)
    }

    /// The phandle of the clock of a virtual UART that has no node of the board's.
    pub(super) fn of_virtual_uart(&self) -> Option<u32> {
        self.at(OF_A_VIRTUAL_UART)
    }

    /// The clocks themselves.
    pub(super) fn nodes(&self) -> impl Iterator<Item = DeviceTreeNode> {
        self.fixed.iter().map(|(rate, phandle)| {
            let mut clock = DeviceTreeNode::new_unchecked(format!("bulkhead-clock-{rate}"));
            clock.add_property(property("compatible", "fixed-clock"));
            clock.add_property(property("#clock-cells", 0_u32));
            clock.add_property(property("clock-frequency", *rate));
            clock.add_property(property("phandle", *phandle));
            clock
        })
    }

    fn at(&self, rate: u32) -> Option<u32> {
        self.fixed.iter().find(|(known, _)| *known == rate).map(|(_, phandle)| *phandle)
    }
}
