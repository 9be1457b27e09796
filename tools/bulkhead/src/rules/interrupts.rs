//! P05: an interrupt has one owner.
//!
//! A line that devices of two partitions pull would have to be taken by the hypervisor, which takes none.

use crate::board::wire_text;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::{Device, Partition, System};

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

/// The ways, as a person writes them.
const MODES: [&str; 2] = ["direct", "guarded"];
