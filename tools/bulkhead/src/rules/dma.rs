//! P04: a device that writes memory by itself is not held by stage 2.
//!
//! Without an IOMMU such a device reaches all of memory, the hypervisor's too. That is a decision for a
//! person, made in writing, with a reason. Its guest must see its memory where it is, for the addresses it
//! gives to the device are physical.

use crate::board::{never_masters, outer_pages};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::{ALL, Device, Partition, System, accepts};
use crate::load::Claim;
use crate::tree::NodeId;
use bulkhead_plan::Span;

/// Every bus master is accepted by its partition.
pub(super) fn masters_are_accepted(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        for device in partition.devices.iter().filter(|device| device.is_master) {
            if !accepts(partition.wish, system.board, device.node) {
                report.push(unaccepted(system, partition, device));
            }
        }
    }
}

/// An acceptance or a declaration names a device of its partition and says why.
pub(super) fn statements_are_about_own_devices(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        for statement in partition.wish.accept.iter().chain(&partition.wish.declare) {
            let device = &statement.device.value;
            let node = system.board.tree.find(device);
            let is_all = device == ALL && partition.wish.rest.is_some();
            if !is_all && !node.is_some_and(|node| partition.owns(node)) {
                let title = format!(
                    "`{}` makes a statement about `{device}`, which it does not own",
                    partition.name()
                );
                let foreign =
                    Diagnostic::new(Code::AcceptForeign, title).at(&statement.device.site, "not its own");
                report
                    .push(foreign.help(format!("add `{device}` to its devices, or take the statement out")));
            }
            if statement.reason.value.trim().is_empty() {
                let title = format!("the statement of `{}` about `{device}` has no reason", partition.name());
                let silent = Diagnostic::new(Code::ReasonMissing, title).at(&statement.reason.site, "empty");
                report.push(silent.help("say why, for the one who reads this after an accident"));
            }
            if let Claim::Risk(risk) = &statement.what
                && risk.value != "dma"
            {
                let title = format!("there is no risk `{}`", risk.value);
                let unknown = Diagnostic::new(Code::TypeWrong, title).at(&risk.site, "unknown");
                report.push(unknown.help("the risk that can be accepted is \"dma\""));
            }
        }
    }
}

/// A partition with a bus master does not refuse memory that is mapped one to one.
pub(super) fn masters_have_identity_memory(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        let Some(master) = partition.devices.iter().find(|device| device.is_master) else { continue };
        let path = &system.board.tree.node(master.node).path;
        let title = format!(
            "`{}` owns the bus master `{path}`, so its memory lies where it sees it",
            partition.name()
        );
        let refused = |site, label: &str| {
            Diagnostic::new(Code::IdentityRefused, &title).at(site, label).at(master.site, "its bus master")
        };
        if let Some(identity) = &partition.wish.identity
            && !identity.value
        {
            report.push(refused(&identity.site, "asks for the opposite").help("leave `identity` out"));
        }
        if let Some(base) = &partition.wish.ram_base {
            report.push(refused(&base.site, "asks for another place").help("leave `ram-base` out"));
        }
    }
}

/// A page of registers brings no bus master that nobody asked for. To a partition that may write all of
/// memory anyway one more adds nothing.
pub(super) fn neighbours_are_no_masters(system: &System<'_>, report: &mut Report) {
    let board = system.board;
    let is_owned = |node| system.partitions.iter().any(|partition| partition.owns(node));
    let pages = |registers: &[Span]| registers.iter().map(|span| outer_pages(*span)).collect::<Vec<_>>();
    let loose: Vec<(NodeId, Vec<Span>)> = board
        .tree
        .ids()
        .filter(|id| board.why_reserved(*id).is_none() && !is_owned(*id) && !never_masters(&board.tree, *id))
        .map(|id| (id, pages(&board.tree.registers(id).unwrap_or_default())))
        .collect();
    for partition in system.partitions.iter().filter(|it| it.devices.iter().all(|device| !device.is_master)) {
        for device in &partition.devices {
            let own = pages(&device.registers);
            let overlaps =
                |theirs: &[Span]| theirs.iter().any(|theirs| own.iter().any(|own| own.overlaps(theirs)));
            for (neighbour, _) in loose.iter().filter(|(_, theirs)| overlaps(theirs)) {
                let path = |node| &board.tree.node(node).path;
                let (mine, other) = (path(device.node), path(*neighbour));
                let title = format!("`{}` would get `{other}` with the page of `{mine}`", partition.name());
                let neighbour =
                    Diagnostic::new(Code::NeighbourMaster, title).at(device.site, "lies on that page");
                let note = format!("nobody owns `{other}`, and it counts as a bus master");
                report.push(
                    neighbour
                        .note(note)
                        .help(format!("add `{other}` to its devices, and accept or declare it")),
                );
            }
        }
    }
}

fn unaccepted(system: &System<'_>, partition: &Partition<'_>, device: &Device<'_>) -> Diagnostic {
    let path = &system.board.tree.node(device.node).path;
    let title = format!("device `{path}` of `{}` can write all of memory", partition.name());
    let block = |table: &str, claim: &str| {
        format!("[[partition.{table}]]\ndevice = \"{path}\"\n{claim}\nreason = \"…\"")
    };
    let accept = block("accept", "risk = \"dma\"");
    let declare = block("declare", "bus-master = false");
    Diagnostic::new(Code::MasterUnaccepted, title)
        .at(device.site, "masters the bus, and no IOMMU stands between")
        .note("a device counts as a bus master unless its kind is known not to be one")
        .help(format!("accept the risk below the partition:\n{accept}"))
        .help(format!("or, if it never writes memory, say so:\n{declare}"))
}
