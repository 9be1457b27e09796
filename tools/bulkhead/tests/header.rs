//! Numbers for guests, compiled by those who would compile them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::header::{Format, header};
use bulkhead::system::{Built, Options, build};
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{assert_is_file, tests};

/// Each system with one of its partitions.
const PARTITIONS: [(&str, &str); 6] = [
    ("spare/uarts", ""),
    ("rest", "most"),
    ("rest", "two"),
    ("kernel", "kernel"),
    ("devices", "first"),
    ("eight/linux", "linux"),
];

fn built(name: &str) -> Built {
    let options = Options { images: vec![tests().join("images")], ..Options::default() };
    build(&tests().join(format!("accept/{name}.toml")), &options).unwrap()
}

fn source(system: &str, partition: &str, format: Format) -> String {
    let built = built(system);
    let partition = built.partitions.iter().find(|name| *name == partition).unwrap_or(&built.partitions[0]);
    header(built.map(), partition, format).unwrap()
}

/// Runs a compiler on a file of this name; it may warn of nothing.
fn compiles(program: &str, arguments: &[&str], name: &str, text: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), text).unwrap();
    let output = Command::new(program).args(arguments).arg(name).current_dir(folder.path()).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaint.is_empty(), "{complaint}\n{text}");
}

#[test]
fn sources_are_as_they_were_before() {
    for (format, ending) in [(Format::C, "h"), (Format::Rust, "module"), (Format::Zephyr, "overlay")] {
        let expected = tests().join(format!("accept/rest-two.{ending}"));
        assert_is_file(&expected, source("rest", "two", format).as_bytes());
    }
}

#[test]
fn a_c_header_compiles() {
    for (system, partition) in PARTITIONS {
        let text = source(system, partition, Format::C);
        let uses = "#include \"rtos.h\"\nunsigned long cpus[] = BULKHEAD_CPU_MPIDRS;\nunsigned long ram = BULKHEAD_RAM_BASE + BULKHEAD_RAM_SIZE;\n";
        let both = format!("{text}{}", uses.split_once('\n').unwrap().1);
        compiles(
            "gcc",
            &["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"],
            "rtos.c",
            &both,
        );
    }
}

#[test]
fn a_rust_module_compiles() {
    for (system, partition) in PARTITIONS {
        let text = source(system, partition, Format::Rust);
        let arguments =
            ["--crate-type=lib", "--edition=2024", "--emit=metadata", "-Dwarnings", "-Dmissing_docs"];
        compiles("rustc", &arguments, "rtos.rs", &text);
    }
}

#[test]
fn a_zephyr_overlay_is_well_formed() {
    let base = "/dts-v1/;\n/ { #address-cells = <2>; #size-cells = <2>; chosen { }; soc { #address-cells = <2>; \
                #size-cells = <2>; ranges; gic: interrupt-controller@1 { interrupt-controller; \
                #interrupt-cells = <4>; reg = <0 1 0 1>; }; }; };\n";
    for (system, partition) in PARTITIONS {
        let text = source(system, partition, Format::Zephyr);
        let open = text.chars().filter(|letter| *letter == '{').count();
        assert_eq!(open, text.chars().filter(|letter| *letter == '}').count());
        if Path::new("/usr/bin/dtc").exists() {
            compiles(
                "dtc",
                &["-q", "-I", "dts", "-O", "dtb", "-o", "/dev/null"],
                "base.dts",
                &format!("{base}{text}"),
            );
        }
    }
}

#[test]
fn numbers_are_those_of_the_map() {
    let text = source("rest", "two", Format::C);
    for line in [
        "#define BULKHEAD_RAM_BASE 0x40400000UL",
        "#define BULKHEAD_RAM_SIZE 0x2000000UL",
        "#define BULKHEAD_VIRTIO_MMIO_A000000_BASE 0xa000000UL",
        "#define BULKHEAD_VIRTIO_MMIO_A000000_IRQ 48",
        "#define BULKHEAD_CPU_MPIDRS { 0x0UL, 0x1UL }",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
}
