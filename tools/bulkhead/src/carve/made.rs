//! The nodes that the board cannot give.
//!
//! Memory and firmware are the hypervisor's to define; the command line and the initrd are what a boot
//! loader would have written.

use super::copy::{Carver, property};
use super::gic::encode;
use crate::allocate::Space;
use crate::board::Board;
use crate::expand::Partition;
use crate::guest::Layout;
use dtoolkit::model::DeviceTreeNode;

/// What aliases of UARTs begin with.
const SERIAL: &str = "serial";

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
        let stdout = [uart, board.stdout_options(uart)].concat();
        chosen.add_property(property("stdout-path", stdout.as_str()));
    }
    if let Some((start, end)) = layout.initrd {
        chosen.add_property(property("linux,initrd-start", start));
        chosen.add_property(property("linux,initrd-end", end));
    }
    chosen
}

/// The board's aliases whose nodes the partition has. UARTs are counted from zero: by that Linux names its
/// consoles.
pub(super) fn aliases(carver: &Carver<'_>) -> Option<DeviceTreeNode> {
    let tree = &carver.board.tree;
    let board = tree.at("/aliases").map_or(&[][..], |id| &tree.node(id).properties);
    let named = |(name, path): &(String, Vec<u8>)| {
        let path = std::str::from_utf8(path).ok()?.strip_suffix('\0')?;
        carver.roles.contains_key(&tree.at(path)?).then(|| (name.clone(), path.to_owned()))
    };
    let (serial, mut kept): (Vec<_>, Vec<_>) =
        board.iter().filter_map(named).partition(|(name, _)| name.starts_with(SERIAL));
    let mut uarts: Vec<String> =
        uart_path(carver.board, carver.partition).map(str::to_owned).into_iter().collect();
    uarts.extend(
        serial
            .into_iter()
            .map(|(_, path)| path)
            .filter(|path| Some(path.as_str()) != uart_path(carver.board, carver.partition)),
    );
    uarts.dedup();
    kept.extend(uarts.into_iter().enumerate().map(|(number, path)| (format!("{SERIAL}{number}"), path)));
    let mut aliases = DeviceTreeNode::new_unchecked("aliases");
    for (name, path) in &kept {
        aliases.add_property(property(name, path.as_str()));
    }
    (!kept.is_empty()).then_some(aliases)
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
    let played = board.console.filter(|console| console.is_known(&board.tree)).map(|console| console.node);
    Some(board.tree.node(partition.uart(board).or(played)?).path.as_str())
}
