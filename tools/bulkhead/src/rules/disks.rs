//! P0726 to P0728: a disk of a machine in QEMU hangs where somebody finds it.
//!
//! QEMU's machine `virt` has one bus to each virtio-mmio device, numbered by rising address.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::System;
use crate::load::Disk;
use crate::tree::NodeId;

/// What the names of buses begin with.
const BUS: &str = "virtio-mmio-bus.";

/// Every disk has a bus of its own, and its device an owner.
pub(super) fn are_found(system: &System<'_>, report: &mut Report) {
    if system.wish.board.qemu.is_none() {
        return;
    }
    let devices = devices(system);
    let disks = &system.wish.system.disks;
    for (index, disk) in disks.iter().enumerate() {
        let earlier = disks.iter().take(index).find(|earlier| earlier.bus.value == disk.bus.value);
        match (device(disk, &devices), earlier) {
            (None, _) => report.push(unknown(disk, devices.len())),
            (Some(_), Some(earlier)) => report.push(taken(system, disk, earlier, &devices)),
            (Some(node), None) => {
                if !system.partitions.iter().any(|partition| partition.owns(node)) {
                    report.push(of_nobody(system, disk, node));
                }
            }
        }
    }
}

/// The virtio-mmio devices by rising address.
fn devices(system: &System<'_>) -> Vec<NodeId> {
    let tree = &system.board.tree;
    let mut devices: Vec<NodeId> = tree.ids().filter(|id| tree.node(*id).is_a("virtio,mmio")).collect();
    devices.sort_by_key(|id| tree.registers(*id).ok().and_then(|it| it.first().map(|span| span.base)));
    devices
}

fn device(disk: &Disk, devices: &[NodeId]) -> Option<NodeId> {
    let number: usize = disk.bus.value.strip_prefix(BUS)?.parse().ok()?;
    devices.get(number).copied()
}

fn unknown(disk: &Disk, count: usize) -> Diagnostic {
    let title = format!("the machine has no bus `{}` for a disk", disk.bus.value);
    let unknown = Diagnostic::new(Code::DiskBusUnknown, title).at(&disk.bus.site, "no such bus");
    let last = count.checked_sub(1);
    unknown.help_if(last.map(|last| format!("it has `{BUS}0` to `{BUS}{last}`")))
}

fn taken(system: &System<'_>, disk: &Disk, earlier: &Disk, devices: &[NodeId]) -> Diagnostic {
    let title = format!("two disks hang on `{}`", disk.bus.value);
    let is_free = |number: &usize| {
        let bus = format!("{BUS}{number}");
        system.wish.system.disks.iter().all(|disk| disk.bus.value != bus)
    };
    let free = (0..devices.len()).rev().find(is_free);
    Diagnostic::new(Code::DiskBusTaken, title)
        .at(&disk.bus.site, "again")
        .at(&earlier.bus.site, "here")
        .help_if(free.map(|number| format!("`{BUS}{number}` is free")))
}

fn of_nobody(system: &System<'_>, disk: &Disk, node: NodeId) -> Diagnostic {
    let path = &system.board.tree.node(node).path;
    Diagnostic::new(Code::DiskOfNobody, format!("no partition has the disk `{}`", disk.image.value))
        .about(path)
        .at(&disk.bus.site, format!("this is `{path}`, which nobody owns"))
        .help(format!("add `{path}` to the devices of the partition that is to have the disk"))
}
