//! The UART that the hypervisor speaks through.
//!
//! It is named by a person, for the tree's `stdout-path` may be a partition's.

use super::memory::over_frames;
use super::{Board, uart};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::load::BoardFile;
use crate::tree::{NodeId, Tree};
use bulkhead_plan::{Console as Sender, Ipa, PAGE, Span};

/// The UART that the board file names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    /// Its node.
    pub(crate) node: NodeId,
    /// How the hypervisor speaks through it; [`Sender::NONE`] if it cannot.
    pub(crate) sender: Sender,
}

impl Console {
    /// Whether the hypervisor can speak through it, and play a UART for a partition.
    pub(crate) fn is_known(&self) -> bool {
        !self.sender.is_none()
    }

    /// Where a partition without a UART sees one, a PL011: in the page of the hypervisor's, which is nobody's.
    pub(crate) fn virtual_uart(&self) -> Option<Ipa> {
        self.is_known().then_some(Ipa(self.sender.page().base.0))
    }

    /// Whether its own node of the device tree describes what a partition sees there.
    pub(crate) fn describes_virtual_uart(&self, tree: &Tree) -> bool {
        tree.node(self.node).is_a("arm,pl011") && self.sender.base.is_aligned(PAGE)
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
    // One of another kind is refused when somebody wants to run there; the board can be described all the same.
    Some(Console { node, sender: uart::console(tree, node).unwrap_or(Sender::NONE) })
}

/// Why the hypervisor cannot speak through the console that the board file names, if so.
pub(crate) fn unusable(board: &Board, file: &BoardFile) -> Option<Diagnostic> {
    match uart::console(&board.tree, board.console?.node) {
        Ok(sender) => covered(board, file, sender),
        Err(why) => refuse(&board.tree, file, &why),
    }
}

/// The node that a tree's `stdout-path` leads to, with what stands behind the path, such as `:115200n8`.
pub(crate) fn stdout(tree: &Tree) -> Option<(NodeId, &str)> {
    let path = tree.node(tree.at("/chosen")?).text("stdout-path")?;
    let (name, options) = path.split_at(path.find(':').unwrap_or(path.len()));
    Some((tree.find(name)?, options))
}

/// What is wrong with memory that covers the console; of memory that covers the GIC as well, that is told.
fn covered(board: &Board, file: &BoardFile, sender: Sender) -> Option<Diagnostic> {
    let covers_gic = |memory: Span| over_frames(&[memory], &board.gic.frames).is_some();
    let covers = |memory: &&Span| memory.overlaps(&sender.page()) && !covers_gic(**memory);
    let memory = board.memory.iter().find(covers)?;
    let why = format!("the board's memory at {memory} covers its registers");
    Some(
        refused(file, &why)?
            .help("if the device tree is wrong, `[[memory]]` in the board file says what is RAM"),
    )
}

/// What is wrong with the console that the board file names, and which could be.
fn refuse(tree: &Tree, file: &BoardFile, reason: &str) -> Option<Diagnostic> {
    Some(refused(file, reason)?.help_if(other_uart(tree)))
}

fn refused(file: &BoardFile, reason: &str) -> Option<Diagnostic> {
    let console = file.console.as_ref()?;
    let title = format!("`{}` cannot be the console of board `{}`", console.value, file.name);
    Some(Diagnostic::new(Code::ConsoleUnusable, title).at(&console.site, reason))
}

fn other_uart(tree: &Tree) -> Option<String> {
    let uarts: Vec<String> = tree
        .ids()
        .filter(|id| uart::console(tree, *id).is_ok() && tree.is_enabled(*id))
        .map(|id| format!("`{}`", tree.node(id).path))
        .collect();
    (!uarts.is_empty()).then(|| format!("the board has {}", uarts.join(", ")))
}
