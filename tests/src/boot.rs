//! How the image starts: at any address, on the right board, whole, or not at all.

use crate::{Company, Context, Need, Running, Test, patience};
use anyhow::{Context as _, Result, anyhow, ensure};
use bulkhead::run::Machine;
use bulkhead::system::Built;
use bulkhead_plan::RegionKind;
use dtoolkit::fdt::Fdt;
use dtoolkit::memreserve::MemoryReservation;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use regex::bytes::Regex;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("the image starts wherever it is loaded, even if the device tree is in its way", anywhere),
    test("without a device tree the plan's own facts serve", without_device_tree),
    test("entered at EL1 or EL3 the image says so and starts nothing", wrong_level),
    test("any damage to plan or tables is refused in one line", damaged_plan),
    test("no partition begins if the image of one is damaged", damaged_guest),
    test("memory that the firmware keeps is not given to a partition", kept_memory),
    test("a board whose GIC is elsewhere is refused", gic_elsewhere),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[];
    Test { group: "boot", name, needs: NEEDS, company: Company::Welcome, run }
}

/// Where the machine's RAM ends, the image's window begins, and an ordinary loader puts the device tree.
const RAM_END: u64 = 0x8000_0000;
const WINDOW: u64 = 0x4020_0000;
const TREE: u64 = 0x4800_0000;

fn anywhere(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("qemu-virt/demo"), None)?;
    // In place; moved down with and without overlap; from far; and over the device tree.
    let places = [
        (WINDOW, TREE),
        (WINDOW + 0x20_0000, TREE),
        (WINDOW + 0x20_0000, WINDOW),
        (WINDOW + 0x60_0000, WINDOW + 0x1_0000),
        (0x7000_0000, WINDOW + 0x18_0000),
    ];
    for (address, tree) in places {
        let mut machine = load(context, "anywhere", &built, address, Some(Tree::at(tree)))?;
        let place = || format!("at {address:#x}, device tree at {tree:#x}");
        expect(&mut machine, r"on qemu-virt: 3 partitions").with_context(place)?;
        expect(&mut machine, r"every partition has stopped: off\r\n").with_context(place)?;
        let log = String::from_utf8_lossy(machine.transcript("bulkhead"));
        ensure!(!log.contains("no device tree"), "the device tree was lost: {}", place());
    }
    Ok(())
}

fn without_device_tree(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("qemu-virt/demo"), None)?;
    let mut machine = load(context, "without-device-tree", &built, WINDOW, None)?;
    expect(&mut machine, r"the firmware has left no device tree: going by the plan alone\r\n")?;
    expect(&mut machine, r"every partition has stopped: off\r\n")
}

fn wrong_level(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("qemu-virt/demo"), None)?;
    let mut machine = context.boot_with("el1", &built, &["-machine", "virtualization=off"])?;
    expect(&mut machine, r"not booted: entered at EL1, and EL2 is needed")?;
    let path = context.scratch_file("el3", "image.img", &built.image)?;
    let mut el3 = bare_machine(&built, &path)?;
    el3.args.extend(["-machine".into(), "secure=on".into()]);
    el3.args.extend(loader(&path, WINDOW));
    el3.args.extend(["-device".into(), format!("loader,addr={WINDOW:#x},cpu-num=0").into()]);
    let mut machine = context.start(&el3)?;
    expect(&mut machine, r"not booted: entered at EL3, and EL2 is needed")
}

fn damaged_plan(context: &Context<'_>) -> Result<()> {
    let mut built = context.build(&context.shipped("qemu-virt/demo"), None)?;
    let intact = built.image.clone();
    let (plan, size, tables) = {
        let plan = built.plan()?;
        let tables = usize::try_from(plan.header.tables.base.0 - plan.board.window.base.0)?;
        (find(&intact, b"BULKHEAD")?, usize::try_from(plan.header.size)?, tables)
    };
    let damages = [
        (plan, r"not booted: the plan does not begin as a plan does\r\n"),
        (plan + 8, r"not booted: the plan has version \d+, wanted is 1\r\n"),
        (plan + 12, r"not booted: the plan has another size than its header says\r\n"),
        (plan + 20, r"not booted: the plan is damaged\r\n"),
        (plan + size / 2, r"not booted: the plan is damaged\r\n"),
        (plan + size - 1, r"not booted: the plan is damaged\r\n"),
        (tables, r"not booted: the package of stage-2 tables is damaged\r\n"),
    ];
    for (at, line) in damages {
        built.image = intact.clone();
        built.image[at] ^= 0x40;
        let mut machine = context.boot("damaged-plan", &built)?;
        expect(&mut machine, line).with_context(|| format!("byte {at:#x} of the image"))?;
        let status = machine.wait(patience())?;
        ensure!(status.success(), "QEMU: {status}");
        let begun = ["hello", "ticker", "trespasser"].iter().any(|name| !machine.transcript(name).is_empty());
        ensure!(!begun, "a half-booted machine");
    }
    Ok(())
}

fn damaged_guest(context: &Context<'_>) -> Result<()> {
    let mut built = context.build(&context.shipped("qemu-virt/demo"), None)?;
    let at = {
        let plan = built.plan()?;
        let first = plan.loads.first().context("something is loaded")?;
        usize::try_from(first.source.0 - plan.board.window.base.0)?
    };
    built.image[at + 0x100] ^= 1;
    let mut machine = context.boot("damaged-guest", &built)?;
    expect(&mut machine, r"not booted: hello: its image is damaged\r\n")?;
    let status = machine.wait(patience())?;
    ensure!(status.success(), "QEMU: {status}");
    let begun = ["hello", "ticker", "trespasser"].iter().any(|name| !machine.transcript(name).is_empty());
    ensure!(!begun, "a half-booted machine");
    Ok(())
}

fn kept_memory(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("qemu-virt/demo"), None)?;
    let kept = {
        let plan = built.plan()?;
        let ram = plan.regions.iter().find(|region| region.kind == RegionKind::Ram);
        ram.context("a partition has memory")?.span.base.0 + 0x1_0000
    };
    let by_node = Tree { address: TREE, change: Box::new(move |tree| reserve(tree, kept)) };
    let by_header = Tree {
        address: TREE,
        change: Box::new(move |tree| {
            tree.memory_reservations.push(MemoryReservation::new(kept, 0x1000));
            Ok(())
        }),
    };
    for (name, tree) in [("kept-by-node", by_node), ("kept-by-header", by_header)] {
        let mut machine = load(context, name, &built, WINDOW, Some(tree))?;
        let line = r"not booted: the firmware keeps memory for itself in 0x4[0-9a-f]+\.\.=0x4[0-9a-f]+, ";
        expect(&mut machine, line).context(name)?;
    }
    Ok(())
}

/// Adds a page to what the firmware keeps.
fn reserve(tree: &mut DeviceTree, page: u64) -> Result<()> {
    let mut reserved = DeviceTreeNode::new("reserved-memory")?;
    for (name, value) in
        [("#address-cells", cells(&[2])), ("#size-cells", cells(&[2])), ("ranges", Vec::new())]
    {
        reserved.add_property(DeviceTreeProperty::new(name, &value[..])?);
    }
    let mut area = DeviceTreeNode::new(format!("secure@{page:x}"))?;
    let registers = cells(&[u32::try_from(page >> 32)?, u32::try_from(page & 0xffff_ffff)?, 0, 0x1000]);
    area.add_property(DeviceTreeProperty::new("reg", &registers[..])?);
    reserved.add_child(area);
    tree.root.add_child(reserved);
    Ok(())
}

fn gic_elsewhere(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("qemu-virt/demo"), None)?;
    let moved = Tree {
        address: TREE,
        change: Box::new(|tree| {
            let gic = tree.root.child_mut("intc@8000000").context("QEMU's GIC")?;
            let registers = cells(&[0, 0x0b00_0000, 0, 0x1_0000, 0, 0x0b0a_0000, 0, 0xf6_0000]);
            gic.property_mut("reg").context("it has registers")?.set_value(&registers[..]);
            Ok(())
        }),
    };
    let mut machine = load(context, "gic-elsewhere", &built, WINDOW, Some(moved))?;
    let line =
        r"not booted: wrong board: the plan has its GIC at 0x8000000\.\.=0x800ffff, the board has not\r\n";
    expect(&mut machine, line)
}

fn cells(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The device tree that a loader leaves: QEMU's own, changed, at an address.
struct Tree {
    address: u64,
    change: Box<Change>,
}

/// What makes it another board's.
type Change = dyn FnOnce(&mut DeviceTree) -> Result<()>;

impl Tree {
    /// Unchanged.
    fn at(address: u64) -> Self {
        Self { address, change: Box::new(|_| Ok(())) }
    }
}

/// Starts the machine as a loader would that puts the image and the device tree at these addresses.
fn load<'a>(
    context: &'a Context<'a>,
    name: &str,
    built: &Built,
    address: u64,
    tree: Option<Tree>,
) -> Result<Running<'a>> {
    // ldr x0, #16; ldr x1, #20; br x1; nop; then where the device tree and the image are.
    let mut jump: Vec<u8> =
        [0x5800_0080_u32, 0x5800_00a1, 0xd61f_0020, 0xd503_201f].map(u32::to_le_bytes).concat();
    let place_of_tree = tree.as_ref().map_or(0, |tree| tree.address);
    jump.extend([place_of_tree, address].map(u64::to_le_bytes).concat());
    let place = RAM_END - 0x1000;
    let image = context.scratch_file(name, "image.img", &built.image)?;
    let stub = context.scratch_file(name, "jump.bin", &jump)?;
    let mut machine = bare_machine(built, &image)?;
    if let Some(Tree { address, change }) = tree {
        let dumped = device_tree(context, name, &machine)?;
        let parsed = Fdt::new(&dumped).map_err(|error| anyhow!("QEMU's device tree: {error}"))?;
        let mut model = DeviceTree::from_fdt(&parsed);
        change(&mut model)?;
        machine.args.extend(loader(&context.scratch_file(name, "tree.dtb", &model.to_dtb())?, address));
    }
    machine.args.extend(loader(&image, address));
    machine.args.extend(loader(&stub, place));
    machine.args.extend(["-device".into(), format!("loader,addr={place:#x},cpu-num=0").into()]);
    context.start(&machine)
}

/// The machine, with nothing loaded.
pub(crate) fn bare_machine(built: &Built, image: &Path) -> Result<Machine> {
    let mut machine = built.machine(image).context("the board is no machine of QEMU")?;
    let kernel = machine.args.iter().position(|argument| argument == "-kernel").context("it has a kernel")?;
    machine.args.drain(kernel..kernel + 2);
    Ok(machine)
}

fn loader(file: &Path, address: u64) -> [std::ffi::OsString; 2] {
    ["-device".into(), format!("loader,file={},addr={address:#x},force-raw=on", file.display()).into()]
}

/// The device tree that QEMU makes for the machine, cut to what it uses.
pub(crate) fn device_tree(context: &Context<'_>, name: &str, machine: &Machine) -> Result<Vec<u8>> {
    let file = context.scratch_file(name, "dumped.dtb", &[])?;
    let mut qemu = Command::new(&machine.program);
    qemu.args(&machine.args).args(["-display", "none", "-serial", "null", "-serial", "null"]);
    let output = qemu.args(["-machine", &format!("dumpdtb={}", file.display())]).output()?;
    ensure!(output.status.success(), "QEMU: {}", String::from_utf8_lossy(&output.stderr));
    let mut blob = fs::read(file)?;
    let word = |at: usize| -> Result<usize> { Ok(u32::from_be_bytes(blob[at..at + 4].try_into()?) as usize) };
    let used = (word(8)? + word(36)?).max(word(12)? + word(32)?);
    blob.truncate(used);
    blob[4..8].copy_from_slice(&u32::try_from(used)?.to_be_bytes());
    Ok(blob)
}

fn find(image: &[u8], text: &[u8]) -> Result<usize> {
    let pages = (0..image.len()).step_by(0x1000);
    pages.into_iter().find(|page| image[*page..].starts_with(text)).context("there is no plan in the image")
}

fn expect(machine: &mut Running<'_>, pattern: &str) -> Result<()> {
    machine.expect("bulkhead", &Regex::new(pattern)?, patience())?;
    Ok(())
}
