//! The nodes that the board cannot give.
//!
//! Memory and firmware are the hypervisor's to define; the command line and the initrd are what a boot
//! loader would have written.

use super::copy::{Carver, property};
use super::gic::{edge, encode};
use super::role::made_uart;
use crate::allocate::Space;
use crate::board::{Board, Console};
use crate::expand::Partition;
use crate::guest::Layout;
use bulkhead_plan::{Ipa, PAGE, Pa, Span};
use dtoolkit::model::DeviceTreeNode;

/// What aliases of UARTs begin with.
const SERIAL: &str = "serial";

/// The partition's RAM, where it sees it.
pub(super) fn memory(board: &Board, space: &Space) -> DeviceTreeNode {
    let seen = space.ram_seen();
    let mut memory = DeviceTreeNode::new_unchecked(format!("memory@{:x}", seen.base.0));
    memory.add_property(property("device_type", "memory"));
    memory.add_property(property("reg", registers(board, Span { base: Pa(seen.base.0), size: seen.size })));
    memory
}

/// The virtual UART where the board's own console is no PL011.
pub(super) fn uart(carver: &Carver<'_>, base: Ipa) -> DeviceTreeNode {
    let mut uart = DeviceTreeNode::new_unchecked(&made_uart_path(base)[1..]);
    uart.add_property(property("compatible", vec!["arm,pl011", "arm,primecell"]));
    uart.add_property(property("reg", registers(carver.board, Span::new(base.0, PAGE))));
    if let Some(clock) = carver.clocks.of_virtual_uart() {
        uart.add_property(property("clocks", [clock, clock]));
        uart.add_property(property("clock-names", vec!["uartclk", "apb_pclk"]));
    }
    let raised = carver.uart_interrupt.into_iter().flat_map(|intid| edge(carver.board, intid));
    raised.for_each(|property| uart.add_property(property));
    uart
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
        let stdout = [uart.as_str(), board.stdout_options(&uart)].concat();
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
    let first = uart_path(carver.board, carver.partition);
    let others = serial.into_iter().map(|(_, path)| path).filter(|path| Some(path) != first.as_ref());
    let mut uarts: Vec<String> = first.iter().cloned().chain(others).collect();
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
fn uart_path(board: &Board, partition: &Partition<'_>) -> Option<String> {
    if let Some(base) = made_uart(board, partition) {
        return Some(made_uart_path(base));
    }
    let played = board.console.filter(Console::is_known).map(|console| console.node);
    Some(board.tree.node(partition.uart(board).or(played)?).path.clone())
}

fn made_uart_path(base: Ipa) -> String {
    format!("/pl011@{:x}", base.0)
}

/// The `reg` of a node that hangs on nothing.
fn registers(board: &Board, span: Span) -> Vec<u32> {
    let root = board.tree.node(board.tree.root());
    let cells = |name, default| usize::try_from(root.cell(name).unwrap_or(default)).unwrap_or(2);
    let mut cells_of_base = encode(span.base.0, cells("#address-cells", 2));
    cells_of_base.extend(encode(span.size, cells("#size-cells", 1)));
    cells_of_base
}
