//! Partitions that fall in every way, and one that stops and restarts them.
//!
//! Each patient has a CPU more than fall: its herald, which tells the warden that the time has come.

use super::times;
use crate::{Context, Running, patience};
use anyhow::{Result, ensure};
use bulkhead_plan::limits;
use regex::bytes::Regex;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How interrupts reach the patients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupts {
    /// Without an exit.
    Direct,
    /// By way of EL2.
    Guarded,
}

/// Ways to fall after which any CPU can be woken; those that keep the host busy come first, so that they are
/// over first.
const WOKEN: [&str; 5] = ["loop", "wfe", "wfi", "sgi-off", "sgi-group0"];
/// Ways to fall after which nothing wakes a CPU whose interrupts are direct.
const LOST: [&str; 3] = ["pmr", "active", "igrpen"];

/// What makes a system of a name and a text.
type Made = fn(&Context<'_>, &str, &str) -> Result<PathBuf>;

pub(super) fn run(context: &Context<'_>, interrupts: Interrupts, cpus: usize) -> Result<()> {
    run_made(context, (interrupts, cpus), |context, name, text| context.made(name, text))
}

/// The same on what `made` makes.
pub(crate) fn run_made(
    context: &Context<'_>,
    (interrupts, cpus): (Interrupts, usize),
    made: Made,
) -> Result<()> {
    let all: Vec<&str> = WOKEN.iter().chain(&LOST).copied().collect();
    // The warden has a CPU, each patient a herald besides.
    let room = match context.board.has_gicv2() {
        false => limits::CPUS,
        true => limits::CPU_INTERFACES as usize,
    };
    for (part, falls) in all.chunks((room - 1) / (cpus + 1)).enumerate() {
        run_some(context, &Ward { interrupts, cpus, part, falls }, made)?;
    }
    Ok(())
}

/// Patients on one machine.
struct Ward<'a> {
    interrupts: Interrupts,
    cpus: usize,
    part: usize,
    falls: &'a [&'a str],
}

fn run_some(context: &Context<'_>, ward: &Ward<'_>, made: Made) -> Result<()> {
    let &Ward { interrupts, cpus, part, falls } = ward;
    let is_guarded = interrupts == Interrupts::Guarded;
    let is_stranded = |fall: &str| !is_guarded && LOST.contains(&fall);
    let name = format!("falls-{interrupts:?}-{cpus}-{part}").to_lowercase();
    let path = made(context, &name, &system(ward, times(context)))?;
    let mut machine = context.run(&name, &path)?;
    let long = Instant::now() + Duration::from_secs(60 + 30 * times(context) as u64);
    machine.expect("warden", &Regex::new(r"warden: done\r\n")?, long)?;
    let orders = String::from_utf8_lossy(machine.transcript("warden")).into_owned();
    ensure!(!orders.contains("WRONG"), "{orders}");
    for fall in falls {
        if is_stranded(fall) {
            let told = format!(
                r"(?m)^{fall}: stopping; its CPUs 0b{} \(by bit\) cannot be woken\r\n",
                "1".repeat(cpus)
            );
            let told = Regex::new(&told)?.find_iter(machine.transcript("bulkhead")).count();
            ensure!(told == 1, "{fall}: it was told {told} times that it cannot be woken");
            continue;
        }
        // The first life, the restarts, and the one that was started.
        let lives = times(context) + 2;
        ensure!(count(&machine, fall, "begins clean") == lives, "{fall}: a life was not clean");
        ensure!(count(&machine, fall, &format!("falls by {fall}")) == lives, "{fall}: a life was cut short");
    }
    if !falls.iter().any(|fall| is_stranded(fall)) {
        machine.says("bulkhead", r"every partition has stopped: off\r\n")?;
        ensure!(machine.wait(patience())?.success());
    }
    Ok(())
}

/// Stage 1 refuses the vectors by itself, so the CPU is at EL1 for ever and never asks stage 2: the limit of stopping
/// by taking memory away (docs/decisions/0006). Who controls it is told, and can go on with others; its neighbour
/// loses nothing.
pub(super) fn astray(context: &Context<'_>, interrupts: Interrupts) -> Result<()> {
    let name = format!("astray-{interrupts:?}").to_lowercase();
    let mode = format!("{interrupts:?}").to_lowercase();
    let mut machine = context.run(&name, &context.made(&name, &ASTRAY.replace("MODE", &mode))?)?;
    for fall in ["astray", "beyond"] {
        let stays = format!(r"warden: strand@{fall}: Stopping, restart 0, CPUs 0b1\r\n");
        machine.says("warden", &stays)?;
    }
    machine.says("warden", r"warden: done\r\n")?;
    let orders = String::from_utf8_lossy(machine.transcript("warden")).into_owned();
    ensure!(!orders.contains("WRONG"), "{orders}");
    machine.says("ticker", r"ticker: 6000 ticks, lost 0, late min")?;
    machine.says("ticker", r"ticker: pattern intact\r\n")?;
    let log = String::from_utf8_lossy(machine.transcript("bulkhead")).into_owned();
    for fall in ["astray", "beyond"] {
        let told =
            log.matches(&format!("{fall}: stopping; its CPUs 0b1 (by bit) cannot be woken\r\n")).count();
        ensure!(told == 1, "{fall}: it was told {told} times that it cannot be woken:\n{log}");
    }
    Ok(())
}

/// Two that go astray, one that falls and can be woken, and one that ticks.
const ASTRAY: &str = r#"
[qemu]
cpus = 8

[[partition]]
name = "warden"
image = "warden.elf"
bootargs = "orders=strand@astray:2,strand@beyond:2,restart@well:2*3,stop@well:2"
cpus = [0]
memory = "4M"
controls = ["astray", "beyond", "well"]

[[partition]]
name = "astray"
image = "patient.elf"
bootargs = "fall=astray"
cpus = [1, 2]
memory = "4M"
interrupts = "MODE"

[[partition]]
name = "beyond"
image = "patient.elf"
bootargs = "fall=beyond"
cpus = [3, 4]
memory = "4M"
interrupts = "MODE"

[[partition]]
name = "well"
image = "patient.elf"
bootargs = "fall=wfi"
cpus = [5, 6]
memory = "4M"

[[partition]]
name = "ticker"
image = "ticker.elf"
bootargs = "ticks=6000 period-us=1000"
cpus = [7]
memory = "4M"
"#;

/// The lines of `partition` that say this and no more.
fn count(machine: &Running<'_>, partition: &str, what: &str) -> usize {
    let text = String::from_utf8_lossy(machine.transcript(partition)).into_owned();
    text.lines().filter(|line| *line == format!("patient: {what}")).count()
}

fn system(ward: &Ward<'_>, restarts: usize) -> String {
    let &Ward { interrupts, cpus, falls, .. } = ward;
    let width = cpus + 1;
    let orders: Vec<String> = falls
        .iter()
        .map(|fall| match interrupts {
            Interrupts::Direct if LOST.contains(fall) => format!("strand@{fall}:{width}"),
            _ => format!(
                "restart@{fall}:{width}*{restarts},stop@{fall}:{width},start@{fall},stop@{fall}:{width}"
            ),
        })
        .collect();
    let patients = falls.iter().enumerate().map(|(place, fall)| {
        let first = 1 + place * width;
        let own: Vec<usize> = (first..first + width).collect();
        let device = if place == 0 { "devices = [\"/pl031@9010000\"]\n" } else { "" };
        let mode = format!("{interrupts:?}").to_lowercase();
        format!(
            "\n[[partition]]\nname = \"{fall}\"\nimage = \"patient.elf\"\nbootargs = \"fall={fall}\"\n\
             cpus = {own:?}\nmemory = \"4M\"\ninterrupts = \"{mode}\"\n{device}"
        )
    });
    let machine = 1 + falls.len() * width;
    assert!(machine <= limits::CPUS, "a board has no {machine} CPUs");
    format!(
        "[qemu]\ncpus = {machine}\n\n[[partition]]\nname = \"warden\"\nimage = \"warden.elf\"\n\
         bootargs = \"orders={}\"\ncpus = [0]\nmemory = \"4M\"\ncontrols = {falls:?}\n{}",
        orders.join(","),
        patients.collect::<String>(),
    )
}
