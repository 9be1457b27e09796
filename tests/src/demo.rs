//! The demonstration: three bare-metal partitions, one of which reaches for what is not its own.

use crate::counts::Counts;
use crate::refusal::is_refused;
use crate::{Again, Context, Need, Running, Test, patience};
use anyhow::{Context as _, Result, ensure};
use regex::bytes::Regex;
use std::time::{Duration, Instant};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("three partitions run beside each other and the machine ends by itself", three_partitions)
        .again(Again::Always),
    test("a trespasser reaches nothing of its neighbours or of the hypervisor", containment)
        .again(Again::Long),
    test("without stage 2 the test for trespassers fails", without_stage2),
    test("two CPUs of a partition start, signal each other and stop", two_cpus).again(Again::Always),
    test("CPU_SUSPEND sleeps until an interrupt comes", suspend).again(Again::Always),
    test("SYSTEM_RESET begins the partition anew from its image", reset).again(Again::Long),
    test("an image refuses to run on another board", another_board),
    test("a bug in the hypervisor stops the board and says why", broken),
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[];
    Test { group: "demo", name, needs: NEEDS, run, ..Test::PLAIN }
}

fn three_partitions(context: &Context<'_>) -> Result<()> {
    let mut machine = context.run("demo", &context.shipped("demo")?)?;
    machine.says("hello", r"hello: interrupt 280 of the UART came, 1 in all\r\n")?;
    machine.says("hello", r"hello: done\r\n")?;
    machine.says("ticker", r"ticker: (\d+) ticks, lost 0, late min")?;
    machine.says("ticker", r"ticker: pattern intact\r\n")?;
    for counts in Counts::of_all(&mut machine, ["hello", "trespasser", "ticker"])? {
        ensure!(counts.of("interrupt") == 0, "an interrupt came to EL2: {counts:?}");
    }
    let status = machine.wait(patience())?;
    ensure!(status.success(), "QEMU: {status}");
    Ok(())
}

fn containment(context: &Context<'_>) -> Result<()> {
    let mut machine = context.run("containment", &context.shipped("demo")?)?;
    is_contained(&mut machine, patience())
}

/// What the test for trespassers asks of a machine.
fn is_contained(machine: &mut Running<'_>, deadline: Instant) -> Result<()> {
    let summary = Regex::new(r"trespasser: (\d+) probes, (\d+) aborted, (\d+) succeeded([^\r\n]*)\r\n")?;
    let found = machine.expect("trespasser", &summary, deadline)?;
    let [probes, aborted, succeeded, rest] =
        found.extract::<4>().1.map(|text| String::from_utf8_lossy(text).into_owned());
    ensure!(succeeded == "0" && rest.is_empty(), "{succeeded} of {probes} probes succeeded{rest}");
    ensure!(probes == aborted && probes.parse::<u64>()? > 1000, "{aborted} of {probes} probes were aborted");
    let by_name = Regex::new(r"trespasser: (read|write|jump) 0x[0-9a-f]+: external abort\r\n")?;
    let named = by_name.find_iter(machine.transcript("trespasser")).count();
    ensure!(named == 9, "{named} of 9 probes of two neighbours and the hypervisor ended in an abort");
    let intact = Regex::new(r"ticker: pattern intact\r\n")?;
    machine.expect("ticker", &intact, deadline).context("the neighbour's memory")?;
    Ok(())
}

fn without_stage2(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("demo")?, Some(context.hypervisor_with("without-stage2")?))?;
    let mut machine = context.boot("without-stage2", &built)?;
    let verdict = is_contained(&mut machine, Instant::now() + Duration::from_secs(15));
    ensure!(verdict.is_err(), "the test for trespassers passes without stage 2");
    // Its console is the hypervisor's own UART now: nobody puts a label on its lines.
    let reached = Regex::new(r"read 0x[0-9a-f]+: SUCCEEDED")?;
    ensure!(
        reached.is_match(machine.transcript("firmware")),
        "the trespasser has reached nothing, yet the test fails"
    );
    Ok(())
}

fn two_cpus(context: &Context<'_>) -> Result<()> {
    let mut machine = context.run("two-cpus", &context.made("two-cpus", &one("hello.elf", "", "[3, 1]"))?)?;
    machine.says("guest", r"CPU 0 at EL1, MPIDR 0x80000000\r\n")?;
    machine.says("guest", r"CPU 1 at EL1, MPIDR 0x80000001\r\n")?;
    machine.says("guest", r"CPU 1 is off\r\n")?;
    let counts = Counts::wait_for(&mut machine, "guest")?;
    ensure!(counts.of("sgi") == 1, "one SGI was sent: {counts:?}");
    Ok(())
}

fn suspend(context: &Context<'_>) -> Result<()> {
    let system = one("ticker.elf", "ticks=200 period-us=1000 idle=psci", "[0]");
    let mut machine = context.run("suspend", &context.made("suspend", &system)?)?;
    machine.says("guest", r"ticker: 200 ticks, lost 0, late min")?;
    let counts = Counts::wait_for(&mut machine, "guest")?;
    // About one call for each tick; one that returned at once would be made many thousand times.
    ensure!((50..2000).contains(&counts.of("call")), "{counts:?}");
    Ok(())
}

fn reset(context: &Context<'_>) -> Result<()> {
    let system = one("hello.elf", "end=reset", "[0]");
    let mut machine = context.run("reset", &context.made("reset", &system)?)?;
    for restart in 1..=3 {
        machine.says("guest", r"hello: done\r\n")?;
        machine.says("bulkhead", r"guest: reset; \d+ entries, (\d+) exits = ")?;
        machine.says("bulkhead", &format!(r"guest: begins again, restart {restart}\r\n"))?;
    }
    Ok(())
}

fn another_board(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("demo")?, None)?;
    let refusals = [
        ("-smp", "2", r"not booted: wrong board: the plan has CPU 0x2, the board has not\r\n"),
        (
            "-m",
            "32M",
            r"not booted: wrong board: the plan has RAM at 0x4[0-9a-f]+\.\.=0x4[0-9a-f]+, the board has not\r\n",
        ),
    ];
    for (option, value, line) in refusals {
        let mut machine = context.boot_with("another-board", &built, &[option, value])?;
        is_refused(&mut machine, line).with_context(|| format!("{option} {value}"))?;
    }
    Ok(())
}

/// A system of one partition, called `guest`.
fn one(image: &str, bootargs: &str, cpus: &str) -> String {
    format!(
        "[[partition]]\nname = \"guest\"\nimage = \"{image}\"\nbootargs = \"{bootargs}\"\ncpus = {cpus}\nmemory = \"16M\"\n"
    )
}

fn broken(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.shipped("demo")?, Some(context.hypervisor_with("broken")?))?;
    let mut machine = context.boot("broken", &built)?;
    machine.says(
        "bulkhead",
        r"stopped: exception 4 in the hypervisor: ESR 0x96[0-9a-f]+, ELR 0x8000[0-9a-f]+, FAR 0x1000\r\n",
    )?;
    let status = machine.wait(patience())?;
    ensure!(status.success(), "QEMU: {status}");
    Ok(())
}
