//! P05: an interrupt has one owner.
//!
//! A line that devices of two partitions pull would have to be taken by the hypervisor, which takes none.

use crate::board::{Board, Gic, Wire, is_counter, wire_text};
use crate::diagnostic::{Code, Diagnostic, Located, Report};
use crate::expand::{Device, Partition, System};
use crate::tree::NodeId;
use bulkhead_plan::{Trigger, limits};

/// The ways, as a person writes them.
const MODES: [&str; 2] = ["direct", "guarded"];

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

/// A critical partition's interrupts are ended by nobody else.
pub(super) fn of_critical_partitions_are_guarded(system: &System<'_>, report: &mut Report) {
    let is_direct =
        |other: &Partition<'_>| other.wish.interrupts.as_ref().is_none_or(|mode| mode.value == "direct");
    for partition in &system.partitions {
        let critical = partition.wish.critical.as_ref().filter(|critical| critical.value);
        let device = partition.devices.iter().find(|device| !device.interrupts.is_empty());
        let (Some(critical), Some(device)) = (critical, device) else { continue };
        let others = system.partitions.iter().filter(|other| other.name() != partition.name());
        for other in others.filter(|other| is_direct(other)) {
            let (name, other_name) = (partition.name(), other.name());
            let title = format!("`{other_name}` can end an interrupt of `{name}`, which is critical");
            let site = other.wish.interrupts.as_ref().map_or(&other.wish.name.site, |mode| &mode.site);
            report.push(
                Diagnostic::new(Code::CriticalUnguarded, title)
                    .of(name)
                    .at(site, "its interrupts are direct")
                    .at(device.site, format!("`{name}` gets interrupts from here"))
                    .at(&critical.site, format!("`{name}` is critical"))
                    .help(format!("`interrupts = \"guarded\"` in `{other_name}`")),
            );
        }
    }
}

/// A line that somebody else's device can pull has a driver that can make it stop.
pub(super) fn are_raised_by_owned_devices(system: &System<'_>, report: &mut Report) {
    let board = system.board;
    let is_owned = |node| system.partitions.iter().any(|partition| partition.owns(node));
    let loose: Vec<(NodeId, u32)> = board
        .tree
        .ids()
        .filter(|id| board.tree.is_enabled(*id) && !is_owned(*id) && !is_counter(&board.tree, *id))
        .flat_map(|id| spis(system, id).into_iter().map(move |(intid, _)| (id, intid)))
        .collect();
    for (partition, device) in owned(system) {
        for interrupt in &device.interrupts {
            let other = loose.iter().find(|(_, intid)| *intid == interrupt.intid);
            let Some((other, intid)) = other else { continue };
            let (path, other) = (&board.tree.node(device.node).path, &board.tree.node(*other).path);
            let wire = wire_text(*intid);
            let title = format!(
                "interrupt {intid} ({wire}) of `{path}` is also that of `{other}`, which nobody owns"
            );
            report.push(
                Diagnostic::new(Code::InterruptOfNobody, title)
                    .about(path)
                    .of(partition.name())
                    .at(device.site, format!("`{}` gets it", partition.name()))
                    .note(format!(
                        "if `{other}` raises it, no driver of `{}` makes it stop",
                        partition.name()
                    ))
                    .help(format!("add `{other}` to the devices of `{}`", partition.name())),
            );
        }
    }
}

/// The distributor triggers an interrupt in one way.
pub(super) fn have_one_trigger(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        let mut seen: Vec<(u32, Trigger, &Device<'_>)> = Vec::new();
        for device in &partition.devices {
            for interrupt in &device.interrupts {
                let (intid, trigger) = (interrupt.intid, interrupt.trigger);
                let Some((_, other, first)) = seen.iter().find(|(known, ..)| *known == intid) else {
                    seen.push((intid, trigger, device));
                    continue;
                };
                if *other == trigger {
                    continue;
                }
                let path = |device: &Device<'_>| &system.board.tree.node(device.node).path;
                let title = format!("interrupt {intid} ({}) is wanted in two ways", wire_text(intid));
                report.push(
                    Diagnostic::new(Code::TriggersDiffer, title)
                        .about(path(device))
                        .of(partition.name())
                        .at(device.site, format!("`{}` wants {}", path(device), trigger_text(trigger)))
                        .at(first.site, format!("`{}` gets {}", path(first), trigger_text(*other)))
                        .help("give them to the partition one at a time, or mend the board's device tree"),
                );
            }
        }
    }
}

/// The counters of a CPU raise a private interrupt; a shared one would need an owner per CPU.
pub(super) fn of_counters_are_private(system: &System<'_>, report: &mut Report) {
    let tree = &system.board.tree;
    for id in tree.ids().filter(|id| is_counter(tree, *id) && tree.is_enabled(*id)) {
        let wires: Vec<String> = spis(system, id).iter().map(|(intid, _)| wire_text(*intid)).collect();
        if wires.is_empty() {
            continue;
        }
        let path = &tree.node(id).path;
        let title = format!("no partition gets the interrupts of the performance counters `{path}`");
        report.push(Diagnostic::new(Code::CountersSilent, title).note(format!(
            "they are {}, one of each CPU; a partition can count, and cannot sample",
            wires.join(", ")
        )));
    }
}

fn owned<'a>(system: &'a System<'_>) -> impl Iterator<Item = (&'a Partition<'a>, &'a Device<'a>)> {
    system
        .partitions
        .iter()
        .flat_map(|partition| partition.devices.iter().map(move |device| (partition, device)))
}

/// The shared interrupts of a node.
fn spis(system: &System<'_>, id: NodeId) -> Vec<(u32, Trigger)> {
    let lines = system.board.tree.lines(id).unwrap_or_default().into_iter();
    let of_gic = lines.filter(|line| line.controller == system.board.gic.node);
    let wires = of_gic.filter_map(|line| match Gic::wire(&line.specifier) {
        Some(Wire::Spi(intid, trigger)) => Some((intid, trigger)),
        _ => None,
    });
    wires.collect()
}

fn trigger_text(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Edge => "an edge",
        Trigger::Level => "a level",
    }
}

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
