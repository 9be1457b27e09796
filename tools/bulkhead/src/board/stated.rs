//! The memory that a person states, held against the device tree.
//!
//! All that counts as RAM is given to somebody, so a stretch that is none would hand out registers as memory.

use super::memory::inner_pages;
use crate::diagnostic::{Code, Diagnostic, Located, Report};
use crate::load::BoardFile;
use crate::tree::{NodeId, Tree};
use bulkhead_plan::Span;

/// The memory that a board file states; `None` after a fault was filed.
pub(super) fn memory(tree: &Tree, file: &BoardFile, report: &mut Report) -> Option<Vec<Span>> {
    let mut stated: Vec<&Located<Span>> = Vec::new();
    let mut is_sound = true;
    for next in &file.memory {
        let fault = out_of_bounds(file, next)
            .or_else(|| repeated(file, &stated, next))
            .or_else(|| over_device(tree, file, next));
        is_sound &= fault.is_none();
        report.extend(fault);
        stated.push(next);
    }
    is_sound.then(|| stated.into_iter().map(|stated| stated.value).collect())
}

/// The first device that works and has registers in `memory`, and where.
pub(crate) fn covered(tree: &Tree, memory: Span) -> Option<(NodeId, Span)> {
    let is_device = |id: &NodeId| {
        let node = tree.node(*id);
        let is_memory = node.text("device_type") == Some("memory")
            || node.path.starts_with("/reserved-memory/")
            || node.is_a("simple-framebuffer");
        !is_memory && tree.is_enabled(*id) && !tree.is_bus(*id)
    };
    let registers = |id| tree.registers(id).unwrap_or_default().into_iter().map(move |span| (id, span));
    tree.ids().filter(is_device).flat_map(registers).find(|(_, span)| span.overlaps(&memory))
}

/// Whether there can be memory: a page of it, below the last address that there is.
pub(crate) fn is_memory(span: Span) -> bool {
    span.end().is_some_and(|end| end <= 1 << PA_BITS) && inner_pages(span).is_some()
}

/// Bits of a physical address that a page table can hold without FEAT_LPA (Arm ARM D8.1).
const PA_BITS: u32 = 48;

fn out_of_bounds(file: &BoardFile, stated: &Located<Span>) -> Option<Diagnostic> {
    let Located { value: span, site } = stated;
    let (title, label) = match span.end() {
        _ if is_memory(*span) => return None,
        Some(end) if end <= 1 << PA_BITS => ("is less than a page", "holds no 4 KiB".to_owned()),
        _ => ("lies too high", format!("ends behind the last address of {PA_BITS} bits")),
    };
    let misplaced = format!("memory of board `{}` {title}", file.name);
    let help = "write its first address and how much there is, such as `size = \"1G\"`";
    Some(Diagnostic::new(Code::MemoryMisplaced, misplaced).at(site, label).help(help))
}

fn repeated(file: &BoardFile, before: &[&Located<Span>], stated: &Located<Span>) -> Option<Diagnostic> {
    let other = before.iter().find(|other| other.value.overlaps(&stated.value))?;
    let title = format!("memory of board `{}` stands twice in its file", file.name);
    let repeated = Diagnostic::new(Code::MemoryMisplaced, title)
        .at(&stated.site, format!("RAM at {}", stated.value))
        .at(&other.site, format!("RAM at {}", other.value));
    Some(repeated.help("leave one of them out, or make it end where the other begins"))
}

fn over_device(tree: &Tree, file: &BoardFile, stated: &Located<Span>) -> Option<Diagnostic> {
    let (id, registers) = covered(tree, stated.value)?;
    let path = &tree.node(id).path;
    let title = format!("memory of board `{}` covers the registers of `{path}`", file.name);
    let misplaced = Diagnostic::new(Code::MemoryMisplaced, title)
        .at(&stated.site, format!("no RAM at {}", stated.value))
        .note(format!("the registers are {registers}"));
    Some(misplaced.help("state what is RAM only; a device that the board does not have goes into `disabled`"))
}
