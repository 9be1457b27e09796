//! The clocks that the firmware leaves on, as a person states them.

use crate::diagnostic::{Code, Diagnostic, Report, did_you_mean};
use crate::load::BoardFile;
use crate::tree::{NodeId, Tree};
use std::collections::HashMap;

/// The rate of each device's clocks in Hz, as far as the board file says it; a device that is not there is filed.
pub(super) fn rates(tree: &Tree, file: &BoardFile, report: &mut Report) -> HashMap<NodeId, u32> {
    let mut rates = HashMap::new();
    for clock in &file.clocks {
        for device in &clock.devices {
            let Some(node) = tree.find(&device.value) else {
                let title =
                    format!("board `{}` has no device `{}` whose clocks run", file.name, device.value);
                let paths = tree.ids().map(|id| tree.node(id).path.as_str());
                let unknown = Diagnostic::new(Code::DeviceUnknown, title).at(&device.site, "no such device");
                report.push(unknown.help_if(did_you_mean(&device.value, paths)));
                continue;
            };
            rates.insert(node, clock.rate);
        }
    }
    rates
}
