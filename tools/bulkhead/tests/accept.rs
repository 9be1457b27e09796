//! Good configurations become proven images.
//!
//! `accept/NAME.toml` is a system, `NAME.map` its map, `NAME.dts` the device tree of its first partition, all
//! as they were when somebody last looked; `BLESS=1` rewrites them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::inspect::inspect;
use bulkhead::run::Serial;
use bulkhead::system::{Built, Options, build, missing_files};
use bulkhead_plan::{BLOCK, Load, NO_PARTITION, RegionKind, Span};
use bulkhead_verify::verify;
use dtoolkit::fdt::Fdt;
use dtoolkit::{Node, Property};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use support::{assert_is_file, tests};

/// Every system, by its path below `accept`.
const SYSTEMS: &[&str] = &[
    "devices",
    "eight/four",
    "eight/linux",
    "eight/one",
    "gicv2/mixed",
    "heir/one",
    "in-place",
    "kernel",
    "raw",
    "rest",
    "spare/uarts",
    "spin-table/two",
    "three",
    "treeless",
    "twenty/wide",
];

fn options() -> Options {
    Options { images: vec![tests().join("images")], ..Options::default() }
}

fn system(name: &str) -> PathBuf {
    tests().join(format!("accept/{name}.toml"))
}

fn built(name: &str) -> Built {
    build(&system(name), &options()).unwrap_or_else(|failure| panic!("{name}:\n{failure}"))
}

#[test]
fn a_good_system_is_planned_as_it_was_planned_before() {
    for name in SYSTEMS {
        let built = built(name);
        assert_is_file(&tests().join(format!("accept/{name}.map")), built.map().to_string().as_bytes());
        let Some(tree) = built.device_tree(&built.partitions[0]) else { continue };
        let source = Fdt::new(tree).unwrap().to_string();
        assert_is_file(&tests().join(format!("accept/{name}.dts")), source.as_bytes());
    }
}

#[test]
fn whoever_has_the_hypervisors_uart_is_its_heir() {
    let built = built("heir/one");
    assert_eq!(built.plan().unwrap().board.heir, 0);
    let machine = built.machine(Path::new("image")).unwrap();
    assert_eq!(machine.serials, [Serial::Inherited("heir".to_owned())]);
    assert_eq!(self::built("kernel").plan().unwrap().board.heir, NO_PARTITION);
}

#[test]
fn the_same_input_makes_the_same_image() {
    assert_eq!(built("kernel").image, built("kernel").image);
}

#[test]
fn a_partition_with_a_bus_master_sees_its_memory_where_it_is() {
    let built = built("kernel");
    let plan = built.plan().unwrap();
    let ram = plan.regions.iter().find(|region| region.kind == RegionKind::Ram).unwrap();
    assert_eq!(ram.ipa.0, ram.span.base.0);
    assert!(ram.span.base.is_aligned(BLOCK));
}

#[test]
fn cpus_are_in_the_order_of_the_list_and_the_rest_is_free() {
    let built = built("kernel");
    let plan = built.plan().unwrap();
    let order: Vec<u64> = plan.cpus.iter().map(|cpu| cpu.mpidr).collect();
    assert_eq!(order, [3, 1, 2, 0, 4]);
    let seen: Vec<u64> = plan.cpus.iter().take(3).map(|cpu| cpu.virtual_mpidr).collect();
    assert_eq!(seen, [0, 1, 0]);
}

#[test]
fn cpus_beyond_sixteen_are_in_clusters_for_the_board_and_for_the_partition() {
    let built = built("twenty/wide");
    let plan = built.plan().unwrap();
    let number = |cpu: u64| (cpu % 16) | ((cpu / 16) << 8);
    let cpus: Vec<_> = plan.cpus.iter().map(|cpu| (cpu.mpidr, cpu.virtual_mpidr)).collect();
    let wide = (1..16).chain([17, 18]).map(number).zip((0..).map(number));
    let narrow = [(0x100, 0), (0x103, 1), (0, 2)];
    assert_eq!(cpus, wide.chain(narrow).collect::<Vec<_>>());
    for (cpu, index) in plan.cpus.iter().zip((1..16).chain([17, 18, 16, 19, 0])) {
        assert_eq!(cpu.redistributor.0, 0x80a_0000 + index * 0x2_0000, "{:#x}", cpu.mpidr);
    }
}

#[test]
fn a_raw_image_begins_where_a_person_says() {
    let built = built("raw");
    let plan = built.plan().unwrap();
    let begins: Vec<_> = plan.partitions.iter().map(|it| (it.entry.0, it.argument)).collect();
    let usual = 0x4000_0000 + (16 << 20) - BLOCK;
    assert_eq!(
        begins,
        [(0x4008_0000, usual), (0x4008_0010, 0x4000_0000), (0x4000_0000, 7), (0x4000_0000, 0x4300_0000)]
    );
}

#[test]
fn a_partition_without_a_device_tree_is_loaded_its_image_and_nothing_else() {
    let built = built("treeless");
    let plan = built.plan().unwrap();
    assert!(built.device_tree("first").is_none());
    assert_eq!((plan.partitions[0].loads.count, plan.partitions[0].argument), (1, 0));
    assert_eq!((plan.partitions[1].loads.count, plan.partitions[1].argument), (1, 0x1234));
}

#[test]
fn what_lies_in_place_is_in_the_file_where_its_partition_has_it() {
    let built = built("in-place");
    let plan = built.plan().unwrap();
    let window = plan.board.window;
    let is_in_place = |load: &&Load| load.is_in_place(&window);
    let (standing, kept): (Vec<&Load>, Vec<&Load>) = plan.loads.iter().partition(is_in_place);
    // Kernel, initrd and program; the copied one, and all device trees.
    assert_eq!((standing.len(), kept.len()), (3, 4));
    let base = |name: &str| {
        let index = built.partitions.iter().position(|partition| partition == name).unwrap();
        let regions = plan.partitions[index].regions.of(plan.regions).unwrap();
        regions.iter().find(|region| region.kind == RegionKind::Ram).unwrap().span.base.0
    };
    assert_eq!(base("program"), window.end().unwrap(), "the smallest lies first");
    assert!(base("program") < base("kernel") && base("kernel") < base("copied"));
    let at = usize::try_from(base("kernel") - window.base.0).unwrap();
    let kernel = std::fs::read(tests().join("images/kernel")).unwrap();
    assert_eq!(built.image[at..][..kernel.len()], kernel[..]);
    assert_eq!(built.home(), Some(window.base.0));
    let taken = built.payload().unwrap().place;
    let file = Span { size: u64::try_from(built.image.len()).unwrap(), ..window };
    assert!(taken.base == window.base && taken.contains(&file), "{taken}");
    let plain = self::built("three");
    assert_eq!(plain.payload().unwrap().place, plain.plan().unwrap().board.window);
}

#[test]
fn what_lies_in_place_is_called_so_wherever_it_is_shown() {
    let built = built("in-place");
    let inspected = inspect(&built.image).to_string();
    assert_is_file(&tests().join("accept/in-place.inspect"), inspected.as_bytes());
    let proof = verify(&built.image).to_string();
    assert_is_file(&tests().join("accept/in-place.proof"), proof.as_bytes());
    assert!(built.report().contains("in place, not checked at boot, at "));
}

#[test]
fn a_guest_finds_only_what_it_has() {
    let built = built("three");
    let fdt = Fdt::new(built.device_tree("third").unwrap()).unwrap();
    let count = |path: &str| fdt.find_node(path).map_or(0, |node| node.children().count());
    assert_eq!(count("/cpus"), 1);
    assert_eq!(count("/intc@8000000"), 0, "the ITS");
    let devices = fdt.root().children().filter(|node| node.name().contains("virtio")).count();
    assert_eq!(devices, 0);
}

#[test]
fn a_device_without_its_clock_does_not_name_one() {
    let path = tests().join("reject/provider-owned-by-another.fixed.toml");
    let built = build(&path, &options()).unwrap();
    let names = |partition: &str, device: &str| -> Vec<String> {
        let fdt = Fdt::new(built.device_tree(partition).unwrap()).unwrap();
        let node = fdt.find_node(device).unwrap();
        node.properties().map(|property| property.name().to_owned()).collect()
    };
    assert!(names("first", "/serial@9110000").contains(&"clocks".to_owned()));
    assert!(!names("second", "/serial@9111000").contains(&"clocks".to_owned()));
}

#[test]
fn a_serial_line_leads_to_its_owner() {
    let machine = built("kernel").machine(Path::new("the.img")).unwrap();
    assert_eq!(machine.serials, [Serial::Shared, Serial::Partition("kernel".to_owned())]);
    let machine = built("three").machine(Path::new("the.img")).unwrap();
    assert_eq!(machine.serials, [Serial::Shared, Serial::Unused]);
    assert!(machine.args.ends_with(&[OsString::from("-kernel"), OsString::from("the.img")]));
}

#[test]
fn a_disk_hangs_on_its_bus_and_forgets_what_is_written() {
    let machine = built("kernel").machine(Path::new("the.img")).unwrap();
    let has = |text: &str| machine.args.iter().any(|argument| argument.to_string_lossy().contains(text));
    assert!(has("snapshot=on,id=disk0") && has("drive=disk0,bus=virtio-mmio-bus.31"));
}

#[test]
fn missing_files_are_named_before_anything_is_built() {
    assert!(missing_files(&system("kernel"), &options()).is_empty());
    let elsewhere = Options { images: vec![tests().join("board")], ..Options::default() };
    let missing = missing_files(&system("kernel"), &elsewhere);
    let names: Vec<&str> = missing.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(names.len(), 5);
    for name in ["bulkhead.elf", "disk.img", "guest.elf", "initrd.cpio", "kernel"] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn a_kernel_of_the_persons_own_takes_the_place_of_the_systems() {
    let own = Options { kernel: Some(tests().join("images/text.txt")), ..options() };
    let failure = build(&system("kernel"), &own).unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    assert!(failure.to_string().contains("text.txt"), "{failure}");
}
