//! What `docs/tool.md` shows is what the tool prints.
//!
//! The commands of each block run in turn, in a folder that has the systems of `tests/docs`. A line `...` stands
//! for any lines; a block without one is rewritten by `BLESS=1`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use support::tests;

/// A folder as a person would have it: a board with systems, and images where they are looked for.
fn workspace(root: &Path) {
    let board = root.join("board-configs/example");
    let images = root.join("target/images");
    fs::create_dir_all(&board).unwrap();
    fs::create_dir_all(&images).unwrap();
    for name in ["board.toml", "product.toml", "next.toml"] {
        fs::copy(tests().join("docs").join(name), board.join(name)).unwrap();
    }
    fs::copy(tests().join("board/extra.dtb"), board.join("board.dtb")).unwrap();
    for (from, to) in [("bulkhead.elf", "bulkhead.elf"), ("guest.elf", "rtos.elf"), ("kernel", "Image")] {
        fs::copy(tests().join("images").join(from), images.join(to)).unwrap();
    }
}

/// What a command line prints, as a terminal shows it.
fn printed(root: &Path, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulkhead"));
    let output = command.args(words).current_dir(root).env_remove("CARGO_TARGET_DIR").output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A block as it would be with real output; the old output of each command is what `...` is looked for in.
fn rewritten(root: &Path, block: &str) -> String {
    let mut text = String::new();
    for part in block.split("$ bulkhead ").skip(1) {
        let (arguments, old) = part.split_once('\n').unwrap_or((part, ""));
        let line = format!("bulkhead {arguments}");
        let new = printed(root, &line);
        let shown = if old.lines().any(|it| it == "...") {
            assert!(matches(old, &new), "{line}\n--- expected\n{old}--- actual\n{new}");
            old.to_owned()
        } else {
            new
        };
        text.push_str(&format!("$ {line}\n{shown}"));
    }
    text
}

/// Whether `actual` has the pieces of `expected` that `...` parts, in this order.
fn matches(expected: &str, actual: &str) -> bool {
    let actual: Vec<&str> = actual.lines().collect();
    let mut at = 0;
    let lines: Vec<&str> = expected.lines().collect();
    for piece in lines.split(|line| *line == "...").filter(|piece| !piece.is_empty()) {
        let found = actual[at..].windows(piece.len()).position(|window| window == piece);
        let Some(found) = found else { return false };
        at += found + piece.len();
    }
    true
}

#[test]
fn the_page_about_the_tool_shows_what_the_tool_prints() {
    let folder = tempfile::tempdir().unwrap();
    workspace(folder.path());
    let path = tests().join("../../../docs/tool.md");
    let page = fs::read_to_string(&path).unwrap();
    let mut text = String::new();
    for (index, piece) in page.split("```").enumerate() {
        match piece.strip_prefix("console\n").filter(|_| index % 2 == 1) {
            Some(block) => text.push_str(&format!("console\n{}", rewritten(folder.path(), block))),
            None => text.push_str(piece),
        }
        text.push_str("```");
    }
    let text = text.strip_suffix("```").unwrap();
    if env::var_os("BLESS").is_some() {
        fs::write(&path, text).unwrap();
    } else {
        assert!(text == page, "docs/tool.md is not what the tool prints; BLESS=1 rewrites it:\n{text}");
    }
    let system = fs::read_to_string(tests().join("docs/product.toml")).unwrap();
    assert!(page.contains(system.split_once('\n').unwrap().1), "the page shows another system");
}
