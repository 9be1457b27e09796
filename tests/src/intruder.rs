//! The intruder: a partition that attacks, beside one that watches.
//!
//! The intruder says how each of its attacks has ended; the witness says at every beat that it has missed
//! nothing; and from outside the machine's memory is read: what EL2 executes and what it was told to do are the
//! same at the end as in the image.

mod beats;
mod families;
mod memory;
mod stage;

use crate::counts::Counts;
use crate::{Company, Context, Need, Test};
use anyhow::{Context as _, Result, ensure};
use beats::Ending;
use regex::bytes::Regex;
use stage::{Interrupts, Stage};
use std::time::{Duration, Instant};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("on 2 CPUs a direct intruder reaches nothing", |context| run(context, 2, Interrupts::Direct)),
    test("on 2 CPUs a guarded intruder reaches nothing", |context| run(context, 2, Interrupts::Guarded)),
    test("on 4 CPUs a direct intruder reaches nothing", |context| run(context, 4, Interrupts::Direct)),
    test("on 4 CPUs a guarded intruder reaches nothing", |context| run(context, 4, Interrupts::Guarded)),
    test("on 8 CPUs an intruder reaches nothing (long runs only)", eight),
    test("on CPUs with every extension an intruder reaches nothing", extended),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[];
    Test { group: "intruder", name, needs: NEEDS, company: Company::Welcome, run }
}

/// Seeds of a long run.
const SEEDS: u64 = 10;
/// How long the attacks may take: ten times what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(600);

fn run(context: &Context<'_>, cpus: u64, interrupts: Interrupts) -> Result<()> {
    for seed in 1..=if context.long { SEEDS } else { 1 } {
        attack(context, &Stage { cpus, interrupts, seed, cpu: "cortex-a72" })?;
    }
    Ok(())
}

fn eight(context: &Context<'_>) -> Result<()> {
    if context.long {
        run(context, 8, Interrupts::Direct)?;
        run(context, 8, Interrupts::Guarded)?;
    }
    Ok(())
}

fn extended(context: &Context<'_>) -> Result<()> {
    let models: &[&str] = if context.long {
        &["max", "neoverse-n2", "neoverse-v1", "cortex-a710", "cortex-a53"]
    } else {
        &["max"]
    };
    for cpu in models {
        attack(context, &Stage { cpus: 4, interrupts: Interrupts::Direct, seed: 1, cpu })?;
    }
    Ok(())
}

fn attack(context: &Context<'_>, stage: &Stage) -> Result<()> {
    observe(context, stage).with_context(|| format!("to be had again by {stage}"))
}

fn observe(context: &Context<'_>, stage: &Stage) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let built = stage.build(context)?;
    let mut machine = stage.boot(context, &built)?;
    let constant = memory::Constant::of(context, &built)?;
    machine.expect("witness", &Regex::new(r"beat 1 of ")?, deadline)?;
    constant.look(&machine.monitor).context("before the attacks")?;
    machine.expect("intruder", &Regex::new(r"(?m)^done\r\n")?, deadline)?;
    let counts = Counts::wait_for(&mut machine, "intruder")?;
    ensure!(counts.of("interrupt") == 0, "an interrupt came to EL2: {counts:?}");
    beats::wait_for_more(&mut machine, deadline)?;
    constant.look(&machine.monitor).context("after the attacks")?;
    let ending = if stage.interrupts == Interrupts::Direct { Ending::Possible } else { Ending::Impossible };
    beats::check(machine.transcript("witness"), ending)?;
    let log = String::from_utf8_lossy(machine.transcript("bulkhead")).into_owned();
    ensure!(!log.contains("stopped: ") && !log.contains("panic"), "EL2 has failed:\n{log}");
    families::check(machine.transcript("intruder"))?;
    for line in families::lines(machine.transcript("intruder"))? {
        context.note(format!("{stage}: {line}"));
    }
    Ok(())
}
