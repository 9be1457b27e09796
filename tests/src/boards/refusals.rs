//! What is refused on these boards: another one, less of it, memory that the firmware keeps, another level.

use super::{Model, find, machine, model};
use crate::loader::at_el3;
use crate::refusal::{self, is_refused_and_stays_on};
use crate::systems::{SMALL, edit_board};
use crate::{Board, Context, Running};
use anyhow::{Context as _, Result, ensure};
use bulkhead::system::Built;
use bulkhead_plan::RegionKind;
use std::ffi::OsString;

/// How a machine has less memory than a plan says.
pub(super) enum Less {
    /// By the option `-m`.
    Machine(&'static str),
    /// QEMU's has always as much, and the board's file says more than this.
    Board(&'static str),
}

/// Every board that is not the plan's.
pub(super) fn of_boards(context: &Context<'_>) -> Result<()> {
    let Model { gic: (base, physical), less, .. } = model(context.board)?;
    let built = context.build(&context.made("refused", &system("512M"))?, None)?;
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
            format!("wrong board: the plan has its GIC at {physical:#x}[^\r\n]*, the board has not"),
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
        is_refused(context, &mut machine, &format!("not booted: {line}\r\n")).context(name)?;
    }
    let other = context.images.join("boards").join(match context.board {
        Board::Imx8mp => "zynqmp-zcu102-rev1.0.dtb",
        _ => "imx8mp-evk.dtb",
    });
    let mut machine = with_tree(context, "another-board", (&built, &std::fs::read(other)?))?;
    is_refused(context, &mut machine, "not booted: wrong board: [^\r\n]*\r\n").context("another board")?;
    let mut machine = match less {
        Less::Machine(memory) => context.boot_with("less-ram", &built, &["-m", memory])?,
        Less::Board(memory) => {
            let path = context.made("less-ram", &system("1G"))?;
            edit_board(&path, &format!("size = \"{memory}\""), "size = \"3G\"")?;
            context.run("less-ram", &path)?
        }
    };
    is_refused(context, &mut machine, "not booted: wrong board: the plan has RAM at [^\r\n]*\r\n")
        .context("less RAM")
}

/// Levels below and above the one that is needed.
pub(super) fn of_levels(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.made("levels", SMALL)?, None)?;
    let mut el1 = context.boot_with("levels", &built, &["-machine", "virtualization=off"])?;
    is_refused_and_stays_on(&mut el1, "not booted: entered at EL1, and EL2 is needed: [^\r\n]*\r\n")?;
    let mut el3 = at_el3(context, "levels", &built)?;
    is_refused_and_stays_on(&mut el3, "not booted: entered at EL3, and EL2 is needed: [^\r\n]*\r\n")
}

/// The board is off after a refusal, if there is somebody who can turn it off.
fn is_refused(context: &Context<'_>, machine: &mut Running<'_>, line: &str) -> Result<()> {
    let refused =
        if context.board.can_be_turned_off() { refusal::is_refused } else { is_refused_and_stays_on };
    refused(machine, line)
}

/// The second CPU, and so much memory.
fn system(memory: &str) -> String {
    SMALL.replace("[0]", "[1]").replace("4M", memory)
}

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
