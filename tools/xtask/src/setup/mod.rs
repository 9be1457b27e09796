//! Sees to it that the tools are there.
//!
//! Facts are gathered, pure functions decide what to change, and only then is anything changed; a person
//! without rights, or who said `--no-install`, gets the very same changes as commands to type.

mod apt;
mod distribution;
mod packages;
mod rust;

use crate::{
    action::{self, Action, Rights},
    failure::Failure,
};

pub(crate) use distribution::Distribution;

/// Something that must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The target, clippy and rustfmt of the pinned toolchain.
    Rust,
    /// `qemu-system-aarch64`.
    Qemu,
    /// `mke2fs`.
    FileSystem,
    /// `dtc`.
    TreeCompiler,
}

/// Whether this machine may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Install {
    Allowed,
    Forbidden,
}

impl Install {
    pub(crate) fn unless(no_install: bool) -> Self {
        if no_install { Self::Forbidden } else { Self::Allowed }
    }
}

/// Provides the tools, or says how a person can.
pub(crate) fn provide(tools: &[Tool], install: Install) -> Result<(), Failure> {
    // The second round is for an apt that had to be updated before it could say what to do.
    for _ in 0..2 {
        let changes = changes(tools)?;
        if changes.is_empty() {
            return Ok(());
        }
        change(&changes, install)?;
    }
    match packages::missing(tools)?.first() {
        None => Ok(()),
        Some(package) => Err(Failure::missing(format!(
            "{package} is still missing; apt has it not, or `PATH` leads to another one first"
        ))),
    }
}

/// Everything that is to be changed, as far as it is known.
fn changes(tools: &[Tool]) -> Result<Vec<Action>, Failure> {
    let mut changes = if tools.contains(&Tool::Rust) { rust::actions()? } else { Vec::new() };
    let packages = packages::missing(tools)?;
    for package in &packages {
        eprintln!("setup: {package} is missing");
    }
    if !packages.is_empty() {
        changes.extend(apt::actions(&packages)?);
    }
    Ok(changes)
}

fn change(actions: &[Action], install: Install) -> Result<(), Failure> {
    let rights = action::rights();
    let lines: Vec<String> = actions.iter().map(|action| action.shell_line(rights)).collect();
    let by_hand = || {
        let lines = lines.join("\n    ");
        Failure::missing(format!("tools are missing; after these commands, run this again:\n    {lines}"))
    };
    let needs_root = actions.iter().any(Action::needs_root);
    if install == Install::Forbidden || (needs_root && rights == Rights::None) {
        return Err(by_hand());
    }
    if needs_root && rights == Rights::SudoWithPassword {
        eprintln!("setup: sudo may ask for your password, for these commands:\n    {}", lines.join("\n    "));
        if !action::password_is_right() {
            return Err(by_hand());
        }
    }
    for (action, line) in actions.iter().zip(&lines) {
        eprintln!("setup: {line}");
        action.carry_out(rights)?;
    }
    Ok(())
}
