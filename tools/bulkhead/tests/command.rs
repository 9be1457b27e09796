//! The command as a person types it: names, exit codes, files.
//!
//! Scripts depend on the exit codes, so they are tested on the program itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::process::{Command, Stdio};
use support::workspace::{bulkhead, plain, stderr, workspace};
use support::{assert_is_file, tests};
use tempfile::TempDir;

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

/// The image of the system `only`, and the folder that holds it.
fn image() -> (TempDir, Vec<u8>) {
    let workspace = workspace();
    let output = bulkhead(workspace.path(), &["build", "only", "-o", "the.img"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let bytes = fs::read(workspace.path().join("the.img")).unwrap();
    (workspace, bytes)
}

#[test]
fn a_code_is_explained_however_it_is_written() {
    let output = plain(&tests(), &["explain", "p0204"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("P0204: Two owners would share a page"));
}

#[test]
fn what_is_no_code_is_a_usage_error() {
    for arguments in [&["explain", "P9999"][..], &["explain"], &["explain", "P0204", "--list"]] {
        assert_eq!(plain(&tests(), arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_warning_does_not_keep_an_image_from_being_written() {
    let workspace = workspace();
    let path = workspace.path().join("board-configs/two/warned.toml");
    fs::copy(tests().join("reject/interrupt-of-nobody.toml"), path).unwrap();
    let output = bulkhead(workspace.path(), &["build", "two/warned", "-o", "the.img"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).starts_with("warning[P0508]"), "{}", stderr(&output));
    assert!(workspace.path().join("the.img").is_file());
}

#[test]
fn build_does_not_say_what_is_only_worth_knowing() {
    let workspace = workspace();
    assert!(stderr(&bulkhead(workspace.path(), &["check", "only"])).contains("note[P0308]"));
    assert_eq!(stderr(&bulkhead(workspace.path(), &["build", "only"])), "");
}

#[test]
fn an_image_is_taken_apart_without_its_configuration() {
    let (folder, _) = image();
    let output = plain(folder.path(), &["inspect", "the.img"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_is_file(&tests().join("accept/three.inspect"), &output.stdout);
}

#[test]
fn an_image_is_taken_apart_for_a_program() {
    let (folder, bytes) = image();
    let output = plain(folder.path(), &["inspect", "the.img", "--json"]);
    let contents: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(contents["bytes"], bytes.len());
    assert_eq!(contents["partitions"][1]["name"], "second");
    assert_eq!(contents["partitions"][1]["loads"][1]["kind"], "device tree");
    assert_eq!(contents["faults"], serde_json::json!([]));
}

#[test]
fn a_damaged_image_is_shown_as_far_as_it_goes_and_is_a_failure() {
    let (folder, mut bytes) = image();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(folder.path().join("the.img"), &bytes).unwrap();
    let output = plain(folder.path(), &["inspect", "the.img"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("has another digest than the plan says"), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("partition third") && text.contains("digest wrong"), "{text}");
    fs::write(folder.path().join("the.img"), &bytes[..0x1000]).unwrap();
    let output = plain(folder.path(), &["inspect", "the.img", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let contents: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(contents["faults"][1], "its plan is cut off");
}

#[test]
fn what_a_package_holds_is_not_looked_for_and_the_way_to_an_image_is_said() {
    let (folder, _) = image();
    for (purpose, what) in [("fit", "it begins as a FIT does"), ("sd", "it has a partition table")] {
        let output = bulkhead(folder.path(), &["build", "only", "--for", purpose, "-o", "packed"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let size = fs::metadata(folder.path().join("packed")).unwrap().len();
        for verb in ["verify", "inspect"] {
            let output = plain(folder.path(), &[verb, "packed"]);
            assert_eq!(output.status.code(), Some(1));
            let told = String::from_utf8(output.stdout.clone()).unwrap();
            assert!(told.starts_with(&format!("{size} bytes\n  sha256 ")), "{told}");
            assert_eq!(told.lines().count(), 2, "{told}");
            assert!(stderr(&output).contains(what), "{}", stderr(&output));
            assert!(stderr(&output).contains(&format!("`build --for {purpose}`")), "{}", stderr(&output));
        }
        let output = plain(folder.path(), &["diff", "the.img", "packed"]);
        assert!(stderr(&output).contains(what), "{}", stderr(&output));
    }
}

#[test]
fn one_partition_is_not_said_to_be_many() {
    let workspace = workspace();
    let one = "[[partition]]\nname = \"one\"\nimage = \"guest.elf\"\ncpus = [0]\nmemory = \"4M\"\n";
    fs::write(workspace.path().join("board-configs/two/single.toml"), one).unwrap();
    let output = bulkhead(workspace.path(), &["check", "single"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "single: 1 partition, proven\n");
    let output = bulkhead(workspace.path(), &["lock", "single"]);
    assert!(String::from_utf8(output.stdout).unwrap().ends_with("layout.lock: 1 partition\n"));
}

#[test]
fn the_addresses_in_a_log_get_their_meaning() {
    let (folder, _) = image();
    fs::write(folder.path().join("log"), b"[second] at 0x40000040\n\xff 0x9000000\n").unwrap();
    let output = plain(folder.path(), &["decode", "log", "--image", "the.img"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let first = "[second] at 0x40000040 <second: arm64 Image, loaded + 0x40>\n";
    assert_eq!(text, format!("{first}\u{fffd} 0x9000000 <bulkhead: console>\n"));
}

#[test]
fn the_log_in_a_dump_of_memory_gets_its_meaning() {
    let (folder, _) = image();
    let text = b"second: pc=0x40000040\n";
    let words = [1, 0x40, text.len() as u64].map(u64::to_le_bytes).concat();
    let journal = [b"Bulkhead journal", &words[..], text, &[0; 0x40]].concat();
    fs::write(folder.path().join("dump"), [vec![0x5a; 4096], journal].concat()).unwrap();
    let output = plain(folder.path(), &["decode", "--dump", "dump", "--image", "the.img"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let expected = "[bulkhead] second: pc=0x40000040 <second: arm64 Image, loaded + 0x40>\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    let output = plain(folder.path(), &["decode", "--dump", "the.img", "--image", "the.img"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("has no log of the hypervisor's"), "{}", stderr(&output));
}

#[test]
fn a_log_is_not_decoded_by_symbols_of_another_hypervisor() {
    let (folder, _) = image();
    fs::write(folder.path().join("log"), b"").unwrap();
    let other = tests().join("reject/window-too-large/images/bulkhead.elf");
    let arguments = ["decode", "log", "--image", "the.img", "--hypervisor", other.to_str().unwrap()];
    let output = plain(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("built anew since"), "{}", stderr(&output));
}

#[test]
fn nobody_has_to_read_a_decoded_log_to_its_end() {
    let (folder, _) = image();
    fs::write(folder.path().join("log"), "[second] at 0x40000040\n".repeat(10_000)).unwrap();
    let mut decoding = Command::new(env!("CARGO_BIN_EXE_bulkhead"))
        .args(["decode", "log", "--image", "the.img"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(decoding.stdout.take());
    assert_eq!(decoding.wait().unwrap().code(), Some(0));
}

/// A system of the board `one` whose partitions let the planner choose.
fn choosing(workspace: &TempDir, partitions: &[(&str, u64)]) {
    let text: String = partitions
        .iter()
        .map(|(name, megabytes)| {
            format!("[[partition]]\nname = \"{name}\"\nimage = \"guest.elf\"\ncpus = 1\nmemory = \"{megabytes}M\"\n")
        })
        .collect();
    fs::write(workspace.path().join("board-configs/one/chosen.toml"), text).unwrap();
}

/// Where the map says that the memory of a partition is.
fn memory_of(workspace: &TempDir, name: &str) -> String {
    let map = String::from_utf8(bulkhead(workspace.path(), &["map", "chosen"]).stdout).unwrap();
    let is_memory = |line: &&str| line.contains(&format!(" {name} ")) && line.ends_with(" memory");
    map.lines().find(is_memory).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn what_is_locked_stays_where_it_is_when_a_partition_is_added() {
    let workspace = workspace();
    choosing(&workspace, &[("a", 16), ("b", 16)]);
    let before = [memory_of(&workspace, "a"), memory_of(&workspace, "b")];
    assert_eq!(bulkhead(workspace.path(), &["lock", "chosen"]).status.code(), Some(0));
    choosing(&workspace, &[("new", 32), ("a", 16), ("b", 16)]);
    assert_eq!([memory_of(&workspace, "a"), memory_of(&workspace, "b")], before);
    let output = bulkhead(workspace.path(), &["check", "chosen", "--locked"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the lock file says nothing of `new`"), "{}", stderr(&output));
    assert_eq!(bulkhead(workspace.path(), &["lock", "chosen"]).status.code(), Some(0));
    assert_eq!(bulkhead(workspace.path(), &["check", "chosen", "--locked"]).status.code(), Some(0));
    fs::remove_file(workspace.path().join("board-configs/one/layout.lock")).unwrap();
    assert_ne!([memory_of(&workspace, "a"), memory_of(&workspace, "b")], before);
}

#[test]
fn a_lock_file_that_gives_a_cpu_twice_gives_none_and_is_named() {
    let workspace = workspace();
    let board = workspace.path().join("board-configs/one");
    let text = "[[partition]]\nname = \"a\"\nimage = \"guest.elf\"\ncpus = 2\nmemory = \"16M\"\n";
    fs::write(board.join("chosen.toml"), text).unwrap();
    assert_eq!(bulkhead(workspace.path(), &["lock", "chosen"]).status.code(), Some(0));
    let lock = fs::read_to_string(board.join("layout.lock")).unwrap();
    for cpus in ["[0, 0]", "[0, 99]"] {
        let wrong = lock.replace("[0, 1]", cpus);
        assert_ne!(wrong, lock);
        fs::write(board.join("layout.lock"), wrong).unwrap();
        assert_eq!(bulkhead(workspace.path(), &["check", "chosen"]).status.code(), Some(0));
        let output = bulkhead(workspace.path(), &["check", "chosen", "--locked"]);
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(said.contains("the CPUs of `a` would move") && said.contains("layout.lock:"), "{said}");
    }
}

#[test]
fn a_lock_file_keeps_the_choices_of_other_systems() {
    let workspace = workspace();
    choosing(&workspace, &[("a", 16)]);
    assert_eq!(bulkhead(workspace.path(), &["lock", "chosen"]).status.code(), Some(0));
    assert_eq!(bulkhead(workspace.path(), &["lock", "one/three"]).status.code(), Some(0));
    assert_eq!(bulkhead(workspace.path(), &["check", "chosen", "--locked"]).status.code(), Some(0));
}

#[test]
fn an_image_is_proven_without_its_configuration() {
    let (folder, mut bytes) = image();
    let output = plain(folder.path(), &["verify", "the.img"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(String::from_utf8(output.stdout).unwrap().contains("proven, by every one of 27 descriptors"));
    bytes[0x3000] ^= 1;
    fs::write(folder.path().join("the.img"), &bytes).unwrap();
    let output = plain(folder.path(), &["verify", "the.img", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the tables' digest is wrong"), "{}", stderr(&output));
    let transcript: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(transcript["proven"], false);
}

#[test]
fn a_new_folder_holds_a_system_that_is_sound() {
    let workspace = workspace();
    for (template, images) in [
        ("one", &["main.elf"][..]),
        ("two", &["first.elf", "second.elf"]),
        ("linux-rtos", &["rtos.elf", "linux/Image", "linux/initrd.cpio.gz"]),
    ] {
        let folder = workspace.path().join(template);
        let output = plain(workspace.path(), &["new", template, "--board", "two", "--template", template]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        fs::create_dir(folder.join("linux")).unwrap();
        for image in images {
            let source = match *image {
                "linux/Image" => "kernel",
                "linux/initrd.cpio.gz" => "initrd.cpio",
                _ => "guest.elf",
            };
            fs::copy(tests().join("images").join(source), folder.join(image)).unwrap();
        }
        let system = format!("{template}/system.toml");
        let output = bulkhead(workspace.path(), &["check", &system]);
        assert_eq!(output.status.code(), Some(0), "{template}: {}", stderr(&output));
        for name in ["board", "system"] {
            let text = fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
            assert_eq!(text.lines().next().unwrap(), format!("#:schema schema/{name}.json"));
            assert!(folder.join(format!("schema/{name}.json")).is_file());
        }
    }
}

#[test]
fn nothing_is_made_where_something_is_or_of_a_board_that_is_not() {
    let workspace = workspace();
    let output = plain(workspace.path(), &["new", "below", "--board", "one"]);
    assert_eq!(output.status.code(), Some(2));
    let output = plain(workspace.path(), &["new", "fresh", "--board", "tow"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("there is one, two"), "{}", stderr(&output));
    assert!(!workspace.path().join("fresh").exists());
}

#[test]
fn every_shell_completes_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = plain(&tests(), &["completion", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        for verb in ["check", "verify", "report", "header"] {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
    }
}

#[test]
fn images_do_not_depend_on_where_they_are_built() {
    let images: Vec<Vec<u8>> = [workspace(), workspace()]
        .iter()
        .map(|workspace| {
            let output = bulkhead(workspace.path(), &["build", "only", "-o", "the.img"]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            fs::read(workspace.path().join("the.img")).unwrap()
        })
        .collect();
    assert!(images[0] == images[1]);
}
