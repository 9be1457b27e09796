//! The binary files that the other tests read are what this file makes.
//!
//! They are committed so that a test reads files as a person's run does; `BLESS=1` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/soc.rs"]
mod soc;
mod support;

use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use support::{assert_is_file, tests};

const EXEC: u16 = 2;
const DYN: u16 = 3;
const AARCH64: u16 = 183;
const X86_64: u16 = 62;
/// Bytes of an `Image` header.
const HEADER: usize = 64;

/// Address, bytes in the file, bytes in memory.
type Segment = (u64, usize, u64);

fn elf(kind: u16, machine: u16, segments: &[Segment]) -> Vec<u8> {
    let count = u16::try_from(segments.len()).unwrap();
    let mut offset = 64 + 56 * u64::from(count);
    let mut headers = Vec::new();
    let mut contents = Vec::new();
    for (address, file_size, memory_size) in segments {
        let file_size = u64::try_from(*file_size).unwrap();
        headers.extend([1_u32, 5].into_iter().flat_map(u32::to_le_bytes));
        let fields = [offset, *address, *address, file_size, *memory_size, 0x1000];
        headers.extend(fields.into_iter().flat_map(u64::to_le_bytes));
        contents.extend(
            image_header(0)
                .into_iter()
                .chain(std::iter::repeat(0x14))
                .take(usize::try_from(file_size).unwrap()),
        );
        offset += file_size;
    }
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend([kind, machine].into_iter().flat_map(u16::to_le_bytes));
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend([segments[0].0, 64, 0].into_iter().flat_map(u64::to_le_bytes));
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend([64, 56, count, 0, 0, 0].into_iter().flat_map(u16::to_le_bytes));
    [bytes, headers, contents].concat()
}

/// An ELF file with names for parts of its first segment: a name, its distance from the start, its size.
fn with_symbols(mut elf: Vec<u8>, symbols: &[(&str, u64, u64)]) -> Vec<u8> {
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (offset, address, size) = (word(&elf, 72), word(&elf, 80), word(&elf, 96));
    let mut names = b"\0.text\0.symtab\0.strtab\0".to_vec();
    let mut table = vec![0; 24];
    for (name, distance, size) in symbols {
        table.extend(u32::try_from(names.len()).unwrap().to_le_bytes());
        // A function (2), local, in the first section.
        table.extend([2, 0, 1, 0]);
        table.extend([address + distance, *size].into_iter().flat_map(u64::to_le_bytes));
        names.extend(name.bytes().chain([0]));
    }
    let table_at = u64::try_from(elf.len()).unwrap();
    let table_size = u64::try_from(table.len()).unwrap();
    let names_size = u64::try_from(names.len()).unwrap();
    elf.extend(table.iter().chain(&names));
    let sections = table_at + table_size + names_size;
    elf[40..48].copy_from_slice(&sections.to_le_bytes());
    elf[58..64].copy_from_slice(&[64, 0, 4, 0, 3, 0]);
    // Name, type, flags, address, offset, size, link and info, alignment, size of an entry.
    let count = u64::try_from(symbols.len() + 1).unwrap();
    for (name, kind, fields) in [
        (0_u32, 0_u32, [0; 8]),
        (1, 1, [6, address, offset, size, 0, 4, 0, 0]),
        (7, 2, [0, 0, table_at, table_size, count << 32 | 3, 8, 24, 0]),
        (15, 3, [0, 0, table_at + table_size, names_size, 0, 1, 0, 0]),
    ] {
        elf.extend([name, kind].into_iter().flat_map(u32::to_le_bytes));
        elf.extend(fields[..7].iter().flat_map(|field| field.to_le_bytes()));
    }
    elf
}

fn image_header(size: u64) -> Vec<u8> {
    let mut header = vec![0; HEADER];
    header[16..24].copy_from_slice(&size.to_le_bytes());
    header[24..32].copy_from_slice(&0xa_u64.to_le_bytes());
    header[56..60].copy_from_slice(b"ARM\x64");
    header
}

fn changed(mut bytes: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    bytes[at] = value;
    bytes
}

fn property<T: dtoolkit::ToPropertyValue>(name: &str, value: T) -> DeviceTreeProperty {
    DeviceTreeProperty::new(name, value).unwrap()
}

/// A device at a 64-bit address, with one SPI if there is one.
fn device(name: &str, kind: &str, address: u64, spi: Option<u32>) -> DeviceTreeNode {
    let mut node = DeviceTreeNode::new(format!("{name}@{address:x}")).unwrap();
    node.add_property(property("compatible", kind));
    let halves = [address >> 32, address & 0xffff_ffff].map(|half| u32::try_from(half).unwrap());
    node.add_property(property("reg", [halves[0], halves[1], 0, 0x1000]));
    if let Some(spi) = spi {
        node.add_property(property("interrupts", [0, spi, 4]));
    }
    node
}

fn with<T: dtoolkit::ToPropertyValue>(mut node: DeviceTreeNode, name: &str, value: T) -> DeviceTreeNode {
    node.add_property(property(name, value));
    node
}

/// QEMU's `virt` with the devices that a broken configuration needs.
fn extra() -> DeviceTree {
    let virt = std::fs::read(tests().join("board/virt.dtb")).unwrap();
    let mut tree = DeviceTree::from_fdt(&Fdt::new(&virt).unwrap());
    let clocks = with(device("clock-controller", "vendor,clocks", 0x910_0000, None), "#clock-cells", 1_u32);
    let root = &mut tree.root;
    root.add_child(with(with(clocks, "phandle", 0x9001_u32), "status", "okay"));
    root.add_child(with(device("serial", "ns16550a", 0x911_0000, Some(60)), "clocks", [0x9001_u32, 0]));
    root.add_child(with(device("serial", "ns16550a", 0x911_1000, Some(61)), "clocks", [0x9001_u32, 1]));
    root.add_child(with(device("rtc", "arm,pl031", 0x912_0000, None), "status", "disabled"));
    root.add_child(device("timer", "arm,sp804", 0x913_0000, Some(70)));
    root.add_child(device("timer", "arm,sp804", 0x913_1000, Some(70)));
    root.add_child(device("gpio", "arm,pl061", 0x914_0000, Some(1000)));
    root.add_child(with(device("rtc", "arm,pl031", 0x915_0000, None), "reg", [0_u32, 0x915_0000, 0]));
    root.add_child(device("rtc", "arm,pl031", 0x90_0000_0000, None));
    root.add_child(with(device("rtc", "arm,pl031", 0x916_0000, None), "reg", [0_u32, 0x916_0000, 0, 0x100]));
    root.add_child(with(device("dma", "vendor,dma", 0x916_0800, None), "reg", [0_u32, 0x916_0800, 0, 0x100]));
    root.add_child(with(device("rtc", "arm,pl031", 0x917_0000, None), "reg", [0_u32, 0x917_0000, 0, 0x100]));
    root.add_child(with(
        device("etm", "arm,coresight-etm4x", 0x917_0800, None),
        "reg",
        [0_u32, 0x917_0800, 0, 0x100],
    ));
    root.add_child(bus());
    tree.find_node_mut("/cpus").unwrap().add_child(cpu(4, "spin-table"));
    tree
}

/// A bus that moves its devices, one of which belongs to no partition.
fn bus() -> DeviceTreeNode {
    let child = |name: &str, kind: &str, address: u32| {
        let node = DeviceTreeNode::new(format!("{name}@{address:x}")).unwrap();
        with(with(node, "compatible", kind), "reg", [address, 0x1000])
    };
    let bus = with(DeviceTreeNode::new("bus@9200000").unwrap(), "compatible", "simple-bus");
    let bus = with(with(bus, "#address-cells", 1_u32), "#size-cells", 1_u32);
    let mut bus = with(bus, "ranges", [0_u32, 0, 0x920_0000, 0x1_0000]);
    bus.add_child(with(child("gpio", "arm,pl061", 0), "interrupts", [0_u32, 80, 4]));
    bus.add_child(child("iommu", "arm,smmu-v3", 0x1000));
    bus
}

fn cpu(affinity: u32, method: &str) -> DeviceTreeNode {
    let cpu = DeviceTreeNode::new(format!("cpu@{affinity:x}")).unwrap();
    let cpu = with(with(cpu, "device_type", "cpu"), "compatible", "arm,cortex-a72");
    with(with(cpu, "reg", affinity), "enable-method", method)
}

/// A board with more CPUs than a plan can hold.
fn crowded() -> DeviceTree {
    let mut tree = extra();
    let cpus = tree.find_node_mut("/cpus").unwrap();
    (5..65).for_each(|affinity| cpus.add_child(cpu(affinity, "psci")));
    tree
}

/// QEMU's `virt` with so many CPUs, numbered as QEMU does: 16 to a cluster.
fn wide(cpus: u32) -> DeviceTree {
    let virt = std::fs::read(tests().join("board/virt.dtb")).unwrap();
    let mut tree = DeviceTree::from_fdt(&Fdt::new(&virt).unwrap());
    let parent = tree.find_node_mut("/cpus").unwrap();
    (4..cpus).for_each(|number| parent.add_child(cpu((number % 16) | ((number / 16) << 8), "psci")));
    tree
}

/// A board whose interrupt controller is a GICv2 with each page of its CPU interface 16 times, and what only a
/// hypervisor uses behind it.
fn gicv2() -> DeviceTree {
    let mut tree = extra();
    let gic = tree.find_node_mut("/intc@8000000").unwrap();
    gic.add_property(property("compatible", "arm,gic-400"));
    let frames =
        [(0x800_0000, 0x1_0000), (0x801_0000, 0x2_0000), (0x804_0000, 0x2_0000), (0x806_0000, 0x2_0000)];
    let cells: Vec<u32> = frames.iter().flat_map(|(base, size)| [0, *base, 0, *size]).collect();
    gic.add_property(property("reg", cells));
    tree
}

/// A board without PSCI, whose CPUs wait in the first page of RAM; four more cannot be released.
fn spin_table() -> DeviceTree {
    let mut tree = extra();
    assert!(tree.root.remove_child("psci").is_some());
    let cpus = tree.find_node_mut("/cpus").unwrap();
    for affinity in 0..4_u32 {
        let cpu = cpus.child_mut(&format!("cpu@{affinity}")).unwrap();
        cpu.add_property(property("enable-method", "spin-table"));
        cpu.add_property(property("cpu-release-addr", [0, 0x4000_00d8 + 8 * affinity]));
    }
    cpus.add_child(with(cpu(5, "spin-table"), "cpu-release-addr", [0_u32, 0x4000_00e0]));
    cpus.add_child(with(cpu(6, "spin-table"), "cpu-release-addr", [0_u32, 0x4000_0104]));
    cpus.add_child(cpu(7, "vendor,smp"));
    tree
}

/// A board whose interrupt controller is of a kind before that.
fn gicv1() -> DeviceTree {
    let mut tree = extra();
    let gic = tree.find_node_mut("/intc@8000000").unwrap();
    gic.add_property(property("compatible", "arm,pl390"));
    tree
}

#[test]
fn the_boards_are_what_their_makers_make() {
    let extra = extra().to_dtb();
    let mut damaged = extra.clone();
    damaged.truncate(extra.len() / 2);
    let boards = [
        ("extra", extra),
        ("gicv1", gicv1().to_dtb()),
        ("gicv2", gicv2().to_dtb()),
        ("spin-table", spin_table().to_dtb()),
        ("soc", soc::soc().to_dtb()),
        ("crowded", crowded().to_dtb()),
        ("eight", wide(8).to_dtb()),
        ("twenty", wide(20).to_dtb()),
        ("damaged", damaged),
    ];
    for (name, bytes) in boards {
        assert_is_file(&tests().join(format!("board/{name}.dtb")), &bytes);
    }
}

#[test]
fn the_images_are_what_their_makers_make() {
    let guest = elf(DYN, AARCH64, &[(0, 128, 0x2000)]);
    let hypervisor = elf(EXEC, AARCH64, &[(0xffff_0000_0000, 256, 0x2000)]);
    let hypervisor = with_symbols(hypervisor, &[("entry", 0, 0), ("vectors", 0x80, 0x40)]);
    let mut compressed = image_header(0x200_0000);
    compressed[..3].copy_from_slice(b"\x1f\x8b\x08");
    let mut unpacks_itself = b"MZ\0\0zimg\x40\0\0\0\x08\0\0\0".to_vec();
    unpacks_itself.resize(HEADER, 0);
    unpacks_itself.extend(b"\x28\xb5\x2f\xfd\0\0\0\0");
    let mut old_kernel = image_header(0);
    old_kernel.resize(256, 0);
    let wrapped = [&b"\x27\x05\x19\x56"[..], &[0; 8], &64_u32.to_be_bytes(), &[0; 48]].concat();
    let first_segment_asks_for_a_linker =
        changed(elf(DYN, AARCH64, &[(0, 96, 0x1000), (0x1000, 96, 0x1000)]), HEADER, 3);
    let sets_up_el2 = 0xd51c_c000_u32.to_le_bytes();
    let behind_the_headers = guest.len() - 4;
    let el2 =
        (0..4).fold(guest.clone(), |el2, byte| changed(el2, behind_the_headers + byte, sets_up_el2[byte]));
    let nop = 0xd503_201f_u32.to_le_bytes();
    let files = [
        ("images/guest.elf", guest.clone()),
        ("images/bulkhead.elf", hypervisor.clone()),
        ("images/fixed.elf", elf(EXEC, AARCH64, &[(0x4000_0000, 96, 0x1000), (0x4010_0000, 32, 0x2000)])),
        ("images/elsewhere.elf", elf(EXEC, AARCH64, &[(0x8000_0000, 96, 0x1000)])),
        ("images/large.elf", elf(DYN, AARCH64, &[(0, 96, 0x300_0000)])),
        ("images/overlap.elf", elf(DYN, AARCH64, &[(0, 96, 0x2000), (0x1000, 96, 0x2000)])),
        ("images/x86.elf", elf(DYN, X86_64, &[(0, 96, 0x2000)])),
        ("images/narrow.elf", changed(guest.clone(), 4, 1)),
        ("images/big-endian.elf", changed(guest.clone(), 5, 2)),
        ("images/cut.elf", guest[..200].to_vec()),
        ("images/kernel", image_header(0x200_0000)),
        ("images/kernel.gz", compressed),
        ("images/kernel.efi", unpacks_itself),
        ("images/vmlinux", elf(EXEC, AARCH64, &[(0xffff_8000_8000_0000, 96, 0x1000)])),
        ("images/old-kernel", old_kernel),
        ("images/uImage", [wrapped, image_header(0x200_0000)].concat()),
        ("images/hosted.elf", first_segment_asks_for_a_linker),
        ("images/el2.elf", el2),
        ("images/raw.bin", nop.repeat(64)),
        ("images/empty.bin", Vec::new()),
        ("images/initrd.cpio", b"070701".to_vec()),
        ("images/disk.img", vec![0; 512]),
        ("images/text.txt", b"This is no program.\n".to_vec()),
        ("reject/hypervisor-missing/images/guest.elf", guest.clone()),
        ("reject/window-too-large/images/guest.elf", guest.clone()),
        ("reject/window-too-large/images/bulkhead.elf", elf(EXEC, AARCH64, &[(0, 256, 0x30_0000)])),
        ("reject/hypervisor-missing/fixed/images/guest.elf", guest.clone()),
        ("reject/hypervisor-missing/fixed/images/bulkhead.elf", hypervisor.clone()),
        ("reject/hypervisor-unusable/fixed/images/guest.elf", guest.clone()),
        ("reject/hypervisor-unusable/fixed/images/bulkhead.elf", hypervisor.clone()),
        ("reject/window-too-large/fixed/images/guest.elf", guest.clone()),
        ("reject/window-too-large/fixed/images/bulkhead.elf", elf(EXEC, AARCH64, &[(0, 256, 0x30_0000)])),
        ("reject/hypervisor-unusable/images/guest.elf", guest),
        ("reject/hypervisor-unusable/images/bulkhead.elf", elf(EXEC, AARCH64, &[(0, 32, 0x2000)])),
    ];
    for (name, bytes) in files {
        assert_is_file(&tests().join(name), &bytes);
    }
}
