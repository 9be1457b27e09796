//! All figures, from a handful of runs.

use super::boot::Boot;
use super::run::{Outcome, Row, Run, unique};
use crate::{Board, Context};
use anyhow::{Context as _, Result};
use bulkhead::size;
use bulkhead::system::Options;
use counter::{Report, Tally};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How long something takes, in counts of the timer, which are instructions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Time {
    /// On average.
    pub mean: f64,
    /// At most.
    pub max: f64,
}

/// What is known of an operation.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// On the bare machine, if it can be done there.
    pub native: Option<Time>,
    /// In a partition.
    pub bulkhead: Option<Time>,
    /// Instructions at EL2.
    pub el2: Option<f64>,
    /// Exits.
    pub exits: Option<f64>,
    /// How its times were distributed in the partition.
    pub spread: String,
}

/// Everything that was measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Where.
    pub board: Board,
    /// Operations by name; what was measured on another shape of the system is called `NAME@SHAPE`.
    pub figures: BTreeMap<String, Figure>,
    /// Instructions at EL2 of each phase of boot, in order.
    pub phases: Vec<(&'static str, u64)>,
    /// Bytes by name.
    pub sizes: BTreeMap<&'static str, u64>,
}

/// The phases of boot by their numbers in `hypervisor/src/mark.rs`.
const PHASES: [&str; 12] = [
    "entry",
    "plan",
    "maps",
    "interrupts",
    "publish",
    "start",
    "arrive",
    "copy",
    "hash",
    "clean",
    "enter",
    BOARD,
];
/// What depends on the firmware's device tree, which the budget of boot leaves out.
const BOARD: &str = "board";
/// Others that the budget of boot leaves out: they depend on the guest's image.
const OF_THE_IMAGE: [&str; 2] = ["copy", "hash"];

/// Measures everything, each row so many times, with the hypervisor in `hypervisor` or the ordinary one.
pub(crate) fn measure(context: &Context<'_>, samples: u32, hypervisor: Option<PathBuf>) -> Result<Measured> {
    let two = Run { hypervisor: hypervisor.clone(), ..Run::new(samples) };
    let native = undisturbed(|| two.natively(context)).context("on the bare machine")?;
    let direct = undisturbed(|| two.as_partition(context)).context("as a partition")?;
    let guarded = Run { interrupts: "guarded", ..two.clone() }.as_partition(context).context("guarded")?;
    let eight = Run { cpus: 8, ..two.clone() }.as_partition(context).context("on 8 CPUs")?;
    let crowded = Run { neighbours: 3, ..two.clone() }.as_partition(context).context("among 4 partitions")?;
    let sizes = sizes(context, hypervisor.clone())?;
    let mut measured = Measured { board: context.board, sizes, ..Measured::default() };
    for (name, row) in &direct.rows {
        measured.add(name, native.rows.get(name), row);
    }
    for (name, direct) in
        [("guarded_timer", "timer_busy"), ("guarded_timer_wfi", "timer_wfi"), ("guarded_spi", "spi_device")]
    {
        measured.add(name, native.rows.get(direct), guarded.rows.get(direct).context(direct)?);
    }
    for (shape, outcome) in [("8-cpus", &eight), ("4-partitions", &crowded)] {
        for (name, row) in outcome.rows.iter().filter(|(_, row)| row.exits > 0) {
            measured.figures.insert(format!("{name}@{shape}"), Figure::at_el2(row));
        }
    }
    measured.add_boot(context, &Run { cpus: 1, samples: 0, ..two })?;
    measured.add_boot_in_place(context, hypervisor)?;
    Ok(measured)
}

/// A run in which no wake-up came late by chance. When all CPUs sleep, QEMU moves its clock to the next deadline
/// from another thread, and now and then before the last instructions have been counted: then one of thousands
/// of wake-ups is late by these, on the bare machine as well. Nothing that EL2 does can hide in this, because
/// its instructions are counted by themselves.
pub(crate) fn undisturbed(run: impl Fn() -> Result<Outcome>) -> Result<Outcome> {
    const ATTEMPTS: u32 = 3;
    let is_disturbed = |outcome: &Outcome| {
        outcome.rows.get("timer_wfi").is_some_and(|row| row.sum != row.greatest * row.count)
    };
    for _ in 1..ATTEMPTS {
        let outcome = run()?;
        if !is_disturbed(&outcome) {
            return Ok(outcome);
        }
    }
    run()
}

impl Measured {
    fn add(&mut self, name: &str, native: Option<&Row>, row: &Row) {
        let (native, bulkhead) = (native.map(Time::of), Some(Time::of(row)));
        let figure = Figure { native, bulkhead, spread: row.spread.clone(), ..Figure::at_el2(row) };
        self.figures.insert(name.to_owned(), figure);
    }

    /// From power-on to the image's `main`, on one CPU, and what of that is EL2's.
    fn add_boot(&mut self, context: &Context<'_>, run: &Run) -> Result<()> {
        let native = run.natively(context).context("boot on the bare machine")?;
        let outcome = run.as_partition(context).context("boot as a partition")?;
        self.phases = phases(&outcome.report);
        let sum: u64 = self.phases.iter().map(|(_, el2)| el2).sum();
        let mut own = sum;
        for (name, el2) in self.phases.iter().filter(|(name, _)| OF_THE_IMAGE.contains(name)) {
            own -= el2;
            let each = float(*el2) / float(outcome.loaded.max(1));
            let figure = Figure { el2: Some(each), ..Figure::default() };
            self.figures.insert(format!("boot_{name}_byte"), figure);
        }
        if let Some((_, el2)) = self.phases.iter().find(|(name, _)| *name == BOARD) {
            own -= el2;
            let figure = Figure { el2: Some(float(*el2)), ..Figure::default() };
            self.figures.insert("boot_board".to_owned(), figure);
        }
        let time = |outcome: &Outcome| Some(Time { mean: float(outcome.begun), max: float(outcome.begun) });
        let boot = Figure {
            native: time(&native),
            bulkhead: time(&outcome),
            el2: Some(float(own)),
            exits: Some(0.0),
            spread: String::new(),
        };
        self.figures.insert("boot".to_owned(), boot);
        Ok(())
    }

    /// The same with the guest's image in place, whatever its size; its device tree is copied and hashed.
    fn add_boot_in_place(&mut self, context: &Context<'_>, hypervisor: Option<PathBuf>) -> Result<()> {
        for (name, bytes) in [("boot_in_place", 1 << 20), ("boot_in_place@64-mib", 64 << 20)] {
            let report = Boot::in_place(bytes).by(hypervisor.clone()).report(context).context(name)?;
            let own = phases(&report).iter().filter(|(name, _)| *name != BOARD).map(|(_, el2)| el2).sum();
            self.figures.insert(name.to_owned(), Figure { el2: Some(float(own)), ..Figure::default() });
        }
        Ok(())
    }
}

impl Figure {
    fn at_el2(row: &Row) -> Self {
        let each = |sum: u64| Some(float(sum) / float(row.count.max(1)));
        Self { el2: each(row.el2), exits: each(row.exits), ..Self::default() }
    }
}

impl Time {
    fn of(row: &Row) -> Self {
        Self { mean: float(row.sum) / float(row.count.max(1)), max: float(row.greatest) }
    }
}

/// Instructions at EL2 of all CPUs from entry to their guests' first instructions.
pub(crate) fn boot_total(report: &Report) -> u64 {
    let after_boot = |tally: &Tally| tally.exits.iter().map(|exits| exits.el2).sum::<u64>();
    report.stackless + report.cpus.iter().map(|cpu| cpu.el2 - after_boot(cpu)).sum::<u64>()
}

/// The same of a board with one CPU that is used, by phase; images are loaded piece by piece.
fn phases(report: &Report) -> Vec<(&'static str, u64)> {
    let begins = report.phases.iter().map(|phase| (usize::from(phase.number), phase.begins));
    let begins: Vec<(usize, u64)> = [(0, 0)].into_iter().chain(begins).collect();
    let ends = begins.iter().skip(1).map(|(_, begins)| *begins).chain([boot_total(report)]);
    let mut sums = PHASES.map(|name| (name, 0));
    for ((number, begins), ends) in begins.iter().zip(ends) {
        if let Some((_, sum)) = sums.get_mut(*number) {
            *sum += ends - begins;
        }
    }
    sums.to_vec()
}

fn sizes(context: &Context<'_>, hypervisor: Option<PathBuf>) -> Result<BTreeMap<&'static str, u64>> {
    let images = vec![context.images.clone()];
    let binary = Options { images, hypervisor: hypervisor.clone(), ..Options::default() }.hypervisor_path();
    let text = size::text(&binary).with_context(|| format!("{}: no code in it", binary.display()))?;
    let four =
        "[[partition]]\nname = \"four\"\nimage = \"hello.elf\"\ncpus = [0, 1, 2, 3]\nmemory = \"8M\"\n";
    let built = context.build(&context.made(&unique("bench-four"), four)?, hypervisor)?;
    Ok(BTreeMap::from([("text", text), ("el2_ram", built.size.el2_ram)]))
}

/// Counts are far below 2 to the 53.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2 to the 53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
