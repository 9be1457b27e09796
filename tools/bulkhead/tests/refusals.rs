//! What the command refuses, and the words for it, where no system is at fault.
//!
//! Systems that are wrong have their cases in `reject`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use support::tests;
use support::workspace::{bulkhead, plain, stderr, workspace};

/// A system whose one partition runs this image, with more lines.
fn system(image: &str, more: &str) -> String {
    format!("[[partition]]\nname = \"first\"\nimage = \"{image}\"\ncpus = [0]\nmemory = \"64M\"\n{more}")
}

#[test]
fn a_kernel_that_no_partition_runs_is_not_given_in_vain() {
    let workspace = workspace();
    fs::write(workspace.path().join("board-configs/one/bare.toml"), system("guest.elf", "")).unwrap();
    for (option, why) in [
        ("--kernel", "no partition of `bare` runs a kernel that `--kernel` could replace"),
        ("--initrd", "no partition of `bare` runs a kernel that `--initrd` could be given to"),
    ] {
        let output = bulkhead(workspace.path(), &["check", "bare", option, "/nonexistent/file"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(stderr(&output), format!("error: {why}\n"));
    }
}

#[test]
fn a_kernel_and_an_initrd_replace_those_of_a_partition_that_has_some() {
    let workspace = workspace();
    let text = system("none", "initrd = \"none\"\n");
    fs::write(workspace.path().join("board-configs/one/kernel.toml"), text).unwrap();
    let images = tests().join("images");
    let own = |name: &str| images.join(name).display().to_string();
    let arguments = ["check", "kernel", "--kernel", &own("kernel"), "--initrd", &own("initrd.cpio")];
    let output = bulkhead(workspace.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn an_interrupt_that_there_cannot_be_is_nobodys_question() {
    let workspace = workspace();
    for (question, range) in [("ppi 99", "a CPU has PPI 0 to 15"), ("irq 1023", "a GIC has INTID 0 to 1019")]
    {
        let output = bulkhead(workspace.path(), &["why", "only", question]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(stderr(&output), format!("error: `{question}` is none: {range}\n"));
    }
}

#[test]
fn an_image_that_is_there_and_no_file_is_called_what_it_is() {
    let workspace = workspace();
    let board = workspace.path().join("board-configs/one");
    fs::create_dir(board.join("folder")).unwrap();
    let disk = "[[qemu.disk]]\nbus = \"virtio-mmio-bus.0\"\nimage = \"folder\"\n";
    for (image, more, said) in [
        ("folder", "", "cannot read `folder` of `first`: it is a directory"),
        ("/dev/null", "", "cannot read `/dev/null` of `first`: it is no regular file"),
        ("guest.elf", disk, "cannot read the disk `folder`: it is a directory"),
    ] {
        fs::write(board.join("odd.toml"), system(image, more)).unwrap();
        let output = bulkhead(workspace.path(), &["check", "odd"]);
        assert_eq!(output.status.code(), Some(3));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
        assert!(!stderr(&output).contains("beside the system file"), "{}", stderr(&output));
    }
}

#[test]
fn a_file_that_is_no_text_is_not_taken_for_another() {
    let workspace = workspace();
    for name in ["three.toml", "board.toml"] {
        fs::write(workspace.path().join("board-configs/two").join(name), b"\xff").unwrap();
        let output = bulkhead(workspace.path(), &["check", "two/three"]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("error[P0701]") && said.contains(name), "{said}");
        assert!(!said.contains("help"), "{said}");
    }
}

#[test]
fn a_whole_name_is_compared_with_whole_names() {
    let workspace = workspace();
    fs::write(workspace.path().join("board-configs/one/t.toml"), "").unwrap();
    for (system, help) in [
        ("two/onyl", Some("did you mean `two/only`?")),
        ("tow/only", Some("did you mean `two/only`?")),
        ("", None),
        ("/", None),
    ] {
        let output = bulkhead(workspace.path(), &["check", system]);
        assert_eq!(output.status.code(), Some(3));
        let said = stderr(&output);
        assert_eq!(said.lines().find_map(|line| line.trim().strip_prefix("= help: ")), help, "{said}");
    }
}

#[test]
fn a_new_folder_has_a_name_that_a_board_can_have() {
    let workspace = workspace();
    for name in ["My_Board", "below/My_Board", "-x"] {
        let output = plain(workspace.path(), &["new", "--board", "one", "--", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(stderr(&output).contains("cannot be the name of a board"), "{}", stderr(&output));
        assert!(!workspace.path().join(name).exists(), "{name}");
    }
}

#[test]
fn an_empty_image_is_not_flashed() {
    let folder = workspace();
    fs::write(folder.path().join("empty"), b"").unwrap();
    let output = plain(folder.path(), &["flash", "empty", "--to", "copy", "--yes"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the image is empty"), "{}", stderr(&output));
    assert!(!folder.path().join("copy").exists());
}
