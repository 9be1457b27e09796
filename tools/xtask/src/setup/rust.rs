//! What the pinned toolchain must have.
//!
//! Looked up in the toolchain's own folder: that is quick, and true for toolchains that rustup does not
//! know. rustup adds what is missing; it is told to by `rust-toolchain.toml`, but not everywhere allowed to.

use std::path::{Path, PathBuf};

use crate::{
    action::{self, Action},
    failure::Failure,
    workspace::{TARGET, program, root},
};

/// The changes that complete the toolchain.
pub(super) fn actions() -> Result<Vec<Action>, Failure> {
    let mut rustc = std::process::Command::new("rustc");
    let sysroot = action::output(rustc.current_dir(root()).args(["--print", "sysroot"]))?;
    let actions = decide(&Toolchain::look(&PathBuf::from(sysroot.trim())));
    match (actions.as_slice(), program("rustup")) {
        ([_, ..], None) => Err(Failure::missing(format!(
            "this Rust toolchain needs the target {TARGET}, clippy and rustfmt; rustup can add them: https://rustup.rs"
        ))),
        _ => Ok(actions),
    }
}

struct Toolchain {
    has_target: bool,
    has_clippy: bool,
    has_rustfmt: bool,
}

impl Toolchain {
    fn look(sysroot: &Path) -> Self {
        Self {
            has_target: sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir(),
            has_clippy: sysroot.join("bin/cargo-clippy").is_file(),
            has_rustfmt: sysroot.join("bin/cargo-fmt").is_file(),
        }
    }
}

fn decide(toolchain: &Toolchain) -> Vec<Action> {
    [
        (toolchain.has_target, Action::run(&["rustup", "target", "add", TARGET])),
        (toolchain.has_clippy, Action::run(&["rustup", "component", "add", "clippy"])),
        (toolchain.has_rustfmt, Action::run(&["rustup", "component", "add", "rustfmt"])),
    ]
    .into_iter()
    .filter_map(|(present, action)| (!present).then_some(action))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Rights;

    #[test]
    fn a_complete_toolchain_is_left_alone() {
        assert_eq!(decide(&Toolchain { has_target: true, has_clippy: true, has_rustfmt: true }), []);
    }

    #[test]
    fn what_is_missing_is_added() {
        let actions = decide(&Toolchain { has_target: false, has_clippy: true, has_rustfmt: false });
        let lines: Vec<String> = actions.iter().map(|action| action.shell_line(Rights::None)).collect();
        assert_eq!(lines, [&format!("rustup target add {TARGET}"), "rustup component add rustfmt"]);
    }
}
