//! The UART that the hypervisor speaks through.
//!
//! It is named by a person, for the tree's `stdout-path` may be a partition's.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::load::BoardFile;
use crate::tree::{NodeId, Tree};
use bulkhead_plan::{PAGE, Pa};

/// A PL011.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    /// Its node.
    pub(crate) node: NodeId,
    /// Its registers.
    pub(crate) base: Pa,
}

/// Resolves the board file's console; `None` after a fault was filed.
pub(super) fn console(tree: &Tree, file: &BoardFile, report: &mut Report) -> Option<Console> {
    let name = &file.console.value;
    let refuse = |reason: &str| {
        let title = format!("`{name}` cannot be the console of board `{}`", file.name);
        Diagnostic::new(Code::ConsoleUnusable, title).at(&file.console.site, reason)
    };
    let Some(node) = tree.find(name) else {
        report.push(refuse("the board's device tree does not have it").help_if(other_uart(tree)));
        return None;
    };
    if !tree.node(node).is_a("arm,pl011") {
        report.push(refuse("not a PL011, the only UART supported").help_if(other_uart(tree)));
        return None;
    }
    let base = tree.registers(node).ok().and_then(|registers| registers.first().map(|span| span.base));
    match base {
        Some(base) if base.is_aligned(PAGE) => Some(Console { node, base }),
        _ => {
            report.push(refuse("its registers cannot be addressed"));
            None
        }
    }
}

fn other_uart(tree: &Tree) -> Option<String> {
    let uarts: Vec<String> = tree
        .ids()
        .filter(|id| tree.node(*id).is_a("arm,pl011"))
        .map(|id| format!("`{}`", tree.node(id).path))
        .collect();
    (!uarts.is_empty()).then(|| format!("the board has {}", uarts.join(", ")))
}
