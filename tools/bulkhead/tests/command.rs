//! The command as a person types it: names, exit codes, files.
//!
//! Scripts depend on the exit codes, so they are tested on the program itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use support::tests;
use tempfile::TempDir;

/// A folder with two boards, one of them with the tests' systems.
fn workspace() -> TempDir {
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

fn bulkhead(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bulkhead"))
        .args(arguments)
        .arg("--images")
        .arg(tests().join("images"))
        .current_dir(folder)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_system_is_found_by_its_name_from_a_folder_below() {
    let workspace = workspace();
    let output = bulkhead(&workspace.path().join("below"), &["check", "only"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "only: 3 partitions, proven\n");
}

#[test]
fn a_name_of_two_boards_is_a_usage_error_that_names_both() {
    let workspace = workspace();
    let output = bulkhead(workspace.path(), &["check", "three"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("one/three, two/three"), "{}", stderr(&output));
    assert_eq!(bulkhead(workspace.path(), &["check", "one/three"]).status.code(), Some(0));
}

#[test]
fn a_system_that_is_not_there_is_missing_and_a_near_name_is_offered() {
    let workspace = workspace();
    let output = bulkhead(workspace.path(), &["check", "onyl"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("did you mean `only`?"), "{}", stderr(&output));
}

#[test]
fn build_writes_an_image_that_begins_as_a_kernel_does() {
    let workspace = workspace();
    let output = bulkhead(workspace.path(), &["build", "only", "-o", "the.img"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let image = fs::read(workspace.path().join("the.img")).unwrap();
    assert_eq!(&image[56..60], b"ARM\x64");
    assert_eq!(u64::from_le_bytes(image[16..24].try_into().unwrap()), 0x20_0000);
}

#[test]
fn a_device_tree_is_shown_as_source() {
    let workspace = workspace();
    let output = bulkhead(workspace.path(), &["dts", "only", "second"]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("bulkhead,partition = \"second\";"));
    let output = bulkhead(workspace.path(), &["dts", "only", "fourth"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("first, second, third"));
}

#[test]
fn an_unknown_verb_is_a_usage_error() {
    assert_eq!(bulkhead(&tests(), &["fly", "only"]).status.code(), Some(2));
}
