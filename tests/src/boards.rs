//! Models of real boards: each starts Linux beside bare metal, and refuses to be another board.
//!
//! QEMU's boot code is the firmware of these machines, so what a test wants of the firmware goes through it: another
//! device tree by `-dtb`, in which QEMU writes how much memory there is, and another place for the image by a kernel of
//! two instructions that goes there.

mod places;
mod raspi;
mod refusals;

use crate::linux::Linux;
use crate::{Board, Context, Need, Test};
use anyhow::{Context as _, Result, anyhow, ensure};
use bulkhead::run::Machine;
use bulkhead::system::{Built, Options, Venue, build};
use refusals::Less;
use std::path::Path;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    linux(Board::Versal, beside_bare_metal),
    linux(Board::Zcu102, beside_bare_metal),
    linux(Board::Imx8mp, beside_bare_metal),
    linux(Board::Raspi4b, raspi::beside_bare_metal),
    bare(Board::Versal, OTHER_BOARDS, refusals::of_boards),
    bare(Board::Zcu102, OTHER_BOARDS, refusals::of_boards),
    bare(Board::Imx8mp, OTHER_BOARDS, refusals::of_boards),
    bare(Board::Raspi4b, OTHER_BOARDS, refusals::of_boards),
    bare(Board::Zcu102, "entered at EL1 or EL3 the image says so and starts nothing", refusals::of_levels),
    bare(Board::Versal, PLACES, places::low_and_high),
    bare(Board::Zcu102, PLACES, places::low_and_high),
    bare(Board::Imx8mp, PLACES, places::low_and_high),
    bare(Board::Raspi4b, PLACES, places::low_and_high),
    bare(Board::Raspi4b, "the hypervisor speaks through the mini UART, a 16550", raspi::by_mini_uart),
    Test { name: "what QEMU does not model stays in an image for the board", ..linux(Board::Zcu102, absent) },
];

const OTHER_BOARDS: &str = "another board, less of it, or memory that its firmware keeps is refused";
const PLACES: &str = "the image starts low and high in RAM";

const fn linux(board: Board, run: Run) -> Test {
    const NEEDS: &[Need] = &[Need::BoardTrees, Need::Kernels, Need::Linux];
    let name = "Linux reaches a shell and powers off while its neighbour loses no tick";
    Test { group: "boards", name, needs: NEEDS, board, run, ..Test::PLAIN }
}

const fn bare(board: Board, name: &'static str, run: Run) -> Test {
    const NEEDS: &[Need] = &[Need::BoardTrees];
    Test { group: "boards", name, needs: NEEDS, board, run, ..Test::PLAIN }
}

type Run = fn(&Context<'_>) -> Result<()>;

/// What the tests have to know of a model.
struct Model {
    /// The CPUs of its Linux.
    cpus: &'static str,
    /// What Linux calls the interrupt of its UART.
    uart: &'static str,
    /// What its device tree calls the address of its interrupt controller, and where that is.
    gic: (u32, u64),
    /// How it has less memory than a plan says.
    less: Less,
    /// Where an image may lie, but not in its window.
    places: &'static [u64],
}

fn model(board: Board) -> Result<Model> {
    match board {
        Board::Imx8mp => Ok(Model {
            cpus: "2",
            uart: "serial",
            gic: (0x3880_0000, 0x3880_0000),
            less: Less::Machine("512M"),
            places: &[0x4040_0000, 0x1_7000_0000],
        }),
        Board::Zcu102 => Ok(Model {
            cpus: "2",
            uart: "xuartps",
            gic: (0xf901_0000, 0xf901_0000),
            less: Less::Machine("512M"),
            places: &[0x40_0000, 0x7e00_0000, 0x8_7000_0000],
        }),
        Board::Versal => Ok(Model {
            cpus: "1",
            uart: "uart-pl011",
            gic: (0xf900_0000, 0xf900_0000),
            less: Less::Machine("512M"),
            places: &[0x40_0000, 0x7e00_0000],
        }),
        Board::Raspi4b => Ok(Model {
            cpus: "2",
            uart: "uart-pl011",
            gic: (0x4004_1000, 0xff84_1000),
            less: Less::Board("960M"),
            places: &[0x40_0000, 0x3000_0000],
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
        linux.machine.says("ticker", said).context("the neighbour")?;
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

fn machine(built: &Built, image: &Path) -> Result<Machine> {
    built.machine(image).context("the board is no machine of QEMU")
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
