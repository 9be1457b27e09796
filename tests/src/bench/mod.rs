//! What EL2 costs, counted in instructions, and the gate that keeps it from growing.

use crate::counted::INSTRUCTION_TIME;
use crate::{Company, Context, Test, patience};
use anyhow::{Context as _, Result, ensure};
use regex::bytes::Regex;

/// The tests of this group.
pub(crate) const TESTS: &[Test] = &[
    test("the counter and the hypervisor agree, and two runs are the same to the instruction", agreement),
    test("a neighbour's ticks cost no instruction at EL2", no_instruction_for_ticks),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    Test { group: "bench", name, needs: &[], company: Company::Welcome, run }
}

fn agreement(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("qemu-virt/demo"), None)?;
    let run = || {
        let mut machine = context.count("agreement", &built, None, &INSTRUCTION_TIME)?;
        machine.wait(patience())?;
        let log = String::from_utf8_lossy(machine.transcript("bulkhead")).into_owned();
        let counts = machine.wait_for_counts()?;
        for partition in &built.partitions {
            let line = regex::Regex::new(&format!(r"(?m)^{partition}: off; (\d+) entries, "))?;
            let entries: u64 =
                line.captures(&log).with_context(|| format!("{partition} has not ended"))?[1].parse()?;
            let counted: u64 = counts.cpu(partition, 0)?.count();
            ensure!(counted == entries, "{partition}: {counted} exits, but {entries} entries");
        }
        Ok(counts.report)
    };
    let (first, second) = (run()?, run()?);
    ensure!(first == second, "the two runs differ: {first:?}, {second:?}");
    Ok(())
}

/// On CPUs that really run beside each other.
fn no_instruction_for_ticks(context: &Context<'_>) -> Result<()> {
    const TICKING: u16 = 1;
    let built = context.build(&context.shipped("qemu-virt/demo"), None)?;
    let mut machine = context.count("ticks", &built, None, &[])?;
    let ticks = Regex::new(r"ticker: (\d+) ticks, lost 0, late min")?;
    machine.expect("ticker", &ticks, patience()).context("the ticker")?;
    let counts = machine.end_and_count()?;
    let window = counts.window(TICKING)?;
    ensure!(window.times == 4 && window.el2() > 0, "the neighbours were to be at EL2 meanwhile: {window:?}");
    let ticker = counts.cpu_in_window(TICKING, "ticker", 0)?;
    ensure!(ticker.el2 == 0 && ticker.exits.is_empty(), "{ticker:?}");
    Ok(())
}
