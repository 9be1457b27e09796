//! How the image starts: at any address, on the right board, whole, or not at all.

use crate::loader::{HIGHER_WINDOW, Loader, TREE, Tree, WINDOW, at_el3, higher_window};
use crate::refusal::is_refused;
use crate::{Again, Context, Need, Test, patience};
use anyhow::{Context as _, Result, ensure};
use bulkhead_plan::RegionKind;
use dtoolkit::memreserve::MemoryReservation;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("the image starts wherever it is loaded, even if the device tree is in its way", anywhere),
    test("the image moves up to its window as well", moved_up),
    test("where x0 leads to no device tree the plan's own facts serve", without_device_tree),
    test("entered at EL1 or EL3 the image says so and starts nothing", wrong_level),
    test("memory that the firmware keeps is not given to a partition", kept_memory),
    test("a board whose GIC is elsewhere is refused", gic_elsewhere).again(Again::Always),
    test("a board with a GIC of another kind is refused", another_gic).again(Again::Always),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[];
    Test { group: "boot", name, needs: NEEDS, run, ..Test::PLAIN }
}

fn anywhere(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("demo")?, None)?;
    // Where it runs; moved down with and without overlap; from far; and over the device tree.
    let places = [
        (WINDOW, TREE),
        (WINDOW + 0x20_0000, TREE),
        (WINDOW + 0x20_0000, WINDOW),
        (WINDOW + 0x60_0000, WINDOW + 0x1_0000),
        (0x7000_0000, WINDOW + 0x18_0000),
    ];
    for (address, tree) in places {
        let mut machine =
            Loader { image: address, ..Loader::with(Tree::at(tree)) }.start(context, "anywhere", &built)?;
        let place = || format!("at {address:#x}, device tree at {tree:#x}");
        machine.says("bulkhead", r"on qemu-virt: 3 partitions").with_context(place)?;
        machine.says("bulkhead", r"every partition has stopped: off\r\n").with_context(place)?;
        let log = String::from_utf8_lossy(machine.transcript("bulkhead"));
        ensure!(!log.contains("no device tree"), "the device tree was lost: {}", place());
    }
    Ok(())
}

/// From the last byte on, which is at no multiple of what is copied at once.
fn moved_up(context: &Context<'_>) -> Result<()> {
    let path = context.made("moved-up", SYSTEM)?;
    higher_window(&path)?;
    let built = context.build(&path, None)?;
    ensure!(!built.image.len().is_multiple_of(16), "{} bytes", built.image.len());
    for tree in [TREE, HIGHER_WINDOW] {
        let mut machine = Loader::with(Tree::at(tree)).start(context, "moved-up", &built)?;
        machine.says("bulkhead", r"guest: off;").with_context(|| format!("device tree at {tree:#x}"))?;
        let log = String::from_utf8_lossy(machine.transcript("bulkhead"));
        ensure!(!log.contains("no device tree"), "the device tree was lost at {tree:#x}");
    }
    Ok(())
}

fn without_device_tree(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.made("without-device-tree", SYSTEM)?, None)?;
    // None; RAM that holds none; a number and no address; a hole in the map of the board; beyond all of it.
    for x0 in [0, TREE, 3, 0x7000_0000_0000, u64::MAX - 7] {
        let mut machine = Loader { x0, ..Loader::default() }.start(context, "without-device-tree", &built)?;
        let line = r"the firmware has left no device tree: going by the plan alone\r\n";
        machine.says("bulkhead", line).with_context(|| format!("x0 = {x0:#x}"))?;
        machine.says("bulkhead", r"guest: off;")?;
    }
    Ok(())
}

/// The smallest system.
const SYSTEM: &str = r#"
[[partition]]
name = "guest"
image = "hello.elf"
cpus = [1]
memory = "4M"
"#;

fn wrong_level(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("demo")?, None)?;
    let mut machine = context.boot_with("el1", &built, &["-machine", "virtualization=off"])?;
    machine.says("bulkhead", r"not booted: entered at EL1, and EL2 is needed")?;
    let mut machine = at_el3(context, "el3", &built)?;
    machine.says("bulkhead", r"not booted: entered at EL3, and EL2 is needed")
}

fn kept_memory(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("demo")?, None)?;
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
        let mut machine = Loader::with(tree).start(context, name, &built)?;
        let line = r"not booted: the firmware keeps memory for itself in 0x4[0-9a-f]+\.\.=0x4[0-9a-f]+, [^\r\n]*\r\n";
        is_refused(&mut machine, line).context(name)?;
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
    let built = context.build(&context.shipped("demo")?, None)?;
    let (last, moved) = match context.board.has_gicv2() {
        false => ("0x800ffff", &[[0x0b00_0000, 0x0b0a_0000]][..]),
        // The distributor, then only the CPU interface.
        true => ("0x8000fff", &[[0x0b00_0000, 0x0b01_0000], [0x0800_0000, 0x0b01_0000]][..]),
    };
    for [distributor, rest] in moved.iter().copied() {
        let tree = Tree {
            address: TREE,
            change: Box::new(move |tree| {
                let gic = tree.root.child_mut("intc@8000000").context("QEMU's GIC")?;
                let registers = cells(&[0, distributor, 0, 0x1_0000, 0, rest, 0, 0x1_0000]);
                gic.property_mut("reg").context("it has registers")?.set_value(&registers[..]);
                Ok(())
            }),
        };
        let mut machine = Loader::with(tree).start(context, "gic-elsewhere", &built)?;
        let line = format!(
            r"not booted: wrong board: the plan has its GIC at 0x8000000\.\.={last}, the board has not\r\n"
        );
        is_refused(&mut machine, &line)?;
    }
    Ok(())
}

/// Where no device tree says what the GIC is, it is asked itself.
fn another_gic(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.made("another-gic", SYSTEM)?, None)?;
    let options = match context.board.has_gicv2() {
        false => ["-machine", "gic-version=2"],
        true => ["-machine", "gic-version=3"],
    };
    let options = options.map(str::to_owned).to_vec();
    let mut machine = Loader { options, ..Loader::default() }.start(context, "another-gic", &built)?;
    machine.says(
        "bulkhead",
        r"not booted: wrong board: its interrupt controller is not of the plan's kind\r\n",
    )?;
    ensure!(machine.wait(patience())?.success());
    ensure!(machine.transcript("guest").is_empty(), "a half-booted machine");
    Ok(())
}

fn cells(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
