//! Any firmware that a person has, Trusted Firmware with U-Boot above all, starts the image from a card.
//!
//! There is none to fetch that has EL3, so these run with `--firmware PATH`, and say that they were not run without. With
//! a secure world `virt` has one UART for everybody else, which is the hypervisor's, or is handed over to Linux.

use crate::counts::Counts;
use crate::journal::{HANDED_OVER, KEPT, log_until};
use crate::linux::Linux;
use crate::qmp::Place;
use crate::systems::edit_board;
use crate::{Context, Need, Running, Test};
use anyhow::{Context as _, Result, ensure};
use bulkhead::launch::launch;
use regex::bytes::Regex;
use std::path::Path;
use std::time::{Duration, Instant};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("the demo runs from a given firmware", &[Need::Firmware], demo),
    test(
        "Linux on two CPUs works and powers off beside a ticker, from a given firmware",
        &[Need::Firmware, Need::Linux],
        linux,
    ),
    test(
        "Linux gets the only UART once all have begun, from a given firmware",
        &[Need::Firmware, Need::Linux],
        only_uart,
    ),
];

const fn test(name: &'static str, needs: &'static [Need], run: fn(&Context<'_>) -> Result<()>) -> Test {
    Test { group: "firmware", name, needs, run, ..Test::PLAIN }
}

/// Longer than for other machines: who knows what a firmware tries first.
const PATIENCE: Duration = Duration::from_secs(180);

fn demo(context: &Context<'_>) -> Result<()> {
    let mut machine = start(context, "firmware-demo", &context.shipped("demo")?)?;
    expect(&mut machine, "hello", r"hello: done\r\n")?;
    expect(&mut machine, "trespasser", r"trespasser: (\d+) probes, \d+ aborted, 0 succeeded\r\n")?;
    expect(&mut machine, "ticker", r"ticker: pattern intact\r\n")?;
    expect(&mut machine, "bulkhead", r"every partition has stopped: off\r\n")
}

fn linux(context: &Context<'_>) -> Result<()> {
    let mut machine = start(context, "firmware-linux", &context.made("firmware-linux", SYSTEM)?)?;
    expect(&mut machine, "linux", r"linux: ready, 2 CPUs\r\n")?;
    expect(&mut machine, "linux", r"worked on 0\r\n")?;
    expect(&mut machine, "linux", r"worked on 1\r\n")?;
    expect(&mut machine, "linux", "reboot: Power down")?;
    expect(&mut machine, "ticker", r"ticker: 5000 ticks, lost 0, late min")?;
    for counts in Counts::of_all(&mut machine, ["linux", "ticker"])? {
        ensure!(counts.of("interrupt") == 0, "an interrupt came to EL2: {counts:?}");
    }
    Ok(())
}

fn only_uart(context: &Context<'_>) -> Result<()> {
    let system = SYSTEM.replace(WORK, "").replace(MEMORY, MEMORY_AND_UART);
    let path = context.made("firmware-uart", &system)?;
    edit_board(&path, KEPT, HANDED_OVER)?;
    let built = context.build(&path, None)?;
    let monitor = Place::new()?;
    let mut machine = launch(&built, &context.scratch("firmware-uart")?, context.firmware.as_deref())?;
    machine.args.extend(monitor.options().map(Into::into));
    let mut machine = context.start(&machine)?;
    let mut qmp = monitor.meet()?;
    expect(&mut machine, "bulkhead", r"linux: has this UART from here on\r\n")?;
    let mut linux = Linux::slow(machine)?;
    let sum = linux.answer("seq 2000 | tail -n 1", r"\n(2000)\r\n")?;
    ensure!(sum == "2000" && linux.interrupts_of("uart-pl011")? >= 1, "the UART works without interrupts");
    let log = log_until(&mut qmp, &built, "[bulkhead] ticker: off; ")?;
    ensure!(log.contains("[ticker] ticker: 5000 ticks, lost 0, late min"), "the neighbour:\n{log}");
    linux.machine.send("linux", b"poweroff\n")?;
    expect(&mut linux.machine, "linux", "reboot: Power down")?;
    let status = linux.machine.wait(Instant::now() + PATIENCE)?;
    ensure!(status.success(), "QEMU: {status}");
    Ok(())
}

/// What Linux does by itself before it powers off.
const WORK: &str = r#" run="for cpu in 0 1; do taskset -c $cpu echo worked on $cpu; done""#;
/// What it has, and that with the UART.
const MEMORY: &str = "memory = \"384M\"";
/// See [`MEMORY`].
const MEMORY_AND_UART: &str = "memory = \"384M\"\ndevices = [\"/pl011@9000000\"]";

const SYSTEM: &str = r#"
[[partition]]
name = "linux"
image = "linux/Image"
initrd = "linux/initrd.cpio.gz"
bootargs = '''console=ttyAMA0 earlycon nokaslr run="for cpu in 0 1; do taskset -c $cpu echo worked on $cpu; done"'''
cpus = [0, 1]
memory = "384M"

[[partition]]
name = "ticker"
image = "ticker.elf"
bootargs = "ticks=5000 period-us=1000"
cpus = [2]
memory = "16M"
"#;

fn start<'a>(context: &'a Context<'a>, name: &str, system: &Path) -> Result<Running<'a>> {
    let built = context.build(system, None)?;
    let machine = launch(&built, &context.scratch(name)?, context.firmware.as_deref())?;
    context.start(&machine)
}

fn expect(machine: &mut Running<'_>, partition: &str, pattern: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    machine.expect(partition, &Regex::new(pattern)?, deadline).with_context(|| partition.to_owned())?;
    Ok(())
}
