//! The Raspberry Pi 4: a GIC-400, CPUs in a spin table, and one UART, which is Linux's after boot.

use crate::Context;
use crate::counts::Counts;
use crate::journal::log_until;
use crate::linux::Linux;
use crate::systems::{SMALL, edit_board};
use anyhow::{Result, ensure};

/// Linux to its shell and off again; what the hypervisor says then is in its memory.
pub(super) fn beside_bare_metal(context: &Context<'_>) -> Result<()> {
    let built = context.build(&context.own("linux"), None)?;
    let (machine, mut qmp) = context.boot_watched("linux", &built, &[])?;
    let mut linux = Linux::slow(machine)?;
    let cpus = linux.answer("nproc", r"\n(\d+)\r\n")?;
    ensure!(cpus == "2", "nproc says {cpus}");
    let timer = linux.interrupts_of("arch_timer")?;
    ensure!(timer >= 500, "only {timer} timer interrupts");
    linux.machine.send("linux", b"poweroff\n")?;
    linux.machine.says("linux", "reboot: Power down")?;
    let log = log_until(&mut qmp, &built, "every partition has stopped: off\n")?;
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

/// Through the UART that has the header where Bluetooth has the PL011.
pub(super) fn by_mini_uart(context: &Context<'_>) -> Result<()> {
    let path = context.made("mini-uart", SMALL)?;
    let pl011 = "console = \"/soc/serial@7e201000\"\nhand-over = true";
    edit_board(&path, pl011, "console = \"/soc/serial@7e215040\"")?;
    let mut machine = context.run("mini-uart", &path)?;
    machine.says("bulkhead", r"bulkhead [^\r\n]*: 1 partitions")?;
    machine.says("guest", r"hello: done\r\n")?;
    machine.says("bulkhead", r"every partition has stopped: off\r\n")
}
