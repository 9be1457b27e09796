//! P02: a device has one owner.
//!
//! Nothing is emulated, so there is no way to share one.

use crate::board::resets_board;
use crate::diagnostic::{Code, Diagnostic, Located, Report};
use crate::expand::{Device, Partition, System};
use crate::tree::{NodeId, Tree};

/// A node is given to one partition at most.
pub(super) fn have_one_owner(system: &System<'_>, report: &mut Report) {
    let mut owned: Vec<(&Partition<'_>, &Device<'_>)> = Vec::new();
    for partition in &system.partitions {
        let mut filed = Vec::new();
        for device in &partition.devices {
            let Some((owner, first)) = owned.iter().find(|(_, other)| other.node == device.node) else {
                continue;
            };
            if filed.contains(&device.site) {
                continue;
            }
            filed.push(device.site);
            let title =
                format!("device `{}` is given to two partitions", system.board.tree.node(device.node).path);
            let shared = Diagnostic::new(Code::DeviceShared, title)
                .at(device.site, format!("`{}` asks for it here", partition.name()))
                .at(first.site, format!("`{}` already owns it", owner.name()));
            report.push(shared.help("give it to one of them"));
        }
        owned.extend(partition.devices.iter().map(|device| (partition, device)));
    }
}

/// A partition that hangs lets its watchdog bite, and the board starts anew for everybody.
pub(super) fn reset_nobody_else(system: &System<'_>, report: &mut Report) {
    let tree = &system.board.tree;
    for partition in &system.partitions {
        for device in partition.devices.iter().filter(|device| resets_board(tree, device.node)) {
            let path = &tree.node(device.node).path;
            let title = format!("`{}` can reset the whole board by `{path}`", partition.name());
            report.push(
                Diagnostic::new(Code::ResetsBoard, title)
                    .about(path)
                    .of(partition.name())
                    .at(device.site, "a watchdog, or a switch of the board")
                    .help(format!(
                        "take `{path}` out, if the others are to go on without `{}`",
                        partition.name()
                    )),
            );
        }
    }
}

/// What is asked for has something to give.
pub(super) fn are_worth_having(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        for device in &partition.wish.devices {
            let Some(node) = system.board.tree.find(&device.value).filter(|node| partition.owns(*node))
            else {
                continue;
            };
            if is_empty(&system.board.tree, node) {
                report.push(empty(system, partition, device, node));
            }
        }
    }
}

/// Whether nothing of a node, or in it, could be given: no registers, no interrupts, nothing it needs.
fn is_empty(tree: &Tree, node: NodeId) -> bool {
    tree.subtree(node).into_iter().all(|id| {
        let is_bare = tree.registers(id).is_ok_and(|registers| registers.is_empty());
        is_bare && tree.needs(id).is_ok_and(|needs| needs.is_empty())
    })
}

fn empty(
    system: &System<'_>,
    partition: &Partition<'_>,
    device: &Located<String>,
    node: NodeId,
) -> Diagnostic {
    let path = &system.board.tree.node(node).path;
    let title = format!("there is nothing to give to `{}` of `{path}`", partition.name());
    Diagnostic::new(Code::DeviceEmpty, title)
        .about(path)
        .of(partition.name())
        .at(&device.site, "has neither registers nor interrupts")
        .note("a fixed clock, or whatever else is only a fact, comes with the devices that need it")
        .help(format!("take `{}` out", device.value))
}
