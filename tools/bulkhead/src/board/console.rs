//! The UART that the hypervisor speaks through.
//!
//! It is named by a person, for the tree's `stdout-path` may be a partition's.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::load::BoardFile;
use crate::tree::{NodeId, Tree};
use bulkhead_plan::{PAGE, Pa};

/// A UART.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    /// Its node.
    pub(crate) node: NodeId,
    /// Its registers.
    pub(crate) base: Pa,
}

impl Console {
    /// Whether the hypervisor can speak through it, and play one for a partition.
    pub(crate) fn is_known(&self, tree: &Tree) -> bool {
        tree.node(self.node).is_a("arm,pl011")
    }
}

/// Resolves the board file's console; `None` if it names none, or after a fault was filed.
pub(super) fn console(tree: &Tree, file: &BoardFile, report: &mut Report) -> Option<Console> {
    let name = &file.console.as_ref()?.value;
    let refuse = |reason: &str| refuse(tree, file, reason);
    let Some(node) = tree.find(name) else {
        report.push(refuse("the board's device tree does not have it")?);
        return None;
    };
    if !tree.is_enabled(node) {
        report.push(refuse("the board's device tree disables it")?);
        return None;
    }
    let base = tree.registers(node).ok().and_then(|registers| registers.first().map(|span| span.base));
    match base.map(|base| Console { node, base }) {
        // Only a UART that partitions see in its place must fill a page.
        Some(console) if console.base.is_aligned(PAGE) || !console.is_known(tree) => Some(console),
        _ => {
            report.push(refuse("its registers cannot be addressed")?);
            None
        }
    }
}

/// The node that a tree's `stdout-path` leads to, with what stands behind the path, such as `:115200n8`.
pub(crate) fn stdout(tree: &Tree) -> Option<(NodeId, &str)> {
    let path = tree.node(tree.at("/chosen")?).text("stdout-path")?;
    let (name, options) = path.split_at(path.find(':').unwrap_or(path.len()));
    Some((tree.find(name)?, options))
}

/// What is wrong with the console that the board file names.
pub(crate) fn refuse(tree: &Tree, file: &BoardFile, reason: &str) -> Option<Diagnostic> {
    let console = file.console.as_ref()?;
    let title = format!("`{}` cannot be the console of board `{}`", console.value, file.name);
    let refused = Diagnostic::new(Code::ConsoleUnusable, title).at(&console.site, reason);
    Some(refused.help_if(other_uart(tree)))
}

fn other_uart(tree: &Tree) -> Option<String> {
    let uarts: Vec<String> = tree
        .ids()
        .filter(|id| tree.node(*id).is_a("arm,pl011"))
        .map(|id| format!("`{}`", tree.node(id).path))
        .collect();
    (!uarts.is_empty()).then(|| format!("the board has {}", uarts.join(", ")))
}
