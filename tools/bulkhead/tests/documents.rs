//! What the documents show is what the tool says.
//!
//! Each `console` block is run: in a copy of the repository's documents and boards, and of the board of
//! `tests/docs`, with stand-ins for the images and for QEMU, so that it says the same on every computer. `toml`
//! blocks that begin with a path are put there first. `BLESS=1 TRYCMD=overwrite` writes what is said into the
//! documents. What cannot be run here, because it needs a board, must at least be a command that the tool
//! understands.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use regex::Regex;
use std::env;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::tests;
use tempfile::TempDir;
use trycmd::TestCases;

/// The documents, from the repository's root; `docs` and what is in it besides.
const DOCUMENTS: &[&str] =
    &["README.md", "CONTRIBUTING.md", "board-configs/README.md", "partitions/linux/README.md"];

/// What needs a fetched device tree; the system tests of real boards do what it says.
const FETCHING: [&str; 2] = ["docs/first-board.md", "docs/porting.md"];

/// What stands in for an image.
const IMAGES: &[(&str, &str)] = &[
    ("bulkhead.elf", "bulkhead.elf"),
    ("hello.elf", "guest.elf"),
    ("ticker.elf", "guest.elf"),
    ("trespasser.elf", "guest.elf"),
    ("linux/Image", "kernel"),
    ("linux/initrd.cpio.gz", "kernel.gz"),
    ("linux/disk.img", "disk.img"),
    ("rtos.elf", "guest.elf"),
    ("Image", "kernel"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every document, from the root.
fn documents() -> Vec<PathBuf> {
    let mut documents: Vec<PathBuf> = DOCUMENTS.iter().map(PathBuf::from).collect();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path);
            }
        }
    }
    documents.sort();
    documents
}

/// Every document that speaks of nothing else than what is here.
fn here() -> impl Iterator<Item = PathBuf> {
    documents().into_iter().filter(|document| FETCHING.iter().all(|other| document != Path::new(other)))
}

fn text(document: &Path) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

/// The blocks of a document: their language and their text.
fn blocks(text: &str) -> Vec<(String, String)> {
    let fence = Regex::new(r"(?ms)^```(\w*)\n(.*?)^```$").unwrap();
    fence.captures_iter(text).map(|block| (block[1].to_owned(), block[2].to_owned())).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

/// A copy of what the documents speak of.
fn workspace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for board in fs::read_dir(root().join("board-configs")).unwrap() {
        let board = board.unwrap().path();
        let files = if board.is_dir() { fs::read_dir(&board).unwrap().collect() } else { Vec::new() };
        for file in files {
            let file = file.unwrap().path();
            copy(&file, &folder.path().join(file.strip_prefix(root()).unwrap()));
        }
    }
    let example = folder.path().join("board-configs/example");
    for name in ["board.toml", "next.toml"] {
        copy(&tests().join("docs").join(name), &example.join(name));
    }
    copy(&tests().join("board/extra.dtb"), &example.join("board.dtb"));
    for (name, stand_in) in IMAGES {
        copy(&tests().join("images").join(stand_in), &folder.path().join("target/images").join(name));
    }
    for document in here() {
        copy(&root().join(&document), &folder.path().join(&document));
        for (language, block) in blocks(&text(&document)) {
            let path = block.lines().next().and_then(|line| line.strip_prefix("# "));
            if let Some(path) = path.filter(|path| language == "toml" && path.ends_with(".toml")) {
                fs::write(folder.path().join(path), &block).unwrap();
            }
        }
    }
    folder
}

#[test]
fn what_the_documents_show_is_what_the_tool_says() {
    let folder = workspace();
    env::set_current_dir(folder.path()).unwrap();
    let tool = Path::new(env!("CARGO_BIN_EXE_bulkhead"));
    let cases = TestCases::new();
    cases
        .register_bin("bulkhead", tool)
        .register_bin("cargo", tests().join("programs/cargo").as_path())
        .register_bin("cat", Path::new("/bin/cat"))
        .env(
            "PATH",
            format!("{}:{}:/bin", tests().join("programs").display(), tool.parent().unwrap().display()),
        )
        .env("BOARD", tests().join("board/virt.dtb").to_str().unwrap())
        .env("CARGO_TARGET_DIR", folder.path().join("target").to_str().unwrap());
    for document in here() {
        cases.case(folder.path().join(document));
    }
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| cases.run()));
    if env::var_os("BLESS").is_some() {
        for document in here() {
            fs::copy(folder.path().join(&document), root().join(&document)).unwrap();
        }
    }
    outcome.unwrap_or_else(|why| panic::resume_unwind(why));
}

/// What is shown is either run, or a diagram, a file, or a command that needs a board.
#[test]
fn no_output_is_shown_that_is_not_tested() {
    for document in documents() {
        for (language, block) in blocks(&text(&document)) {
            let is_output = |line: &str| {
                ["$ ", "error[", "warning[", "note["].iter().any(|start| line.starts_with(start))
            };
            assert!(
                language == "console" || !block.lines().any(is_output),
                "{}: a `{language}` block shows what the tool says:\n{block}",
                document.display()
            );
        }
    }
}

#[test]
fn every_other_command_is_one_that_the_tool_understands() {
    let inline = Regex::new(r"`((?:cargo )?bulkhead [a-z][^`]*)`").unwrap();
    let mut seen = 0;
    for document in documents() {
        let text = text(&document);
        let shown = blocks(&text).into_iter().filter(|(language, _)| language == "sh");
        let shown: Vec<String> =
            shown.flat_map(|(_, block)| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        let inline = inline.captures_iter(&text).map(|found| found[1].replace('\n', " "));
        for line in shown.into_iter().chain(inline) {
            let line = line.split([';', '#', '|', '>']).next().unwrap().trim().to_owned();
            let Some(arguments) = line.trim_start_matches("cargo ").strip_prefix("bulkhead ") else {
                continue;
            };
            let arguments = arguments.split(" -- ").next().unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_bulkhead"))
                .args(arguments.split_whitespace())
                .arg("--help")
                .output()
                .unwrap();
            assert!(output.status.success(), "{}: {line}\n{output:?}", document.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}
