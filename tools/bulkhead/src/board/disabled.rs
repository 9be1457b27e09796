//! Nodes that the firmware disables before it hands its tree over, as a person states them.

use crate::diagnostic::{Code, Diagnostic, Report, did_you_mean};
use crate::load::BoardFile;
use crate::tree::Tree;

/// Disables in `tree` what the board file says; a device that is not there is filed.
pub(super) fn disable(tree: &mut Tree, file: &BoardFile, report: &mut Report) {
    for device in &file.disabled {
        let Some(node) = tree.find(&device.value) else {
            let title =
                format!("board `{}` has no device `{}` that could be disabled", file.name, device.value);
            let paths = tree.ids().map(|id| tree.node(id).path.as_str());
            let unknown = Diagnostic::new(Code::DeviceUnknown, title).at(&device.site, "no such device");
            report.push(unknown.help_if(did_you_mean(&device.value, paths)));
            continue;
        };
        tree.disable(node);
    }
}
