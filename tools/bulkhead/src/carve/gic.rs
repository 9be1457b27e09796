//! The interrupt controller as a partition sees it.
//!
//! One region of redistributors, 128 KiB each, as many as the partition has CPUs; of a GICv2 the distributor
//! and the CPU interface, without the frames of a hypervisor. No ITS and no message-based SPIs: a device that
//! wrote there would raise anybody's interrupt.

use super::copy::property;
use crate::board::{Board, STRIDE, Version};
use crate::expand::Partition;
use crate::tree::{NodeId, naming};
use bulkhead_plan::{GicVersion, limits};
use dtoolkit::model::DeviceTreeProperty;

/// The GIC's binding: the third cell of an interrupt that rising edges ask for.
const EDGE_RISING: u32 = 1;

/// What the partition's interrupt controller does not have.
const LEFT_OUT: &[&str] = &["mbi-alias", "mbi-ranges", "msi-controller", "redistributor-stride"];

/// The properties of the partition's interrupt controller.
pub(super) fn properties(board: &Board, partition: &Partition<'_>) -> Vec<DeviceTreeProperty> {
    let node = board.tree.node(board.gic.node);
    let copied = |(name, value): &(String, Vec<u8>)| match name.as_str() {
        "reg" => property("reg", registers(board, partition)),
        "#redistributor-regions" => property("#redistributor-regions", 1_u32),
        _ => property(name, value.as_slice()),
    };
    // The hypervisor sees to it that the controller has its clock and its power.
    let is_kept = |name: &str| !LEFT_OUT.contains(&name) && naming(name).is_none();
    node.properties.iter().filter(|(name, _)| is_kept(name)).map(copied).collect()
}

/// What makes a node have the SPI `intid`, edge-triggered, as its only interrupt.
pub(super) fn edge(board: &Board, intid: u32) -> Vec<DeviceTreeProperty> {
    let gic = board.tree.node(board.gic.node);
    let cells = usize::try_from(gic.cell("#interrupt-cells").unwrap_or(3)).unwrap_or(3);
    let mut specifier = vec![0, intid - limits::FIRST_SPI, EDGE_RISING];
    specifier.resize(cells, 0);
    let parent = gic.cell("phandle").map(|phandle| property("interrupt-parent", phandle));
    parent.into_iter().chain([property("interrupts", specifier)]).collect()
}

/// The board's entries for GICD and GICC, or the first redistributors, cut to the partition's CPUs.
fn registers(board: &Board, partition: &Partition<'_>) -> Vec<u32> {
    let (address, size) = cells(board, board.gic.node);
    let reg = board.tree.node(board.gic.node).cells("reg");
    if board.gic.version == Version::V2 {
        // The bus may move addresses, so what the tree says stays, and is moved as far as the board file says.
        let moves = [0, cpu_interface_moves(board)];
        let sizes = [GicVersion::V2.distributor_size(), GicVersion::V2.cpu_interface_size()];
        let entry = |((entry, moves), bytes): ((&[u32], u64), u64)| {
            [encode(decode(&entry[..address]).wrapping_add(moves), address), encode(bytes, size)].concat()
        };
        return reg.chunks(address + size).zip(moves).zip(sizes).flat_map(entry).collect();
    }
    let count = u64::try_from(partition.cpus.len()).unwrap_or(u64::MAX);
    let mut kept: Vec<u32> = reg.into_iter().take(2 * address + size).collect();
    kept.extend(encode(count.saturating_mul(STRIDE), size));
    kept
}

/// How far from where the tree has the CPU interface of a GICv2 the board file says that it is.
fn cpu_interface_moves(board: &Board) -> u64 {
    let frames = board.tree.registers(board.gic.node).unwrap_or_default();
    let (Some(is), Some(was)) = (board.gic.cpu_interface, frames.get(1)) else { return 0 };
    is.base.wrapping_sub(was.base.0)
}

/// The cells of addresses and sizes on the bus that a node hangs on.
fn cells(board: &Board, id: NodeId) -> (usize, usize) {
    let bus = board.tree.node(id).parent.unwrap_or(board.tree.root());
    let count =
        |name, default| usize::try_from(board.tree.node(bus).cell(name).unwrap_or(default)).unwrap_or(0);
    (count("#address-cells", 2), count("#size-cells", 1))
}

fn decode(cells: &[u32]) -> u64 {
    cells.iter().fold(0, |value, cell| value << 32 | u64::from(*cell))
}

/// A number in so many cells, at most two.
pub(super) fn encode(value: u64, cells: usize) -> Vec<u32> {
    let halves = [value >> 32, value & 0xffff_ffff].map(|half| u32::try_from(half).unwrap_or(u32::MAX));
    halves[2_usize.saturating_sub(cells)..].to_vec()
}
