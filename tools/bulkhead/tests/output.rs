//! Output that goes nowhere: a disk that is full, a reader that has gone.
//!
//! A command that panics there has done its work and says that it has not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs::{self, File};
use std::io::{PipeWriter, pipe};
use std::path::Path;
use std::process::{Command, Output};
use support::tests;
use support::workspace::workspace;
use tempfile::TempDir;

/// A folder with the system `only`, and one that has a warning.
fn folder() -> TempDir {
    let folder = workspace();
    let warned = folder.path().join("board-configs/two/warned.toml");
    fs::copy(tests().join("reject/interrupt-of-nobody.toml"), warned).unwrap();
    folder
}

fn bulkhead(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulkhead"));
    command.args(arguments.split(' ')).current_dir(folder);
    command
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A pipe that nobody reads from any more.
fn closed() -> PipeWriter {
    pipe().unwrap().1
}

/// Every command that says something when all is well.
fn talkative() -> Vec<String> {
    let images = format!("--images {}", tests().join("images").display());
    let of_system = ["check", "check --message-format json", "lock", "map", "report", "dts --diff", "why"];
    let of_system = of_system.map(|verb| {
        let more = match verb {
            "dts --diff" => " second",
            "why" => " cpu 0",
            _ => "",
        };
        format!("{verb} only{more} {images}")
    });
    let others = ["completion bash", "new fresh --board one", "explain --list", "schema board", "board list"];
    of_system.into_iter().chain(others.map(str::to_owned)).collect()
}

#[test]
fn a_full_disk_under_the_output_is_an_error_that_is_said() {
    for arguments in talkative() {
        let folder = folder();
        let Output { status, stderr, .. } =
            bulkhead(folder.path(), &arguments).stdout(full()).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(3), "{arguments}: {said}");
        assert!(said.contains("error: writing: No space left on device"), "{arguments}: {said}");
    }
}

#[test]
fn nobody_has_to_read_the_output() {
    for arguments in talkative() {
        let folder = folder();
        let Output { status, .. } = bulkhead(folder.path(), &arguments).stdout(closed()).output().unwrap();
        assert_eq!(status.code(), Some(0), "{arguments}");
    }
}

#[test]
fn nobody_has_to_read_what_is_wrong() {
    let folder = folder();
    let images = format!("--images {}", tests().join("images").display());
    for (arguments, code) in [
        (format!("check warned {images}"), 0),
        (format!("build warned -o the.img {images}"), 0),
        ("flash board-configs/two/only.toml --yes --to copy".to_owned(), 0),
        ("check none".to_owned(), 3),
        ("explain P9999".to_owned(), 2),
        ("fly".to_owned(), 2),
    ] {
        let run = || bulkhead(folder.path(), &arguments);
        assert_eq!(run().stderr(closed()).output().unwrap().status.code(), Some(code), "{arguments}");
        assert_eq!(run().stderr(full()).output().unwrap().status.code(), Some(code), "{arguments}");
    }
}
