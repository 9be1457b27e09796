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
use crate::{Again, Board, Context, Need, Test};
use anyhow::{Context as _, Result, ensure};
use beats::Ending;
use regex::bytes::Regex;
use stage::{Interrupts, Stage};
use std::time::{Duration, Instant};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("an intruder whose interrupts are direct harms only itself", |context| {
        run(context, Interrupts::Direct)
    })
    .again(Again::Always),
    test("an intruder whose interrupts are guarded harms only itself", |context| {
        run(context, Interrupts::Guarded)
    })
    .again(Again::Always),
    test("an intruder on CPUs with every extension harms only itself", extended).again(Again::Long),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[];
    Test { group: "intruder", name, needs: NEEDS, run, ..Test::PLAIN }
}

/// Seeds of a long run, unless `BULKHEAD_SEED` says which one.
const SEEDS: u64 = 10;
/// How long the attacks may take: ten times what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(240);

fn run(context: &Context<'_>, interrupts: Interrupts) -> Result<()> {
    let (sizes, seeds): (&[u64], _) = match context.board {
        _ if context.long => (&[2, 4, 8], 1..=SEEDS),
        Board::VirtGicv2 => (&[2], 1..=1),
        _ => (&[2, 4], 1..=1),
    };
    let seeds =
        std::env::var("BULKHEAD_SEED").map_or(Ok(seeds), |seed| seed.parse().map(|seed| seed..=seed))?;
    for cpus in sizes {
        for seed in seeds.clone() {
            attack(context, &Stage { cpus: *cpus, interrupts, seed, cpu: "cortex-a72" })?;
        }
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
        attack(context, &Stage { cpus: 4, interrupts: Interrupts::Guarded, seed: 1, cpu })?;
    }
    Ok(())
}

fn attack(context: &Context<'_>, stage: &Stage) -> Result<()> {
    observe(context, stage).with_context(|| format!("to be had again by {stage}"))
}

fn observe(context: &Context<'_>, stage: &Stage) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let built = stage.build(context)?;
    let (mut machine, mut monitor) = context.boot_watched(&stage.name(), &built, &["-nic", "none"])?;
    let constant = memory::Constant::of(context, &built)?;
    machine.expect("witness", &Regex::new(r"beat 1 of ")?, deadline)?;
    constant.look(&mut monitor).context("before the attacks")?;
    machine.expect("intruder", &Regex::new(r"(?m)^done\r\n")?, deadline)?;
    let counts = Counts::wait_for(&mut machine, "intruder")?;
    ensure!(counts.of("interrupt") == 0, "an interrupt came to EL2: {counts:?}");
    every_exit_was_answered(machine.transcript("bulkhead"))?;
    beats::wait_for_more(&mut machine, deadline)?;
    constant.look(&mut monitor).context("after the attacks")?;
    let ending = if stage.interrupts == Interrupts::Direct { Ending::Possible } else { Ending::Impossible };
    let ended = beats::check(machine.transcript("witness"), ending)?;
    let log = String::from_utf8_lossy(machine.transcript("bulkhead")).into_owned();
    ensure!(!log.contains("stopped: ") && !log.contains("panic"), "EL2 has failed:\n{log}");
    families::check(machine.transcript("intruder"))?;
    let (sum, lines) = families::lines(machine.transcript("intruder"))?;
    context.note(format!("{sum}: {stage}"));
    lines.into_iter().for_each(|line| context.note(line));
    if ending == Ending::Possible {
        context.note(format!("  the known limit of direct interrupts: {ended} of the witness's ended"));
    }
    Ok(())
}

/// In each life of the intruder there are as many exits, each for a reason, as entries.
fn every_exit_was_answered(log: &[u8]) -> Result<()> {
    let line = Regex::new(r"(?m)^intruder: [^;\r\n]+; (\d+) entries, (\d+) exits")?;
    let lives: Vec<[&[u8]; 2]> = line.captures_iter(log).map(|life| life.extract().1).collect();
    ensure!(!lives.is_empty(), "no life of the intruder has ended");
    for [entries, exits] in lives {
        let [entries, exits] = [entries, exits].map(String::from_utf8_lossy);
        ensure!(entries == exits, "{entries} entries, {exits} exits");
    }
    Ok(())
}
