//! Carves a partition's device tree out of the board's.
//!
//! The guest's tree is the board's without everything that the guest does not have: its devices, the
//! buses they hang on and the stateless providers they need are copied; CPUs are renumbered; memory, PSCI
//! and the command line are its own. Nothing is written by hand per board, so the guest finds what the
//! bare board would have shown it.

mod clock;
mod copy;
mod cpus;
mod gic;
mod link;
mod made;
mod role;

use crate::allocate::Space;
use crate::expand::{Partition, System};
use crate::guest::Layout;
use clock::Clocks;
use copy::Carver;
use dtoolkit::model::DeviceTree;

/// The partition's flattened device tree.
pub(crate) fn carve(
    system: &System<'_>,
    partition: &Partition<'_>,
    space: &Space,
    layout: &Layout<'_>,
    bootargs: &str,
) -> Vec<u8> {
    let board = system.board;
    let uart_interrupt = space.uart.and_then(|uart| uart.interrupt);
    let roles = role::roles(board, partition);
    let made_uart = role::made_uart(board, partition);
    let clocks = Clocks::new(board, &roles, made_uart.is_some());
    let carver = Carver { board, partition, roles, clocks, uart_interrupt };
    let mut tree = DeviceTree::new();
    tree.root = carver.copy(board.tree.root());
    tree.root.add_child(cpus::cpus(board, partition));
    tree.root.add_child(made::memory(board, space));
    tree.root.add_child(made::psci());
    made_uart.map(|base| made::uart(&carver, base)).into_iter().for_each(|uart| tree.root.add_child(uart));
    carver.clocks.nodes().for_each(|clock| tree.root.add_child(clock));
    tree.root.add_child(made::chosen(board, partition, layout, bootargs));
    if let Some(aliases) = made::aliases(&carver) {
        tree.root.add_child(aliases);
    }
    tree.root.add_child(made::hypervisor(partition));
    tree.to_dtb()
}
