//! Which of the host's packages are missing.

use std::{fmt, process::Command};

use super::Tool;
use crate::{
    action,
    failure::{Failure, MISSING},
    workspace::program,
};

/// The oldest QEMU with all that the boards need; the tests are written against 10.
const OLDEST_QEMU: u32 = 8;

/// A program that a package of the host brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Package {
    Qemu,
    E2fsprogs,
    DeviceTreeCompiler,
}

impl Package {
    /// The package's name in Debian.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Qemu => "qemu-system-arm",
            Self::E2fsprogs => "e2fsprogs",
            Self::DeviceTreeCompiler => "device-tree-compiler",
        }
    }
}

/// As the program that a person looks for.
impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qemu => write!(f, "qemu-system-aarch64 of version {OLDEST_QEMU} or newer (10 wanted)"),
            Self::E2fsprogs => write!(f, "mke2fs (e2fsprogs)"),
            Self::DeviceTreeCompiler => write!(f, "dtc (device-tree-compiler)"),
        }
    }
}

/// The packages that must be installed for these tools.
pub(super) fn missing(tools: &[Tool]) -> Result<Vec<Package>, Failure> {
    let mut packages = Vec::new();
    if tools.contains(&Tool::Qemu) && qemu_version()?.is_none_or(|version| version < OLDEST_QEMU) {
        packages.push(Package::Qemu);
    }
    if tools.contains(&Tool::FileSystem) && program("mke2fs").is_none() {
        packages.push(Package::E2fsprogs);
    }
    if tools.contains(&Tool::TreeCompiler) && program("dtc").is_none() {
        packages.push(Package::DeviceTreeCompiler);
    }
    Ok(packages)
}

fn qemu_version() -> Result<Option<u32>, Failure> {
    match action::output(Command::new("qemu-system-aarch64").arg("--version")) {
        Ok(text) => Ok(major_version(&text)),
        Err(failure) if failure.exit == MISSING => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn major_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("version ")?;
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemu_says_its_version() {
        let debian = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright (c) 2003-2025\n";
        assert_eq!(major_version(debian), Some(10));
        assert_eq!(major_version("QEMU emulator version 7.2.17"), Some(7));
        assert_eq!(major_version("something else"), None);
    }
}
