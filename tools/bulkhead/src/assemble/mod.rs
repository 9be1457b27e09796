//! Puts everything into the hypervisor's window, in the order of the file.
//!
//! How large the window is depends on what is in it; what is in it depends, a little, on where RAM is left
//! over. So the smallest window is tried and grows until everything fits: it never shrinks, so this ends.

mod draft;
mod image;

use crate::allocate::Space;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::System;
use crate::guest::Guest;
use crate::load::size_text;
use bulkhead_plan::{BLOCK, GIGABYTE, Span};

/// Largest window: entry maps it with one table.
const LARGEST: u64 = GIGABYTE;

/// What was read from files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Files<'a> {
    /// What each partition runs.
    pub(crate) guests: &'a [Guest],
    /// The hypervisor's binary.
    pub(crate) hypervisor: &'a [u8],
}

/// A finished image.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// The file.
    pub(crate) image: Vec<u8>,
    /// What lies where in the window, the heap included.
    pub(crate) contents: Vec<Content>,
    /// What each partition sees.
    pub(crate) spaces: Vec<Space>,
    /// What the hypervisor keeps for itself.
    pub(crate) window: Span,
    /// Every partition's device tree, if it has one.
    pub(crate) trees: Vec<Option<Vec<u8>>>,
}

/// A part of the window.
#[derive(Debug)]
pub(crate) struct Content {
    /// Where it lies.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) what: String,
}

/// Makes the image; `None` after a fault was filed.
pub(crate) fn assemble(system: &System<'_>, files: Files<'_>, report: &mut Report) -> Option<Assembly> {
    let mut size = BLOCK;
    loop {
        let window = Span::new(system.wish.board.window.value, size);
        let draft = draft::draft(system, files, window, report)?;
        match draft.needed() {
            Some(needed) if needed <= size => return Some(image::write(system, draft, files.hypervisor)),
            Some(needed) if needed <= LARGEST && has_room(system, needed) => size = needed,
            needed => {
                report.push(too_large(system, needed.unwrap_or(u64::MAX)));
                return None;
            }
        }
    }
}

fn has_room(system: &System<'_>, size: u64) -> bool {
    let window = Span::new(system.wish.board.window.value, size);
    system.board.memory.iter().any(|ram| ram.contains(&window))
}

fn too_large(system: &System<'_>, needed: u64) -> Diagnostic {
    let title = format!("the hypervisor's window would take {}", size_text(needed));
    let most = size_text(LARGEST);
    Diagnostic::new(Code::WindowTooLarge, title)
        .at(&system.wish.board.window.site, "begins here")
        .note(format!("it holds all images; it has at most {most}, and not more than the RAM behind it"))
        .help("use smaller images, or begin it at a lower address")
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
