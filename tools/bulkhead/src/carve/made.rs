//! The nodes that the board cannot give.
//!
//! Memory and firmware are the hypervisor's to define; the command line and the initrd are what a boot
//! loader would have written.

use super::copy::property;
use super::gic::encode;
use crate::allocate::Space;
use crate::board::Board;
use crate::expand::Partition;
use crate::guest::Layout;
use dtoolkit::model::DeviceTreeNode;

/// The partition's RAM, where it sees it.
pub(super) fn memory(board: &Board, space: &Space) -> DeviceTreeNode {
    let root = board.tree.node(board.tree.root());
    let cells = |name, default| usize::try_from(root.cell(name).unwrap_or(default)).unwrap_or(2);
    let seen = space.ram_seen();
    let mut reg = encode(seen.base.0, cells("#address-cells", 2));
    reg.extend(encode(seen.size, cells("#size-cells", 1)));
    let mut memory = DeviceTreeNode::new_unchecked(format!("memory@{:x}", seen.base.0));
    memory.add_property(property("device_type", "memory"));
    memory.add_property(property("reg", reg));
    memory
}

/// The hypervisor's PSCI.
pub(super) fn psci() -> DeviceTreeNode {
    let mut psci = DeviceTreeNode::new_unchecked("psci");
    psci.add_property(property("compatible", vec!["arm,psci-1.0", "arm,psci-0.2"]));
    psci.add_property(property("method", "hvc"));
    psci
}

/// What a boot loader tells a kernel.
pub(super) fn chosen(
    board: &Board,
    partition: &Partition<'_>,
    layout: &Layout<'_>,
    bootargs: &str,
) -> DeviceTreeNode {
    let mut chosen = DeviceTreeNode::new_unchecked("chosen");
    if !bootargs.is_empty() {
        chosen.add_property(property("bootargs", bootargs));
    }
    if let Some(uart) = uart_path(board, partition) {
        chosen.add_property(property("stdout-path", uart));
    }
    if let Some((start, end)) = layout.initrd {
        chosen.add_property(property("linux,initrd-start", start));
        chosen.add_property(property("linux,initrd-end", end));
    }
    chosen
}

/// The partition's UARTs counted from zero: Linux names `ttyAMA0` by them.
pub(super) fn aliases(board: &Board, partition: &Partition<'_>) -> Option<DeviceTreeNode> {
    let mut aliases = DeviceTreeNode::new_unchecked("aliases");
    aliases.add_property(property("serial0", uart_path(board, partition)?));
    Some(aliases)
}

/// What tells a guest where it is.
pub(super) fn hypervisor(partition: &Partition<'_>) -> DeviceTreeNode {
    let mut hypervisor = DeviceTreeNode::new_unchecked("hypervisor");
    hypervisor.add_property(property("compatible", "bulkhead,partition"));
    hypervisor.add_property(property("bulkhead,partition", partition.name()));
    hypervisor
}

/// The partition's own UART, else the virtual one.
fn uart_path<'a>(board: &'a Board, partition: &Partition<'_>) -> Option<&'a str> {
    let node = partition.uart(board).or(board.console.map(|console| console.node))?;
    Some(board.tree.node(node).path.as_str())
}
