//! P08: what silences a device touches registers that are there for that.
//!
//! The hypervisor takes these steps by itself, so they are checked like what a partition could reach.

use crate::board::{Board, outer_pages};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::{Partition, System, register, silence_of};
use crate::load::{Silence, SilenceStep};
use crate::tree::NodeId;
use bulkhead_plan::{Pa, Span};

/// A description of how to silence devices is about devices that there are, and about registers that it may touch.
pub(super) fn is_possible(system: &System<'_>, report: &mut Report) {
    let board = system.board;
    for silence in &system.wish.board.silences {
        let about = board.tree.ids().filter(|id| {
            silence_of(system.wish, board, *id).is_some_and(|found| std::ptr::eq(found, silence))
        });
        let devices: Vec<_> = about.collect();
        if devices.is_empty() {
            let title = format!("board `{}` has no device that this silences", board.name);
            let none = Diagnostic::new(Code::SilenceMisplaced, title).at(&silence.site, "about no device");
            report.push(none.help("name one by `device`, or a kind that there is by `compatible`"));
        }
        for step in &silence.steps {
            report.extend(impossible(step).or_else(|| {
                let lost = devices.iter().find(|device| register(board, **device, step).is_none());
                let lost = lost.map(|device| misplaced(board, silence, step, &board.tree.node(*device).path));
                lost.or_else(|| devices.iter().find_map(|device| foreign(system, step, *device)))
            }));
        }
    }
}

/// A step that says two things at once, or nothing.
fn impossible(step: &SilenceStep) -> Option<Diagnostic> {
    let wrong = |label: &str| {
        let title = "a step that silences a device cannot be taken";
        Diagnostic::new(Code::StepImpossible, title).at(&step.site, label)
    };
    if step.write.is_some() && step.until.is_some() {
        let both = wrong("writes and waits");
        return Some(both.help("make two steps of it: `{ write = …, value = … }, { until = …, value = … }`"));
    }
    let mask = step.mask.as_ref()?;
    let beyond = step.value.value & !mask.value;
    if mask.value == 0 {
        Some(wrong("looks at no bit").help("leave `mask` out, or set the bits of it that count"))
    } else if beyond != 0 {
        let label = format!("bits {beyond:#x} of `value` are not in `mask`");
        Some(wrong(&label).help(format!("`mask = {:#x}`, if they count", mask.value | beyond)))
    } else {
        None
    }
}

fn misplaced(board: &Board, silence: &Silence, step: &SilenceStep, path: &str) -> Diagnostic {
    let title = format!("a step that silences `{path}` has no register of board `{}`", board.name);
    let misplaced = Diagnostic::new(Code::SilenceMisplaced, title).at(&step.site, "no such register");
    misplaced
        .at(&silence.site, "of this device")
        .note("a step has `write` or `until`, in bytes from the first register: a multiple of 4 inside of it")
        .help("correct it, or name the device that has the register by `of`")
}

/// A step that touches what the partition of `device` must not.
fn foreign(system: &System<'_>, step: &SilenceStep, device: NodeId) -> Option<Diagnostic> {
    let register = register(system.board, device, step)?;
    let owner = system.partitions.iter().find(|partition| partition.owns(device));
    let whose = whose(system, owner, register)?;
    let path = &system.board.tree.node(device).path;
    let title = format!("a step that silences `{path}` touches {whose}");
    let foreign = Diagnostic::new(Code::StepForeign, title).at(&step.site, format!("is {:#x}", register.0));
    Some(foreign.help("take a register of the device itself, or of one that nobody owns: a reset controller"))
}

/// Whose the register is, if it is neither `own` nor nobody's.
fn whose(system: &System<'_>, own: Option<&Partition<'_>>, register: Pa) -> Option<String> {
    let board = system.board;
    let is_there = |span: &Span| outer_pages(*span).overlaps(&Span { base: register, size: 4 });
    if board.memory.iter().any(is_there) {
        return Some("memory".to_owned());
    }
    if board.gic.frames.iter().any(is_there) {
        return Some(format!("the interrupt controller `{}`", board.tree.node(board.gic.node).path));
    }
    if let Some(console) = board.console.filter(|console| is_there(&console.sender.page())) {
        return Some(format!("`{}`, the hypervisor's console", board.tree.node(console.node).path));
    }
    let device_of = |partition: &Partition<'_>| {
        partition
            .devices
            .iter()
            .find(|device| device.registers.iter().any(is_there))
            .map(|device| device.node)
    };
    // A page that two share is a mistake of its own.
    let own = own.filter(|own| device_of(own).is_none())?;
    let others = system.partitions.iter().filter(|partition| !std::ptr::eq(own, *partition));
    let (other, node) = others.filter_map(|other| Some((other, device_of(other)?))).next()?;
    Some(format!("`{}`, which `{}` owns", board.tree.node(node).path, other.name()))
}
