//! The interrupt that is the hypervisor's own.

use crate::allocate::Space;
use crate::board::{Board, Gic, Version, Wire, unsupported};
use crate::diagnostic::Diagnostic;
use crate::expand::System;
use bulkhead_plan::limits;

/// The SPI by which the hypervisor wakes CPUs where there is a GICv2: one that nothing is connected to, else that
/// of a device that nobody has, else one that the tree does not mention. As long as it wakes nobody it is off.
pub(crate) fn wake(system: &System<'_>, spaces: &[Space]) -> Option<u32> {
    let board = system.board;
    let raised = |intid: u32| spaces.iter().any(|it| it.uart.and_then(|uart| uart.interrupt) == Some(intid));
    let owned = |intid: u32| {
        let mut devices = system.partitions.iter().flat_map(|partition| &partition.devices);
        devices.any(|device| device.interrupts.iter().any(|interrupt| interrupt.intid == intid))
    };
    let unwired = system.wish.board.unwired.iter().rev().filter_map(|it| u32::try_from(it.value).ok());
    let wired: Vec<u32> = wired_spis(board).collect();
    // SPIs come by 32, so those beside one that is wired are there.
    let unmentioned =
        (limits::FIRST_SPI..=limits::LAST_SPI).filter(|it| wired.iter().any(|one| one / 32 == it / 32));
    let unmentioned = unmentioned.filter(|it| !wired.contains(it)).rev();
    let is_spi = |intid: &u32| (limits::FIRST_SPI..=limits::LAST_SPI).contains(intid);
    let free = |intid: &u32| is_spi(intid) && !raised(*intid) && !owned(*intid);
    let mut all = unwired.chain(wired.iter().copied()).chain(unmentioned);
    (board.gic.version == Version::V2).then(|| all.find(free)).flatten()
}

/// What is wrong with a system in which none can be.
pub(crate) fn sleepless(system: &System<'_>) -> Diagnostic {
    unsupported(&system.wish.board, "no interrupt of its GICv2 is known to be nobody's, to wake CPUs by")
        .note("with a GICv2 the hypervisor needs an SPI of its own to stop a partition that sleeps")
        .help("name SPIs that nothing is connected to as `unwired-interrupts`")
}

/// The SPIs that the board's tree connects something to.
fn wired_spis(board: &Board) -> impl Iterator<Item = u32> {
    let lines = board.tree.ids().flat_map(|id| board.tree.lines(id).unwrap_or_default());
    let lines = lines.filter(|line| line.controller == board.gic.node);
    lines.filter_map(|line| match Gic::wire(&line.specifier) {
        Some(Wire::Spi(intid, _)) => Some(intid),
        _ => None,
    })
}
