//! The Raspberry Pi 4: a GIC-400, CPUs in a spin table, and one UART, which is Linux's after boot.

use crate::counts::Counts;
use crate::journal::log_until;
use crate::linux::Linux;
use crate::qmp::{self, Qmp};
use crate::{Context, Need, Test, patience};
use anyhow::{Result, ensure};
use regex::bytes::Regex;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[Test {
    group: "boards",
    name: "Linux reaches a shell on two CPUs of raspi4b and powers off while its neighbour loses no tick",
    needs: &[Need::Linux, Need::BoardTrees],
    run: linux,
    ..Test::PLAIN
}];

fn linux(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.root.join("board-configs/raspi4b/linux.toml"), None)?;
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("qmp");
    let options = qmp::options(&socket);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let mut linux = Linux::slow(context.boot_with("raspi4b", &built, &options)?)?;
    let cpus = linux.answer("nproc", r"\n(\d+)\r\n")?;
    ensure!(cpus == "2", "nproc says {cpus}");
    let timer = linux.answer("cat /proc/interrupts", r"\n *\d+:([ 0-9]+)GIC[^\n]*arch_timer")?;
    let timer: u64 = timer.split_whitespace().filter_map(|count| count.parse::<u64>().ok()).sum();
    ensure!(timer >= 500, "only {timer} timer interrupts");
    linux.machine.send("linux", b"poweroff\n")?;
    linux.machine.expect("linux", &Regex::new("reboot: Power down")?, patience())?;
    let mut qmp = Qmp::connect(&socket)?;
    let log = log_until(&mut qmp, &built, folder.path(), "every partition has stopped: off\n")?;
    ensure!(log.contains("[bulkhead] nothing turns this board off\n"), "there is no firmware:\n{log}");
    for partition in ["linux", "ticker"] {
        let counts = Counts::of_log(&log, partition)?;
        ensure!(counts.of("interrupt") == 0, "an interrupt of {partition} came to EL2: {counts:?}");
        context.note(format!("{partition}: {counts:?}"));
    }
    ensure!(log.contains("[ticker] ticker: 20000 ticks, lost 0, late min"), "the neighbour:\n{log}");
    ensure!(log.contains("[ticker] ticker: pattern intact\r\n"), "the neighbour's memory:\n{log}");
    context.note(format!("{timer} timer interrupts in Linux"));
    Ok(())
}
