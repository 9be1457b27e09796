//! P04: a device that writes memory by itself is not held by stage 2.
//!
//! Without an IOMMU such a device reaches all of memory, the hypervisor's too. That is a decision for a
//! person, made in writing, with a reason. Its guest must see its memory where it is, for the addresses it
//! gives to the device are physical.

use crate::allocate::Space;
use crate::board::{never_masters, outer_pages};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::{Device, Partition, System};
use crate::tree::NodeId;
use bulkhead_plan::Span;

/// Every bus master is accepted in writing.
pub(super) fn masters_are_accepted(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        for device in partition.devices.iter().filter(|device| device.is_master) {
            report.push(unaccepted(system, partition, device));
        }
    }
}

/// A partition with a bus master does not refuse memory that is mapped one to one.
pub(super) fn masters_have_identity_memory(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        contradict(partition, report);
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
        let is_wished = partition.wish.identity.as_ref().is_some_and(|identity| identity.value);
        if let Some(base) = partition.wish.ram_base.as_ref().filter(|_| !is_wished) {
            report.push(refused(&base.site, "asks for another place").help("leave `ram-base` out"));
        }
    }
}

/// A critical partition is in no bus master's reach but its own.
pub(super) fn critical_memory_is_out_of_reach(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        let Some(critical) = partition.wish.critical.as_ref().filter(|critical| critical.value) else {
            continue;
        };
        let others = system.partitions.iter().filter(|other| other.name() != partition.name());
        let masters = others.flat_map(|other| other.devices.iter().map(move |device| (other, device)));
        for (other, device) in masters.filter(|(_, device)| device.is_master) {
            let path = &system.board.tree.node(device.node).path;
            let (name, other) = (partition.name(), other.name());
            let title = format!("`{path}` of `{other}` can write the memory of `{name}`, which is critical");
            report.push(
                Diagnostic::new(Code::CriticalExposed, title)
                    .about(path)
                    .of(name)
                    .at(device.site, format!("`{other}` owns it, and no IOMMU stands between"))
                    .at(&critical.site, format!("`{name}` is critical"))
                    .help(format!("do without `{path}`, or give it to `{name}`")),
            );
        }
    }
}

/// What a bus carries of a device's addresses reaches its partition's memory.
pub(super) fn masters_reach_their_memory(system: &System<'_>, spaces: &[Space], report: &mut Report) {
    let tree = &system.board.tree;
    for (partition, space) in system.partitions.iter().zip(spaces) {
        for device in partition.devices.iter().filter(|device| device.is_master) {
            let Some((bus, reach)) = tree.reach(device.node) else { continue };
            if reach.iter().any(|reach| reach.contains(&space.ram.span)) {
                continue;
            }
            let (path, bus) = (&tree.node(device.node).path, &tree.node(bus).path);
            let title = format!("`{path}` cannot reach all memory of `{}`", partition.name());
            let reach: Vec<String> = reach.iter().map(Span::to_string).collect();
            report.push(
                Diagnostic::new(Code::OutOfReach, title)
                    .about(path)
                    .of(partition.name())
                    .at(device.site, format!("`{bus}` carries {}", reach.join(", ")))
                    .at(&partition.wish.memory.site, format!("lies at {}", space.ram.span))
                    .help(format!("put `{}` first in the file, or give it less memory", partition.name())),
            );
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

/// To lie where it is seen, and to be seen elsewhere, cannot both be.
fn contradict(partition: &Partition<'_>, report: &mut Report) {
    let identity = partition.wish.identity.as_ref().filter(|identity| identity.value);
    if let (Some(identity), Some(base)) = (identity, &partition.wish.ram_base) {
        let title = format!("`{}` wants its memory where it lies, and elsewhere", partition.name());
        report.push(
            Diagnostic::new(Code::IdentityRefused, title)
                .at(&base.site, "asks for another place")
                .at(&identity.site, "where it lies")
                .help("leave `ram-base` out"),
        );
    }
}

fn unaccepted(system: &System<'_>, partition: &Partition<'_>, device: &Device<'_>) -> Diagnostic {
    let path = &system.board.tree.node(device.node).path;
    let title = format!("device `{path}` of `{}` can write all of memory", partition.name());
    let declare = format!("[[partition.declare]]\ndevice = \"{path}\"\nbus-master = false\nreason = \"…\"");
    Diagnostic::new(Code::MasterUnaccepted, title)
        .about(path)
        .of(partition.name())
        .at(device.site, "masters the bus, and no IOMMU stands between")
        .note("a device counts as a bus master unless its kind is known not to be one")
        .help(format!("if it never writes memory, say so below the partition:\n{declare}"))
}
