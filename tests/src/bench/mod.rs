//! What EL2 costs, counted in instructions, and the gate that keeps it from growing.

mod boot;
mod budget;
mod gate;
mod linux;
mod markdown;
mod measure;
mod run;
mod text;

use crate::counted::INSTRUCTION_TIME;
use crate::{Again, Board, Context, Need, Setting, Test, patience};
use anyhow::{Context as _, Result, anyhow, ensure};
use boot::Boot;
use regex::bytes::Regex;
use run::Run;
use std::time::Duration;

pub use gate::{Accepted, BASELINE, Baseline, Verdict};
pub use linux::{WORKLOADS, Workload, linux};
pub use markdown::markdown;
pub use measure::{Figure, Measured, Time};
pub use text::{complaints, document, is_wanted, table};

/// The tests of this group.
pub(crate) const TESTS: &[Test] = &[
    test("the counter and the hypervisor count the same exits", agreement).again(Again::Long),
    test("two runs are the same to the instruction", repetition).again(Again::Long),
    test("a neighbour's ticks cost no instruction at EL2", no_instruction_for_ticks).again(Again::Always),
    test("interrupts and memory cost what they cost on the bare machine, to the instruction", as_natively)
        .again(Again::Always),
    test("EL2 keeps to its budgets and does not grow", gate).again(Again::Always),
    test("boot is linear in partitions and in bytes of their images", linear),
    test("an image in place boots in the same count at 1 and 64 MiB", in_place),
    test("twenty instructions more on one path are noticed", notices),
    Test {
        needs: &[Need::Linux, Need::Workloads],
        ..test("Linux works as on the bare machine, but for its SGIs", linux::claims)
    },
];

/// How often each row is measured where that is not what a test is about.
const FEW: u32 = 100;
/// How often in full.
const MANY: u32 = 10_000;

/// How long billions of instructions may take that are counted one by one.
const PATIENCE: Duration = Duration::from_secs(600);

/// Rows in which EL2 has no part, whatever the interrupt controller is.
const UNTOUCHED: [&str; 9] = [
    "eoi",
    "storm",
    "first_touch",
    "walk_block",
    "walk_page",
    "copy_64k",
    "timer_busy",
    "timer_wfi",
    "spi_device",
];

/// One more: a register that a guest has directly and that is another one for each controller.
const fn direct_register(board: Board) -> &'static str {
    if board.has_gicv2() { "pmr_write" } else { "gicr_isenabler0_write" }
}

/// Measures everything on every board, each row ten thousand times.
pub fn measure(setting: &Setting) -> Result<Vec<Measured>> {
    let on = |board: Board| {
        let context = Context::new(setting, board);
        let measured = measure::measure(&context, MANY, None);
        let measured = measured.map_err(|error| anyhow!("{error:#}\n{}", context.into_heard()));
        measured.with_context(|| board.name())
    };
    Board::MEASURED.into_iter().map(on).collect()
}

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    Test { group: "bench", name, needs: &[], run, ..Test::PLAIN }
}

fn agreement(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("demo")?, None)?;
    let mut machine = context.count("agreement", &built, None, &INSTRUCTION_TIME)?;
    machine.wait(patience())?;
    let log = String::from_utf8_lossy(machine.transcript("bulkhead")).into_owned();
    let counts = machine.wait_for_counts()?;
    for partition in &built.partitions {
        let line = regex::Regex::new(&format!(r"(?m)^{partition}: off; (\d+) entries, "))?;
        let found = line.captures(&log).with_context(|| format!("{partition} has not ended"))?;
        let (entries, counted) = (found[1].parse::<u64>()?, counts.cpu(partition, 0)?.count());
        ensure!(counted == entries, "{partition}: {counted} exits, but {entries} entries");
    }
    Ok(())
}

/// Of the bench, whose windows are all that is compared: how long a line of the console is may depend on QEMU.
fn repetition(context: &Context<'_>) -> Result<()> {
    let run = Run::new(FEW);
    let (first, second) = (run.as_partition(context)?.report, run.as_partition(context)?.report);
    ensure!(first.windows.len() > 20, "{} windows", first.windows.len());
    ensure!(first.windows == second.windows, "the runs differ: {:?}, {:?}", first.windows, second.windows);
    ensure!(first.phases == second.phases, "boot differs: {:?}, {:?}", first.phases, second.phases);
    Ok(())
}

/// On CPUs that really run beside each other.
fn no_instruction_for_ticks(context: &Context<'_>) -> Result<()> {
    const TICKING: u16 = 1;
    let built = context.build(&context.shipped("demo")?, None)?;
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

fn as_natively(context: &Context<'_>) -> Result<()> {
    let run = Run::new(if context.long { MANY } else { 10 * FEW });
    let native = measure::undisturbed(|| run.natively(context))?;
    let partition = measure::undisturbed(|| run.as_partition(context))?;
    for name in UNTOUCHED.into_iter().chain([direct_register(context.board)]) {
        let [there, here] = [&native, &partition].map(|outcome| outcome.rows.get(name));
        let (there, here) = (there.context(name)?, here.context(name)?);
        let same = (there.count, there.sum, there.greatest) == (here.count, here.sum, here.greatest);
        // One late wake-up in a thousand is QEMU's own, see `undisturbed`.
        let nearly = name == "timer_wfi"
            && there.usual().0 == here.usual().0
            && here.usual().1 * 100 >= here.count * 99;
        ensure!(same || nearly, "{name}: natively {there:?}, in a partition {here:?}");
        ensure!((here.el2, here.exits) == (0, 0), "{name}: EL2 has a part in it: {here:?}");
        ensure!(here.count > 0, "{name}: nothing was measured");
    }
    Ok(())
}

fn gate(context: &Context<'_>) -> Result<()> {
    let measured = measure::measure(context, if context.long { MANY } else { FEW }, None)?;
    let verdict = Baseline::read(&context.root)?.on(context.board).judge(&measured);
    for unmet in &verdict.unmet {
        println!("  NOT MET  {unmet}");
    }
    ensure!(verdict.faults.is_empty(), "{}", verdict.faults.join("\n"));
    Ok(())
}

fn linear(context: &Context<'_>) -> Result<()> {
    let most = if context.long { 8 } else { 3 };
    let totals = (1..=most).map(|count| Boot::of(count, 0).total(context)).collect::<Result<Vec<_>>>()?;
    let more: Vec<u64> = totals.windows(2).map(|pair| pair[1] - pair[0]).collect();
    println!("           boot of 1 to {most} partitions: {totals:?} instructions at EL2");
    ensure!(more.iter().all(|each| is_near(*each, more[0])), "each further partition: {more:?}");
    let megabytes = if context.long { [1, 2, 64] } else { [1, 2, 8] };
    let totals = megabytes
        .map(|size| Boot::of(1, size << 20).total(context))
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let &[one, two, many] = totals.as_slice() else { unreachable!("three sizes") };
    let (first, rest) = (two - one, (many - two) / (megabytes[2] - 2));
    println!(
        "           a further MiB of image: {first} instructions at EL2, on average up to {} MiB {rest}",
        megabytes[2]
    );
    ensure!(one > 0 && is_near(first, rest), "a MiB: {first}, on average {rest}");
    Ok(())
}

/// To the instruction: nothing at EL2 depends on how large what lies in place is.
fn in_place(context: &Context<'_>) -> Result<()> {
    let boot = |megabytes: u64| Boot::in_place(megabytes << 20).report(context);
    let [small, large] = [boot(1)?, boot(64)?];
    ensure!(
        small.phases.len() > 10 && small.phases == large.phases,
        "{:?}, {:?}",
        small.phases,
        large.phases
    );
    let [small, large] = [&small, &large].map(measure::boot_total);
    context.note(format!("1 MiB and 64 MiB in place boot in {small} and {large} instructions at EL2"));
    ensure!(small == large, "{small} instructions with 1 MiB in place, {large} with 64");
    Ok(())
}

/// Within 2 %.
fn is_near(count: u64, other: u64) -> bool {
    count.abs_diff(other) * 50 <= other
}

/// Against what is measured here and now, so that it says something even where the baseline does not hold.
fn notices(context: &Context<'_>) -> Result<()> {
    let now = measure::measure(context, FEW, None)?;
    let baseline = Accepted::default().accept(&now, "as it is");
    ensure!(baseline.judge(&now).faults.is_empty(), "the gate refuses what it has just accepted");
    let slower = measure::measure(context, FEW, Some(context.hypervisor_with("slower")?))?;
    let faults = baseline.judge(&slower).faults;
    for call in ["hvc_null", "psci_version"] {
        ensure!(faults.iter().any(|fault| fault.starts_with(&format!("{call}: "))), "{call}: {faults:?}");
    }
    // The compiler may arrange other exits anew, but not what has none.
    let untouched = |fault: &&String| UNTOUCHED.iter().any(|name| fault.starts_with(&format!("{name}: ")));
    ensure!(!faults.iter().any(|fault| untouched(&fault)), "{faults:?}");
    Ok(())
}
