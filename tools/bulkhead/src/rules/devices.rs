//! P02: a device has one owner.
//!
//! Nothing is emulated, so there is no way to share one.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::{Device, Partition, System};

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
