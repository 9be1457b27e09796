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
    if tools.contains(&Tool::Rust) {
        change(&rust::actions()?, install)?;
    }
    let packages = packages::missing(tools)?;
    if packages.is_empty() {
        return Ok(());
    }
    change(&apt::actions(&packages, install)?, install)?;
    match packages::missing(tools)?.first() {
        None => Ok(()),
        Some(package) => Err(Failure::missing(format!("{package} is still missing after its installation"))),
    }
}

fn change(actions: &[Action], install: Install) -> Result<(), Failure> {
    if actions.is_empty() {
        return Ok(());
    }
    let needs_root = actions.iter().any(Action::needs_root);
    let rights = if needs_root && install == Install::Allowed { action::rights() } else { Rights::None };
    if install == Install::Forbidden || (needs_root && rights == Rights::None) {
        let lines: String = actions.iter().map(|action| format!("\n    {action}")).collect();
        return Err(Failure::missing(format!("tools are missing; these commands install them:{lines}")));
    }
    for action in actions {
        eprintln!("setup: {action}");
        action.carry_out(rights)?;
    }
    Ok(())
}
