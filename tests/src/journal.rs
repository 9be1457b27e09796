//! The hypervisor's log in memory, as a dump of the machine has it.

use crate::linux::Linux;
use crate::qmp::Qmp;
use crate::systems::edit_board;
use crate::{Context, Need, Test, patience};
use anyhow::{Context as _, Result, ensure};
use bulkhead::decode::{Decoder, log_of};
use bulkhead::system::Built;
use regex::bytes::Regex;
use std::time::{Duration, Instant};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[Test {
    group: "journal",
    name: "the hypervisor's UART is Linux's once all have begun, and the log goes on in memory",
    needs: &[Need::Linux],
    run: handed_over,
    ..Test::PLAIN
}];

/// The log in the memory of the hypervisor, once it says this.
pub(crate) fn log_until(qmp: &mut Qmp, built: &Built, line: &str) -> Result<String> {
    let window = built.plan()?.board.window;
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let log = log_of(&qmp.read(window.base.0, window.size)?).context("the dump has no log")?;
        let log = String::from_utf8_lossy(&log).into_owned();
        if log.contains(line) {
            return Ok(log);
        }
        ensure!(Instant::now() < end, "it does not say `{line}`:\n{log}");
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// The board's UART, which it keeps for the hypervisor or hands over.
pub(crate) const KEPT: &str = "console = \"/pl011@9000000\"\n";
/// See [`KEPT`].
pub(crate) const HANDED_OVER: &str = "console = \"/pl011@9000000\"\nhand-over = true\n";

/// Linux has the console, one partition fails, and one talks and ends: both only after Linux has begun.
const SYSTEM: &str = r#"
[[partition]]
name = "linux"
image = "linux/Image"
initrd = "linux/initrd.cpio.gz"
bootargs = "console=ttyAMA0 earlycon nokaslr"
cpus = [0, 1]
memory = "256M"
devices = ["/pl011@9000000"]

[[partition]]
name = "patient"
image = "patient.elf"
bootargs = "fall=vector"
cpus = [2]
memory = "4M"
on-fault = "stop"

[[partition]]
name = "ticker"
image = "ticker.elf"
bootargs = "ticks=500 period-us=1000"
cpus = [3]
memory = "4M"
"#;

fn handed_over(context: &Context<'_>) -> Result<()> {
    let path = context.made("handed-over", SYSTEM)?;
    edit_board(&path, KEPT, HANDED_OVER)?;
    let built = context.build(&path, None)?;
    let (machine, mut qmp) = context.boot_watched("handed-over", &built, &[])?;
    let mut linux = Linux::of(machine)?;
    let cpus = linux.answer("nproc", r"\n(\d+)\r\n")?;
    ensure!(cpus == "2", "nproc says {cpus}");
    let last = Regex::new(r"linux: has this UART from here on\r\n")?;
    linux.machine.expect("bulkhead", &last, patience())?;
    let log = log_until(&mut qmp, &built, "[bulkhead] ticker: off; ")?;
    let before = log.find("[bulkhead] bulkhead 0.").context("what was said before is there")?;
    let told = log.find("[bulkhead] linux: has this UART from here on\n").context("who has the UART")?;
    let failed = "[bulkhead] patient: vCPU 0, restart 0: failed: no memory where it takes its exceptions\n";
    let failed = log.find(failed).with_context(|| format!("the record of the fault:\n{log}"))?;
    ensure!(before < told && before < failed, "in this order:\n{log}");
    ensure!(log.contains("[ticker] ticker: pattern intact\r\n"), "what the ticker has said:\n{log}");
    let record = log.lines().find(|line| line.contains("patient: pc=0x")).context("registers")?;
    let decoded = Decoder::new(&built.image, None, None).map_err(anyhow::Error::msg)?.annotate(record);
    ensure!(decoded.contains("esr=0x82") && decoded.contains('<'), "{decoded}");
    let wire = String::from_utf8_lossy(linux.machine.transcript("bulkhead")).into_owned();
    ensure!(wire.ends_with("linux: has this UART from here on\r\n"), "the hypervisor goes on:\n{wire}");
    ensure!(linux.machine.transcript("firmware").is_empty(), "somebody speaks without a name");
    Ok(())
}
