//! Whatever a person writes: the tool refuses it, or what it makes holds.
//!
//! Systems are made at random for every board of the tests: 200 for each, 10,000 where the property tests run
//! with their full counts. Many are senseless, which is the point; one in ten has to be accepted all the
//! same, or the test would be about refusals only. What holds must not hold any more once a bit is flipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::system::{Built, Failure, Options, build};
use bulkhead_verify::{PartitionProof, Stretch, verify};
use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::subsequence;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use support::{board_folder, tests};

/// A board, the devices that systems ask for, and whether the hypervisor can run on it.
struct Board {
    tree: &'static str,
    devices: &'static [&'static str],
    cpus: u64,
    is_supported: bool,
}

const COMMON: &[&str] = &[
    "/pl031@9010000",
    "/pl061@9030000",
    "/flash@0",
    "/fw-cfg@9020000",
    "/virtio_mmio@a000000",
    "/virtio_mmio@a000200",
    "/virtio_mmio@a003e00",
    "/pl011@9000000",
    "/intc@8000000",
    "/no-such@1",
];
const EXTRA: &[&str] = &[
    "/pl011@9040000",
    "/pl031@9010000",
    "/virtio_mmio@a000000",
    "/virtio_mmio@a003c00",
    "/virtio_mmio@a003e00",
    "/clock-controller@9100000",
    "/serial@9110000",
    "/serial@9111000",
    "/rtc@9160000",
    "/bus@9200000",
    "/timer@9130000",
    "/dma@9150000",
];

const BOARDS: [Board; 6] = [
    Board { tree: "virt.dtb", devices: COMMON, cpus: 4, is_supported: true },
    Board { tree: "extra.dtb", devices: EXTRA, cpus: 5, is_supported: true },
    Board { tree: "eight.dtb", devices: COMMON, cpus: 8, is_supported: true },
    Board { tree: "twenty.dtb", devices: COMMON, cpus: 20, is_supported: true },
    Board { tree: "gicv2.dtb", devices: EXTRA, cpus: 5, is_supported: true },
    Board { tree: "gicv1.dtb", devices: COMMON, cpus: 4, is_supported: false },
];

/// What a random partition asks for.
#[derive(Clone, Debug)]
struct Wish {
    cpus: Option<String>,
    memory: Option<String>,
    rest: bool,
    devices: Vec<&'static str>,
    /// Whether it accepts what its devices can do.
    accepts: bool,
    identity: Option<bool>,
    ram_base: Option<u64>,
    in_place: bool,
    image: &'static str,
}

fn wish(board: &'static Board) -> impl Strategy<Value = Wish> {
    let cpus = prop_oneof![
        12 => (1..3_u64).prop_map(|count| count.to_string()),
        1 => Just("0".to_owned()),
        5 => vec(0..board.cpus + 1, 1..3).prop_map(|list| format!("{list:?}")),
    ];
    let memory = prop_oneof![
        30 => (1..16_u64).prop_map(|blocks| format!("\"{}M\"", 2 * blocks)),
        8 => Just("\"128M\"".to_owned()),
        1 => Just("\"1G\"".to_owned()),
        1 => any::<u32>().prop_map(|bytes| bytes.to_string()),
    ];
    let bases = [0, 0x200_0000, 0x800_0000, 0x4000_0000, 0x4010_0000, 0x80_0000_0000];
    let ram_base =
        prop_oneof![12 => Just(None), 1 => (0..bases.len()).prop_map(move |index| Some(bases[index]))];
    let devices = prop_oneof![Just(Vec::new()), subsequence(board.devices, 0..3)];
    let image = prop_oneof![30 => Just("guest.elf"), 5 => Just("kernel"), 1 => Just("fixed.elf"), 1 => Just("missing")];
    let identity = option::weighted(0.1, any::<bool>());
    let place = (identity, ram_base, weighted(0.2));
    (cpus, memory, (0..8_u8).prop_map(|one| one == 0), devices, weighted(0.8), place, image).prop_map(
        |(cpus, memory, rest, devices, accepts, (identity, ram_base, in_place), image)| Wish {
            cpus: Some(cpus),
            memory: Some(memory),
            rest,
            devices,
            accepts,
            identity,
            ram_base,
            in_place,
            image,
        },
    )
}

impl Wish {
    fn write(&self, text: &mut String, index: usize) {
        let _ = write!(text, "[[partition]]\nname = \"p{index}\"\nimage = \"{}\"\n", self.image);
        let mut key = |name: &str, value: String| writeln!(text, "{name} = {value}").unwrap();
        // Who takes the rest says nothing of CPUs and memory.
        match self.rest {
            true => key("rest", "true".to_owned()),
            false => {
                key("cpus", self.cpus.clone().unwrap_or_default());
                key("memory", self.memory.clone().unwrap_or_default());
            }
        }
        key("devices", format!("{:?}", self.devices));
        self.identity.into_iter().for_each(|identity| key("identity", identity.to_string()));
        self.ram_base.into_iter().for_each(|base| key("ram-base", format!("{base:#x}")));
        if self.in_place {
            key("in-place", "true".to_owned());
        }
        if self.in_place && self.accepts {
            let _ =
                write!(text, "[[accept]]\ncode = \"P0628\"\npartition = \"p{index}\"\nreason = \"a test\"\n");
        }
        for device in self.devices.iter().filter(|_| self.accepts) {
            let _ =
                write!(text, "[[accept]]\ncode = \"P0401\"\ndevice = \"{device}\"\nreason = \"a test\"\n");
        }
    }
}

fn attempt(folder: &Path, board: &Board, wishes: &[Wish]) -> Result<Built, Failure> {
    let tree = tests().join("board").join(board.tree);
    let text = format!(
        "description = \"any\"\ndevice-tree = {tree:?}\n[hypervisor]\nwindow = 0x40200000\nconsole = \"/pl011@9000000\"\n"
    );
    fs::write(folder.join("board.toml"), text).unwrap();
    let mut system = String::new();
    wishes.iter().enumerate().for_each(|(index, wish)| wish.write(&mut system, index));
    fs::write(folder.join("any.toml"), system).unwrap();
    let options = Options { images: vec![tests().join("images")], ..Options::default() };
    build(&folder.join("any.toml"), &options)
}

/// That everything has one owner, and that what is walked is what the map says.
fn assert_holds(built: &Built) {
    let proof = verify(&built.image);
    assert!(proof.proven, "{:?}", proof.faults);
    // Each CPU has a GICC of its own there.
    let interface = proof.own.iter().find(|own| own.what == "GICC").map(|own| own.place);
    let shared = interface.map(|place| Stretch { size: 0x1000, ..place });
    for (index, one) in proof.partitions.iter().enumerate() {
        for other in &proof.partitions[index + 1..] {
            assert!(
                places(one).all(|a| places(other).all(|b| !overlap(a, b) || Some(a) == shared)),
                "{} {}",
                one.name,
                other.name
            );
            assert!(one.cpus.iter().all(|cpu| !other.cpus.contains(cpu)));
            assert!(one.interrupts.iter().all(|line| !other.interrupts.contains(line)));
        }
        assert!(!one.cpus.is_empty());
    }
    for (view, proven) in built.map().partitions.iter().zip(&proof.partitions) {
        let seen = view.seen.iter().filter_map(|it| Some((it.ipa, it.physical?, it.size)));
        let mapped = proven.mappings.iter().map(|it| (it.ipa, it.place.base, it.place.size));
        assert_eq!(blocks(seen), blocks(mapped), "{}", view.name);
    }
}

fn places(partition: &PartitionProof) -> impl Iterator<Item = Stretch> {
    partition.mappings.iter().map(|mapping| mapping.place)
}

fn overlap(a: Stretch, b: Stretch) -> bool {
    a.base < b.base + b.size && b.base < a.base + a.size
}

/// Translations, those that follow each other joined.
fn blocks(translations: impl Iterator<Item = (u64, u64, u64)>) -> BTreeSet<(u64, u64, u64)> {
    let mut all: Vec<(u64, u64, u64)> = translations.collect();
    all.sort_unstable();
    let mut joined: Vec<(u64, u64, u64)> = Vec::new();
    for (ipa, physical, size) in all {
        match joined.last_mut() {
            Some(last) if last.0 + last.2 == ipa && last.1 + last.2 == physical => last.2 += size,
            _ => joined.push((ipa, physical, size)),
        }
    }
    joined.into_iter().collect()
}

/// Systems of each board: more where the property tests run with their full counts.
fn cases() -> u32 {
    if env::var_os("PROPTEST_CASES").is_some() { 10_000 } else { 200 }
}

fn every_system_of(board: &'static Board) {
    let (_outer, folder) = board_folder();
    let accepted = Cell::new(0_u32);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases()) });
    let systems = (vec(wish(board), 1..4), any::<usize>(), 0..8_u32);
    let outcome = runner.run(&systems, |(wishes, at, bit)| {
        match attempt(&folder, board, &wishes) {
            Ok(mut built) => {
                accepted.set(accepted.get() + 1);
                assert_holds(&built);
                let at = at % built.image.len();
                built.image[at] ^= 1 << bit;
                assert!(!verify(&built.image).proven, "byte {at:#x}, bit {bit}");
            }
            Err(Failure::Rejected(report)) => {
                assert!(!report.is_clean() && report.to_string().contains("error[P"))
            }
            Err(failure) => panic!("{failure}"),
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{}: {failure}", board.tree));
    let wanted = if board.is_supported { cases() / 10 } else { 0 };
    assert!(accepted.get() >= wanted, "{}: only {} of {} were accepted", board.tree, accepted.get(), cases());
}

#[test]
fn any_system_of_the_plain_board_is_refused_or_holds() {
    every_system_of(&BOARDS[0]);
}

#[test]
fn any_system_of_the_board_with_everything_is_refused_or_holds() {
    every_system_of(&BOARDS[1]);
}

#[test]
fn any_system_of_eight_cpus_is_refused_or_holds() {
    every_system_of(&BOARDS[2]);
}

#[test]
fn any_system_of_twenty_cpus_is_refused_or_holds() {
    every_system_of(&BOARDS[3]);
}

#[test]
fn any_system_of_a_board_with_a_gicv2_is_refused_or_holds() {
    every_system_of(&BOARDS[4]);
}

#[test]
fn any_system_of_a_board_that_cannot_be_is_refused() {
    every_system_of(&BOARDS[5]);
}
