//! A folder as a person has it, and the command in it.
//!
//! The images are named to the command: those of the tests lie where no build puts any.

use super::tests;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder with two boards, one of them with the tests' systems.
pub(crate) fn workspace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for board in ["one", "two"] {
        let path = folder.path().join("board-configs").join(board);
        fs::create_dir_all(&path).unwrap();
        let text = fs::read_to_string(tests().join("accept/board.toml")).unwrap();
        let tree = tests().join("board/extra.dtb");
        fs::write(path.join("board.toml"), text.replace("../board/extra.dtb", tree.to_str().unwrap()))
            .unwrap();
        fs::copy(tests().join("accept/three.toml"), path.join("three.toml")).unwrap();
    }
    let only = folder.path().join("board-configs/two/only.toml");
    fs::copy(tests().join("accept/three.toml"), only).unwrap();
    fs::create_dir(folder.path().join("below")).unwrap();
    folder
}

/// Runs a verb about a system.
pub(crate) fn bulkhead(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bulkhead"))
        .args(arguments)
        .arg("--images")
        .arg(tests().join("images"))
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Runs a verb that takes no options of a system.
pub(crate) fn plain(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bulkhead")).args(arguments).current_dir(folder).output().unwrap()
}

/// What it has complained of.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
