//! Registers across exits: EL2 changes those that its answer is in, and no other.
//!
//! `partitions/keeper` looks: every kind of instruction that EL2 answers, with every register as its operand. The
//! vectors have several ways through them, and each saves only what it must.

use crate::counts::Counts;
use crate::{Again, Board, Context, Need, Test, patience};
use anyhow::{Result, ensure};
use regex::bytes::Regex;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("an exit changes no register but those of its answer", |context| survive(context, "direct"))
        .again(Again::Always),
    test("nor does one of a guarded partition", |context| survive(context, "guarded")).again(Again::Always),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[];
    Test { group: "registers", name, needs: NEEDS, run, ..Test::PLAIN }
}

/// Each instruction of the table that the board has, with each of 32 operands, run and stepped.
const fn checks(board: Board) -> usize {
    let instructions = if board.has_gicv2() { 51 + 37 } else { 51 + 22 };
    instructions * 32 * 2
}

/// Why EL2 is entered, each for at least one of these instructions.
fn reasons(board: Board, interrupts: &str) -> impl Iterator<Item = &'static str> {
    let any = ["call", "sgi", "interface", "distributor", "uart", "sysreg", "undefined", "abort"];
    let others: &[_] = match (board.has_gicv2(), interrupts) {
        (false, "direct") => &["redistributor"],
        (false, _) => &["redistributor", "wait"],
        (true, "direct") => &["interrupt"],
        (true, _) => &["wait"],
    };
    any.into_iter().chain(others.iter().copied())
}

fn survive(context: &Context<'_>, interrupts: &str) -> Result<()> {
    let end = Regex::new(r"keeper: \d+ checks, \d+ failed\r\n")?;
    let right = format!("keeper: {} checks, 0 failed\r\n", checks(context.board));
    for cpu in ["cortex-a72", "max"] {
        let name = format!("registers-{interrupts}-{cpu}");
        let built = context.build(&context.made(&name, &system(interrupts))?, None)?;
        let mut machine = context.boot_with(&name, &built, &["-cpu", cpu])?;
        machine.expect("keeper", &end, patience())?;
        let said = String::from_utf8_lossy(machine.transcript("keeper")).into_owned();
        ensure!(said.ends_with(&right), "{cpu}: {said}");
        let counts = Counts::wait_for(&mut machine, "keeper")?;
        for reason in reasons(context.board, interrupts) {
            ensure!(counts.of(reason) > 0, "{cpu}: no exit had the reason `{reason}`: {counts:?}");
        }
    }
    Ok(())
}

/// Of a GICv2 the zero register names CPU 0, which is not the first of this partition's.
fn system(interrupts: &str) -> String {
    format!(
        r#"
[[partition]]
name = "keeper"
image = "keeper.elf"
cpus = [3, 0]
memory = "4M"
interrupts = "{interrupts}"
devices = ["/pl061@9030000"]
"#
    )
}
