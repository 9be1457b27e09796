//! Where things are.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

/// The target of everything that runs on the board.
pub(crate) const TARGET: &str = "aarch64-unknown-none-softfloat";
/// The crates that run on the board.
pub(crate) const BOARD_CRATES: [&str; 10] = [
    "hypervisor",
    "bench",
    "hello",
    "intruder",
    "keeper",
    "patient",
    "ticker",
    "trespasser",
    "warden",
    "witness",
];

/// The root of the workspace.
///
/// Cargo says where it is; the compiler only knows where it was, and a folder moves without a new build.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Path::new(&manifest).ancestors().nth(2).unwrap_or(Path::new(&manifest)).to_owned()
    });
    &ROOT
}

/// Cargo's output folder, which holds every cache too.
pub(crate) fn target_dir() -> PathBuf {
    let wished = env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    let dir = wished.map_or_else(|| root().join("target"), PathBuf::from);
    std::path::absolute(&dir).unwrap_or(dir)
}

/// The guests' and the hypervisor's files, from which systems are made.
pub(crate) fn images() -> PathBuf {
    target_dir().join("images")
}

/// A cargo command at the root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).env("CARGO_TARGET_DIR", target_dir()).args(arguments);
    command
}

/// `-p NAME` for every crate that runs on the board.
pub(crate) fn board_packages() -> impl Iterator<Item = &'static str> {
    BOARD_CRATES.into_iter().flat_map(|name| ["-p", name])
}

/// Finds a program, also where only root looks for programs.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}
