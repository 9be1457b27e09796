//! Registers across exits: EL2 changes those that its answer is in, and no other.
//!
//! `partitions/keeper` looks: every kind of instruction that EL2 answers, with every register as its operand. The
//! vectors have several ways through them, and each saves only what it must.

use crate::counts::Counts;
use crate::{Context, Need, Test, patience};
use anyhow::{Result, ensure};
use regex::bytes::Regex;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("an exit changes no register but those of its answer", |context| survive(context, "direct")),
    test("nor does one of a guarded partition", |context| survive(context, "guarded")),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[];
    Test { group: "registers", name, needs: NEEDS, run, ..Test::PLAIN }
}

/// Each of 70 instructions with each of 32 operands, run and stepped.
const CHECKS: usize = 70 * 32 * 2;
/// Why EL2 is entered, each for at least one instruction of the table.
const REASONS: [&str; 9] =
    ["call", "sgi", "interface", "distributor", "redistributor", "uart", "sysreg", "undefined", "abort"];

fn survive(context: &Context<'_>, interrupts: &str) -> Result<()> {
    let end = Regex::new(r"keeper: \d+ checks, \d+ failed\r\n")?;
    let right = format!("keeper: {CHECKS} checks, 0 failed\r\n");
    for cpu in ["cortex-a72", "max"] {
        let name = format!("registers-{interrupts}-{cpu}");
        let built = context.build(&context.made(&name, &system(interrupts))?, None)?;
        let mut machine = context.boot_with(&name, &built, &["-cpu", cpu])?;
        machine.expect("keeper", &end, patience())?;
        let said = String::from_utf8_lossy(machine.transcript("keeper")).into_owned();
        ensure!(said.ends_with(&right), "{cpu}: {said}");
        let counts = Counts::wait_for(&mut machine, "keeper")?;
        let waits = ["wait"].into_iter().filter(|_| interrupts == "guarded");
        for reason in REASONS.into_iter().chain(waits) {
            ensure!(counts.of(reason) > 0, "{cpu}: no exit had the reason `{reason}`: {counts:?}");
        }
    }
    Ok(())
}

fn system(interrupts: &str) -> String {
    format!(
        r#"
[[partition]]
name = "keeper"
image = "keeper.elf"
cpus = [1, 3]
memory = "4M"
interrupts = "{interrupts}"
devices = ["/pl061@9030000"]
"#
    )
}
