//! P05: an interrupt has one owner.
//!
//! A line that devices of two partitions pull would have to be taken by the hypervisor, which takes none.

use crate::board::{Board, Gic, Wire, wire_text};
use crate::diagnostic::{Code, Diagnostic, Located, Report};
use crate::expand::{Device, Partition, System};
use crate::tree::NodeId;
use bulkhead_plan::limits;

/// No SPI belongs to devices of two partitions.
pub(super) fn have_one_owner(system: &System<'_>, report: &mut Report) {
    let mut owned: Vec<(u32, &Partition<'_>, &Device<'_>)> = Vec::new();
    let path = |device: &Device<'_>| &system.board.tree.node(device.node).path;
    for partition in &system.partitions {
        for device in &partition.devices {
            for intid in device.interrupts.iter().map(|interrupt| interrupt.intid) {
                let rival = owned.iter().find(|(other, owner, rival)| {
                    *other == intid && owner.name() != partition.name() && rival.node != device.node
                });
                if let Some((_, owner, rival)) = rival {
                    let title = format!(
                        "interrupt {intid} ({}) belongs to devices of two partitions",
                        wire_text(intid)
                    );
                    let shared = Diagnostic::new(Code::InterruptShared, title)
                        .at(device.site, format!("`{}` of `{}` has it", path(device), partition.name()))
                        .at(rival.site, format!("`{}` of `{}` has it, too", path(rival), owner.name()));
                    report.push(shared.help("give both devices to one partition"));
                }
                owned.push((intid, partition, device));
            }
        }
    }
}

/// A partition's interrupts reach it directly, or past a guard.
pub(super) fn modes_are_known(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        if let Some(mode) =
            partition.wish.interrupts.as_ref().filter(|mode| !MODES.contains(&mode.value.as_str()))
        {
            let title = format!("interrupts of `{}` cannot be `{}`", partition.name(), mode.value);
            let unknown = Diagnostic::new(Code::InterruptMode, title).at(&mode.site, "unknown");
            report.push(unknown.help("write \"direct\" or \"guarded\""));
        }
    }
}

/// What the hypervisor may raise is an SPI, no device raises it, and it is there once.
pub(super) fn unwired_are_nobodys(system: &System<'_>, report: &mut Report) {
    let (board, unwired) = (system.board, &system.wish.board.unwired);
    for (at, interrupt) in unwired.iter().enumerate() {
        let first = unwired.iter().take(at).find(|other| other.value == interrupt.value);
        match (u32::try_from(interrupt.value), first) {
            (Ok(intid @ limits::FIRST_SPI..=limits::LAST_SPI), None) => {
                if let Some(node) = users(board, intid).next() {
                    report.push(wired(board, interrupt, intid, node));
                }
            }
            (_, Some(first)) => {
                let title = format!("interrupt {} stands twice in one list", interrupt.value);
                let repeated = Diagnostic::new(Code::InterruptRepeated, title).at(&interrupt.site, "again");
                report.push(repeated.at(&first.site, "here").help("leave one of them out"));
            }
            (_, None) => {
                let title = format!("the hypervisor cannot raise interrupt {}", interrupt.value);
                let foreign = Diagnostic::new(Code::InterruptOutOfRange, title).at(&interrupt.site, "no SPI");
                let (first, last) = (limits::FIRST_SPI, limits::LAST_SPI);
                report.push(foreign.note(format!("SPIs are the interrupts {first} to {last}")));
            }
        }
    }
}

/// The ways, as a person writes them.
const MODES: [&str; 2] = ["direct", "guarded"];

/// The nodes that have an SPI, switched on or not, or pass it on.
fn users(board: &Board, intid: u32) -> impl Iterator<Item = NodeId> {
    let tree = &board.tree;
    tree.ids().filter(move |id| {
        let own = tree.lines(*id).unwrap_or_default();
        own.into_iter().chain(tree.mapped_lines(*id)).any(|line| {
            let wire = Gic::wire(&line.specifier);
            line.controller == board.gic.node && matches!(wire, Some(Wire::Spi(wired, _)) if wired == intid)
        })
    })
}

fn wired(board: &Board, interrupt: &Located<u64>, intid: u32, node: NodeId) -> Diagnostic {
    let path = &board.tree.node(node).path;
    let title = format!("interrupt {intid} ({}) is not unwired: it belongs to `{path}`", wire_text(intid));
    let taken = Diagnostic::new(Code::InterruptWired, title).at(&interrupt.site, "has a device");
    taken.help("name SPIs that the board's interrupt controller has and that nothing is connected to")
}
