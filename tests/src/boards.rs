//! Models of real boards: each starts Linux beside bare metal, and refuses to be another board.
//!
//! QEMU's boot code is the firmware of these machines, so what a test wants of the firmware goes through it: another
//! device tree by `-dtb`, in which QEMU writes how much memory there is, and another place for the image by a kernel of
//! two instructions that goes there.

use crate::boot::expect;
use crate::linux::Linux;
use crate::refusal::is_refused;
use crate::{Board, Context, Need, Running, Test, patience};
use anyhow::{Context as _, Result, anyhow, ensure};
use bulkhead::run::Machine;
use bulkhead::system::{Built, Options, Venue, build};
use bulkhead_plan::RegionKind;
use regex::bytes::Regex;
use std::ffi::OsString;
use std::path::Path;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    linux(Board::Versal),
    linux(Board::Zcu102),
    linux(Board::Imx8mp),
    refusals(Board::Versal),
    refusals(Board::Zcu102),
    refusals(Board::Imx8mp),
    places(Board::Versal),
    places(Board::Zcu102),
    places(Board::Imx8mp),
    Test {
        name: "what QEMU does not model stays in an image for the board",
        run: absent,
        ..linux(Board::Zcu102)
    },
];

const fn linux(board: Board) -> Test {
    const NEEDS: &[Need] = &[Need::BoardTrees, Need::Kernels, Need::Linux];
    let name = "Linux reaches a shell and powers off while its neighbour loses no tick";
    Test { group: "boards", name, needs: NEEDS, board, run: beside_bare_metal, ..Test::PLAIN }
}

const fn refusals(board: Board) -> Test {
    const NEEDS: &[Need] = &[Need::BoardTrees];
    let name = "another board, less of it, or memory that its firmware keeps is refused";
    Test { group: "boards", name, needs: NEEDS, board, run: refused, ..Test::PLAIN }
}

const fn places(board: Board) -> Test {
    const NEEDS: &[Need] = &[Need::BoardTrees];
    let name = "the image starts low and high in RAM";
    Test { group: "boards", name, needs: NEEDS, board, run: low_and_high, ..Test::PLAIN }
}

/// What the tests have to know of a model.
struct Model {
    /// The CPUs of its Linux.
    cpus: &'static str,
    /// What Linux calls the interrupt of its UART.
    uart: &'static str,
    /// Where its interrupt controller is.
    gic: u32,
    /// Too little memory for its Linux, for `-m`.
    less: &'static str,
    /// Where an image may lie, but not in its window.
    places: &'static [u64],
}

fn model(board: Board) -> Result<Model> {
    match board {
        Board::Imx8mp => Ok(Model {
            cpus: "2",
            uart: "serial",
            gic: 0x3880_0000,
            less: "512M",
            places: &[0x4040_0000, 0x1_7000_0000],
        }),
        Board::Zcu102 => Ok(Model {
            cpus: "2",
            uart: "xuartps",
            gic: 0xf901_0000,
            less: "512M",
            places: &[0x40_0000, 0x7e00_0000, 0x8_7000_0000],
        }),
        Board::Versal => Ok(Model {
            cpus: "1",
            uart: "uart-pl011",
            gic: 0xf900_0000,
            less: "512M",
            places: &[0x40_0000, 0x7e00_0000],
        }),
        Board::Virt | Board::VirtGicv2 => Err(anyhow!("{} has tests of its own", board.name())),
    }
}

fn beside_bare_metal(context: &Context<'_>) -> Result<()> {
    let Model { cpus, uart, .. } = model(context.board)?;
    let mut linux = Linux::of(context.run("linux", &context.own("linux"))?)?;
    let found = linux.answer("nproc", r"\n(\d+)\r\n")?;
    ensure!(found == cpus, "nproc says {found}");
    linux.answer("sleep 1; seq 2000 | tail -n 1", r"\n(2000)\r\n")?;
    let (timer, bytes) = (linux.interrupts_of("arch_timer")?, linux.interrupts_of(uart)?);
    ensure!(timer >= 100 && bytes >= 1, "{timer} interrupts of the timer, {bytes} of the UART");
    let counts = linux.power_off()?;
    ensure!(counts.of("interrupt") == 0, "an interrupt came to EL2: {counts:?}");
    context
        .note(format!("{timer} timer and {bytes} UART interrupts in the guest; at EL2 {:?}", counts.exits));
    for said in [r"ticker: 20000 ticks, lost 0, late min", r"ticker: pattern intact\r\nticker: done"] {
        linux.machine.expect("ticker", &Regex::new(said)?, patience()).context("the neighbour")?;
    }
    Ok(())
}

fn refused(context: &Context<'_>) -> Result<()> {
    let Model { gic: base, less, .. } = model(context.board)?;
    let built = context.build(&context.made("refused", SYSTEM)?, None)?;
    let kept = {
        let plan = built.plan()?;
        let ram = plan.regions.iter().find(|region| region.kind == RegionKind::Ram);
        ram.context("a partition has memory")?.span.base.0 + 0x1_0000
    };
    let cases: [(&str, String, Box<Change>); 3] = [
        (
            "without-cpu",
            "wrong board: the plan has CPU 0x1, the board has not".to_owned(),
            Box::new(|tree| without_cpu(tree)),
        ),
        (
            "gic-elsewhere",
            format!("wrong board: the plan has its GIC at {base:#x}[^\r\n]*, the board has not"),
            Box::new(move |tree| move_gic(tree, base)),
        ),
        (
            "kept-memory",
            "the firmware keeps memory for itself in [^\r\n]*, which the plan gives away".to_owned(),
            Box::new(move |tree| reserve(tree, kept)),
        ),
    ];
    for (name, line, change) in cases {
        let mut tree = built.board_tree().to_vec();
        change(&mut tree).context(name)?;
        let mut machine = with_tree(context, name, (&built, &tree))?;
        is_refused(&mut machine, &format!("not booted: {line}\r\n")).context(name)?;
    }
    let other = context.images.join("boards").join(match context.board {
        Board::Imx8mp => "zynqmp-zcu102-rev1.0.dtb",
        _ => "imx8mp-evk.dtb",
    });
    let mut machine = with_tree(context, "another-board", (&built, &std::fs::read(other)?))?;
    is_refused(&mut machine, "not booted: wrong board: [^\r\n]*\r\n").context("another board")?;
    let mut machine = context.boot_with("less-ram", &built, &["-m", less])?;
    is_refused(&mut machine, "not booted: wrong board: the plan has RAM at [^\r\n]*\r\n").context("less RAM")
}

fn low_and_high(context: &Context<'_>) -> Result<()> {
    let Model { places, .. } = model(context.board)?;
    let built = context.build(&context.made("places", SMALL)?, None)?;
    let hello = Regex::new("hello: ")?;
    for place in places {
        let image = context.scratch_file("places", "image.img", &built.image)?;
        let stub = context.scratch_file("places", "stub.img", &stub(*place))?;
        let mut machine = machine(&built, &stub)?;
        machine.args.extend(crate::loader::put(&image, *place));
        let mut running = context.start(&machine)?;
        let at = || format!("at {place:#x}");
        expect(&mut running, r"bulkhead [^\r\n]*: 1 partitions").with_context(at)?;
        running.expect("guest", &hello, patience()).with_context(at)?;
        expect(&mut running, r"every partition has stopped: off\r\n").with_context(at)?;
        let log = String::from_utf8_lossy(running.transcript("bulkhead"));
        ensure!(!log.contains("no device tree"), "the device tree was lost: {}", at());
    }
    Ok(())
}

fn absent(context: &Context<'_>) -> Result<()> {
    const GPIO: &[u8] = b"gpio@ff0a0000\0";
    for (venue, is_there) in [(Venue::Board, true), (Venue::Qemu, false)] {
        let options = Options { images: vec![context.images.clone()], venue, ..Options::default() };
        let built = build(&context.own("linux"), &options).map_err(|failure| anyhow!("{failure}"))?;
        let tree = built.device_tree("linux").context("a device tree")?;
        ensure!(find(tree, GPIO).is_some() == is_there, "{venue:?}");
        let maps = built.plan()?.regions.iter().any(|region| region.span.base.0 == 0xff0a_0000);
        ensure!(maps == is_there && built.absent.is_empty() == is_there, "{venue:?}: {:?}", built.absent);
    }
    Ok(())
}

/// Memory that a smaller board has not, and the second CPU.
const SYSTEM: &str = r#"
[[partition]]
name = "guest"
image = "hello.elf"
cpus = [1]
memory = "1G"
"#;

/// The smallest system.
const SMALL: &str = r#"
[[partition]]
name = "guest"
image = "hello.elf"
cpus = [0]
memory = "4M"
"#;

/// A change of a flattened device tree. Makers' trees have names that the specification does not allow, so it is
/// made in the bytes.
type Change = dyn Fn(&mut Vec<u8>) -> Result<()>;

/// The second CPU is none any more.
fn without_cpu(tree: &mut [u8]) -> Result<()> {
    let node = find(tree, b"\0\0\0\x01cpu@1\0").context("a second CPU")? + 4;
    // Values begin at multiples of four bytes.
    let mut words = tree[node..].chunks_exact(4);
    let kind = node + 4 * words.position(|word| word == b"cpu\0").context("its device_type")?;
    tree[kind] = b'x';
    Ok(())
}

fn move_gic(tree: &mut [u8], base: u32) -> Result<()> {
    let node = find(tree, format!("@{base:x}\0").as_bytes()).context("the GIC")?;
    let at = node + find(&tree[node..], &base.to_be_bytes()).context("its registers")?;
    tree[at..at + 4].copy_from_slice(&(base + 0x10_0000).to_be_bytes());
    Ok(())
}

/// The first entry of the list of reserved memory, before the others (Devicetree Specification 5.2, 5.3).
fn reserve(tree: &mut Vec<u8>, page: u64) -> Result<()> {
    const ENTRY: u32 = 16;
    let word =
        |tree: &[u8], at: usize| Ok::<u32, anyhow::Error>(u32::from_be_bytes(tree[at..at + 4].try_into()?));
    let list = word(tree, 16)?;
    // The size, then where structure, strings and that list are: all behind the list move.
    for field in [4, 8, 12] {
        let value = word(tree, field)?;
        ensure!(value > list, "the list of reserved memory comes first");
        tree[field..field + 4].copy_from_slice(&(value + ENTRY).to_be_bytes());
    }
    let entry = [page, 0x1000].into_iter().flat_map(u64::to_be_bytes);
    let list = usize::try_from(list)?;
    tree.splice(list..list, entry);
    Ok(())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The machine with another device tree than its own.
fn with_tree<'a>(
    context: &'a Context<'a>,
    name: &str,
    (built, tree): (&Built, &[u8]),
) -> Result<Running<'a>> {
    let file = context.scratch_file(name, "tree.dtb", tree)?;
    let image = context.scratch_file(name, "image.img", &built.image)?;
    let mut machine = machine(built, &image)?;
    let own = machine.args.iter().position(|argument| argument == "-dtb");
    own.into_iter().for_each(|own| drop(machine.args.drain(own..own + 2)));
    machine.args.extend([OsString::from("-dtb"), file.into()]);
    context.start(&machine)
}

fn machine(built: &Built, image: &Path) -> Result<Machine> {
    built.machine(image).context("the board is no machine of QEMU")
}

/// A kernel that goes to `place`: `ldr x1, place; br x1` behind the header of an arm64 `Image`.
fn stub(place: u64) -> Vec<u8> {
    let mut image = vec![0; 64];
    image[..4].copy_from_slice(&0x1400_0010_u32.to_le_bytes());
    image[16..24].copy_from_slice(&0x1000_u64.to_le_bytes());
    image[24] = 0xa;
    image[56..60].copy_from_slice(b"ARM\x64");
    for word in [0x5800_0041_u32, 0xd61f_0020] {
        image.extend(word.to_le_bytes());
    }
    image.extend(place.to_le_bytes());
    image
}
