//! Turns names into things of the board.
//!
//! After this nothing is looked up by name again, and every default is written out. A name that means
//! nothing was filed and left out, so that the rest is checked all the same.

mod cpus;
mod devices;
mod life;
mod rest;

use crate::board::{Board, is_uart, never_masters};
use crate::diagnostic::{Code, Report, Site};
use crate::load::{AcceptWish, PartitionWish, Wish};
use crate::tree::NodeId;
use bulkhead_plan::{Interrupt, Span};

pub(crate) use cpus::free_cpus;
pub(crate) use life::{Life, RESTART, STOP, register, silence_of};

/// In an acceptance of the partition that takes the rest: every device of it.
pub(crate) const ALL: &str = "*";

/// A system whose names are resolved.
#[derive(Debug)]
pub(crate) struct System<'a> {
    /// What the files say.
    pub(crate) wish: &'a Wish,
    /// The board.
    pub(crate) board: &'a Board,
    /// The partitions in the order of the file.
    pub(crate) partitions: Vec<Partition<'a>>,
}

/// A partition whose names are resolved.
#[derive(Debug)]
pub(crate) struct Partition<'a> {
    /// What the file says.
    pub(crate) wish: &'a PartitionWish,
    /// Its CPUs, as indices into those of the board, in the order of its vCPUs.
    pub(crate) cpus: Vec<(usize, &'a Site)>,
    /// Its devices, and what lies inside of them.
    pub(crate) devices: Vec<Device<'a>>,
    /// What nobody claimed and it did not get either, with the reason.
    pub(crate) left: Vec<(NodeId, String)>,
    /// Whether its memory must lie where it sees it.
    pub(crate) identity: bool,
    /// Whether its image lies in its memory already when the board boots.
    pub(crate) in_place: bool,
    /// Whether and how it begins again.
    pub(crate) life: Life,
}

/// A node that a partition owns.
#[derive(Debug)]
pub(crate) struct Device<'a> {
    /// The node.
    pub(crate) node: NodeId,
    /// Where it was asked for.
    pub(crate) site: &'a Site,
    /// Whether it can write memory by itself.
    pub(crate) is_master: bool,
    /// Its registers.
    pub(crate) registers: Vec<Span>,
    /// Its SPIs.
    pub(crate) interrupts: Vec<Interrupt>,
}

/// Resolves every name in `wish`.
pub(crate) fn expand<'a>(wish: &'a Wish, board: &'a Board, report: &mut Report) -> System<'a> {
    let (wishes, file) = (&wish.system.partitions, &wish.board);
    let cpus = cpus::cpus(wish, board, report);
    let mut devices: Vec<_> =
        wishes.iter().map(|wish| devices::devices(wish, (board, file), report)).collect();
    let mut left = rest::share(wish, &mut devices, board);
    let partition = |((partition, cpus), devices): ((&'a PartitionWish, _), Vec<Device<'a>>)| {
        let identity = devices.iter().any(|device| device.is_master)
            || partition.identity.as_ref().is_some_and(|identity| identity.value);
        let left = if partition.rest.is_some() { std::mem::take(&mut left) } else { Vec::new() };
        let in_place = partition.in_place.as_ref().is_some_and(|in_place| in_place.value);
        let life = life::life(wish, partition, board, &devices);
        Partition { wish: partition, cpus, devices, left, identity, in_place, life }
    };
    let partitions = wishes.iter().zip(cpus).zip(devices).map(partition).collect();
    System { wish, board, partitions }
}

impl System<'_> {
    /// Takes the devices from their partitions that QEMU does not model; gives who lost what.
    pub(crate) fn leave_absent_out(&mut self) -> Vec<(String, String)> {
        let tree = &self.board.tree;
        let named = self.wish.board.qemu.iter().flat_map(|qemu| &qemu.absent);
        let absent: Vec<NodeId> =
            named.filter_map(|device| tree.find(&device.value)).flat_map(|root| tree.subtree(root)).collect();
        let mut lost = Vec::new();
        for partition in &mut self.partitions {
            let name = partition.wish.name.value.clone();
            let gone = partition.devices.iter().filter(|device| absent.contains(&device.node));
            lost.extend(gone.map(|device| (name.clone(), tree.node(device.node).path.clone())));
            partition.devices.retain(|device| !absent.contains(&device.node));
        }
        lost
    }
}

impl Partition<'_> {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.wish.name.value
    }

    /// Whether the hypervisor looks at every end of an interrupt of it.
    pub(crate) fn is_guarded(&self) -> bool {
        self.wish.interrupts.as_ref().is_some_and(|mode| mode.value == "guarded")
    }

    /// Whether it owns a node.
    pub(crate) fn owns(&self, node: NodeId) -> bool {
        self.devices.iter().any(|device| device.node == node)
    }

    /// The first UART that it owns.
    pub(crate) fn uart(&self, board: &Board) -> Option<NodeId> {
        self.devices.iter().map(|device| device.node).find(|node| is_uart(&board.tree, *node))
    }
}

/// Whether a node can write memory: what a person declared, else what its kind is known for.
fn is_master(wish: &PartitionWish, board: &Board, node: NodeId) -> bool {
    let is_this = |device: &str| board.tree.find(device) == Some(node);
    let declared = wish.declare.iter().find(|declaration| is_this(&declaration.device.value));
    declared.map_or(!never_masters(&board.tree, node), |declaration| declaration.bus_master.value)
}

/// Whether it is accepted in writing that a node of a partition can write all of memory.
pub(crate) fn accepts(wish: &Wish, board: &Board, partition: &str, node: NodeId) -> bool {
    let is_of_partition =
        |accept: &AcceptWish| accept.partition.as_ref().is_some_and(|name| name.value == partition);
    wish.system.accept.iter().filter(|accept| accept.code.value == Code::MasterUnaccepted.text()).any(
        |accept| {
            accept.device.as_ref().is_some_and(|device| match device.value.as_str() {
                ALL => is_of_partition(accept),
                device => board.tree.find(device) == Some(node),
            })
        },
    )
}
