//! Random cases at every border that hostile input crosses: no machine, but many of them.
//!
//! The seed is new for each run, unless `BULKHEAD_SEED` says which, and printed: a finding can be had again.

use crate::{Context, Test};
use anyhow::{Context as _, Result, anyhow};
use fuzz_tests::{TARGETS, Target, run};
use std::time::{SystemTime, UNIX_EPOCH};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("plans of any bytes are refused or sound", |context| fuzz(context, "plan")),
    test("exits of any syndrome are answered within the partition", |context| fuzz(context, "exit")),
    test("no accesses to the distributor change or show a foreign interrupt", |context| {
        fuzz(context, "distributor")
    }),
    test("nor do they on a GICv2, nor reach a foreign CPU", |context| fuzz(context, "gicv2")),
    test("no calls, orders and faults lose a CPU or a partition", |context| fuzz(context, "power")),
    test("function calls are answered by whom they belong to", |context| fuzz(context, "call")),
    test("what speakers say on one console can be taken apart", |context| fuzz(context, "console")),
    test("the virtual UART transmits what it is given", |context| fuzz(context, "uart")),
    test("any device tree of the firmware is compared or refused", |context| fuzz(context, "tree")),
];

/// The seed of this run.
pub(crate) fn seed() -> Result<u64> {
    match std::env::var("BULKHEAD_SEED") {
        Ok(seed) => seed.parse().with_context(|| format!("BULKHEAD_SEED={seed} is no number")),
        Err(_) => Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()),
    }
}

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    Test { group: "fuzz", name, needs: &[], run, ..Test::PLAIN }
}

fn fuzz(context: &Context<'_>, name: &str) -> Result<()> {
    let target: &Target = TARGETS.iter().find(|target| target.name == name).context("no such target")?;
    let cases = if context.long { 10_000_000 } else { 100_000 };
    let seed = seed()?;
    let outcome = run(target, cases, seed);
    let report = outcome.map_err(|finding| anyhow!("{name}, seed {seed}: {finding}"))?;
    println!("           {name}: {} cases of seed {seed}, {} kept ones", report.cases, report.kept);
    Ok(())
}
