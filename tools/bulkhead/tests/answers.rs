//! Questions about a system, and what is answered.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::difference::{Difference, How, Presence};
use bulkhead::schema::Document;
use bulkhead::system::{Built, Options, build};
use bulkhead::why::{Answer, question, why};
use std::fs;
use std::process::{Command, Output};
use support::{board_folder, tests};
use tempfile::TempDir;

fn built(name: &str) -> Built {
    let options = Options { images: vec![tests().join("images")], ..Options::default() };
    build(&tests().join(format!("accept/{name}.toml")), &options).unwrap()
}

fn answer(name: &str, text: &str) -> (Built, Answer) {
    let built = built(name);
    let answer = why(built.map(), &question(text).unwrap());
    (built, answer)
}

/// Owner, first place, and the whole as it is drawn.
fn whose(name: &str, text: &str) -> (Option<String>, Option<(usize, usize)>, String) {
    let (built, answer) = answer(name, text);
    let place = answer.written.first().map(|place| (place.line, place.column));
    (answer.owner.clone(), place, built.draw(&answer))
}

#[test]
fn an_address_is_its_owners_by_the_line_that_asked_for_it() {
    let (owner, place, drawn) = whose("rest", "0xa003e10");
    assert_eq!((owner.as_deref(), place), (Some("most"), Some((5, 8))));
    assert!(drawn.contains("/virtio_mmio@a003e00") && drawn.contains("5 | rest = true"), "{drawn}");
    let (owner, place, drawn) = whose("rest", "0x40400123");
    assert_eq!((owner.as_deref(), place), (Some("two"), Some((16, 10))));
    assert!(drawn.contains("`named` finds there RAM, physical 0x42800123"), "{drawn}");
    assert!(drawn.contains("`most` finds there nothing"), "{drawn}");
}

#[test]
fn an_address_of_the_hypervisor_is_its_own() {
    let (owner, _, drawn) = whose("three", "0x40203008");
    assert_eq!(owner.as_deref(), Some("bulkhead"));
    assert!(drawn.starts_with("0x40203008 is `bulkhead`'s: stage-2 tables\n"), "{drawn}");
    assert_eq!(whose("three", "0x80a0000").0.as_deref(), Some("bulkhead"));
    let (owner, place, drawn) = whose("three", "0x90000000000");
    assert_eq!((owner, place), (None, None));
    assert!(drawn.contains("nothing that the board's device tree knows"), "{drawn}");
}

#[test]
fn an_interrupt_is_that_of_its_device() {
    let (owner, place, drawn) = whose("rest", "spi 16");
    assert_eq!((owner.as_deref(), place), (Some("two"), Some((17, 12))));
    assert!(drawn.contains("interrupt 48 (SPI 16)") && drawn.contains("/virtio_mmio@a000000"), "{drawn}");
    assert!(whose("three", "spi 16").2.contains("reaches no partition"));
    assert!(whose("three", "irq 27").2.contains("private to each CPU"));
    assert!(whose("three", "irq 900").2.contains("belongs to no device"));
}

#[test]
fn the_interrupt_of_a_virtual_uart_is_that_of_its_partition() {
    let (owner, place, drawn) = whose("spare/uarts", "irq 200");
    assert_eq!((owner.as_deref(), place), (Some("first"), Some((3, 8))));
    assert!(drawn.contains("bulkhead raises it for the virtual PL011"), "{drawn}");
}

#[test]
fn a_cpu_is_its_partitions_or_stays_off() {
    let (owner, place, drawn) = whose("rest", "cpu 2");
    assert_eq!((owner.as_deref(), place), (Some("two"), Some((15, 8))));
    assert!(drawn.contains("`two` finds there MPIDR 0x1"), "{drawn}");
    assert!(whose("three", "cpu 3").2.contains("is nobody's and stays off"));
    assert!(whose("three", "cpu 64").2.contains("numbered from 0"));
}

#[test]
fn a_device_that_nobody_has_says_why() {
    let (owner, _, drawn) = whose("rest", "/fw-cfg@9020000");
    assert_eq!(owner, None);
    assert!(drawn.contains("it counts as a bus master, and nobody accepted that"), "{drawn}");
    assert!(whose("rest", "/intc@8000000").2.contains("the interrupt controller is the hypervisor's"));
    assert!(whose("rest", "/no-such@1").2.contains("has no device"));
}

#[test]
fn answers_for_a_program_keep_to_their_schemas() {
    let schema = serde_json::to_value(schemars::schema_for!(Answer)).unwrap();
    for text in ["0xa003e10", "spi 16", "cpu 2", "/fw-cfg@9020000"] {
        let document = serde_json::to_value(answer("rest", text).1).unwrap();
        jsonschema::validate(&schema, &document).unwrap();
    }
    let schema = serde_json::to_value(schemars::schema_for!(Difference)).unwrap();
    let difference = Difference::of(&built("three").image, &built("rest").image).unwrap();
    jsonschema::validate(&schema, &serde_json::to_value(difference).unwrap()).unwrap();
}

/// A copy of the system `rest` with something replaced, beside its board.
fn changed(from: &str, to: &str) -> (TempDir, Built) {
    let (outer, folder) = board_folder();
    let accept = tests().join("accept");
    let board = fs::read_to_string(accept.join("board.toml")).unwrap();
    let tree = tests().join("board/extra.dtb");
    fs::write(folder.join("board.toml"), board.replace("../board/extra.dtb", tree.to_str().unwrap()))
        .unwrap();
    let system = fs::read_to_string(accept.join("rest.toml")).unwrap();
    assert!(system.contains(from));
    fs::write(folder.join("rest.toml"), system.replacen(from, to, 1)).unwrap();
    let options = Options { images: vec![tests().join("images")], ..Options::default() };
    let built = build(&folder.join("rest.toml"), &options).unwrap();
    (outer, built)
}

#[test]
fn images_of_one_system_do_not_differ_for_anybody() {
    let difference = Difference::of(&built("rest").image, &built("rest").image).unwrap();
    assert!(difference.is_empty());
    assert_eq!(difference.to_string(), "nobody gained or lost anything\n");
}

#[test]
fn a_device_that_changes_hands_is_lost_by_one_and_gained_by_the_other() {
    let (_folder, new) = changed("devices = [\"/virtio", "devices = [\"/pl031@9010000\", \"/virtio");
    let difference = Difference::of(&built("rest").image, &new.image).unwrap();
    let of = |name: &str, how: How| -> Vec<&str> {
        let partition = difference.partitions.iter().find(|it| it.name == name).unwrap();
        assert_eq!(partition.presence, Presence::Both);
        let changes = partition.changes.iter().filter(|change| change.how == how);
        changes.map(|change| change.what.as_str()).filter(|what| !what.starts_with("device tree")).collect()
    };
    let moved = ["device 0x9010000..=0x9010fff (/pl031@9010000)", "interrupt 34 (SPI 2)"];
    assert_eq!(of("most", How::Lost), moved);
    assert_eq!(of("two", How::Gained), moved);
    assert!(difference.partitions.iter().all(|partition| partition.name != "named"));
}

#[test]
fn what_a_system_lets_a_partition_do_is_gained_by_it() {
    let more = "cpus = [0]\ninterrupts = \"guarded\"\nfirmware-calls = [0xc2000001]\ncontrols = [\"most\"]\n\
                on-fault = \"restart\"";
    let (_folder, new) = changed("cpus = [0]", more);
    let difference = Difference::of(&built("rest").image, &new.image).unwrap().to_string();
    for line in [
        "+ may call firmware 0xc2000001",
        "+ may start, stop and restart `most`",
        "~ interrupts guarded, not direct",
        "~ after a fault: restart, at most 3 times, first after 100 ms; not stop",
    ] {
        assert!(difference.contains(line), "{difference}");
    }
}

#[test]
fn an_image_that_cannot_be_trusted_is_not_compared() {
    let mut image = built("three").image;
    let last = image.len() - 1;
    image[last] ^= 1;
    let refused = Difference::of(&built("three").image, &image).unwrap_err();
    assert!(refused.starts_with("the second image cannot be trusted"), "{refused}");
}

fn bulkhead(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bulkhead"))
        .args(arguments)
        .args(["--images", "images"])
        .current_dir(tests())
        .output()
        .unwrap()
}

#[test]
fn a_device_tree_differs_from_the_boards_by_what_was_carved() {
    let output = bulkhead(&["dts", "accept/rest.toml", "two", "--diff"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("--- board.dts\n+++ two.dts\n"), "{text}");
    assert!(
        text.contains("\n-    pl031@9010000 {") && !text.contains("\n-    virtio_mmio@a000000 {"),
        "{text}"
    );
}

#[test]
fn systems_and_images_are_compared_alike() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("the.img");
    fs::write(&image, built("three").image).unwrap();
    let image = image.to_str().unwrap();
    let output = bulkhead(&["diff", image, "accept/three.toml"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "nobody gained or lost anything\n");
    let output = bulkhead(&["diff", image, "accept/rest.toml", "--json"]);
    let difference: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(difference["partitions"][0]["presence"], "removed");
}

#[test]
fn what_is_no_question_is_a_usage_error() {
    assert_eq!(bulkhead(&["why", "accept/three.toml", "40"]).status.code(), Some(2));
    assert_eq!(bulkhead(&["why", "accept/three.toml", "cpu", "1"]).status.code(), Some(0));
}

#[test]
fn every_default_that_is_taken_is_told() {
    let text = built("three").explain();
    let schema = Document::System.schema();
    let partition = &schema["properties"]["partition"]["items"];
    let is_written = |name: &str| ["name", "image", "cpus", "memory"].contains(&name);
    let is_table = |key: &serde_json::Value| key["type"] == "array" && key["items"]["type"] == "object";
    let keys = partition["properties"].as_object().unwrap();
    let absent: Vec<&String> =
        keys.iter().filter(|(name, key)| !is_written(name) && !is_table(key)).map(|it| it.0).collect();
    assert!(absent.len() > 10, "{absent:?}");
    let (_, first) = text.split_once("accept/three.toml:2:1\n").unwrap();
    let (first, _) = first.split_once("accept/three.toml:").unwrap();
    for name in absent {
        assert!(
            first.lines().any(|line| line.trim_start().starts_with(&format!("{name} "))),
            "{name}\n{first}"
        );
    }
}

#[test]
fn what_the_rest_does_not_get_is_told_with_its_reason() {
    let text = built("rest").explain();
    assert!(
        text.contains("  /virtio_mmio@a000200: it shares a page with `/virtio_mmio@a000000`\n"),
        "{text}"
    );
    assert!(text.contains("/clock-controller@9100000: it counts as a bus master"), "{text}");
    assert!(!built("three").explain().contains("left out of the rest"));
}
