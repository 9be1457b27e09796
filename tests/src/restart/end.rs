//! What follows the end of a life: by the partition's own wish, and by its policy.

use super::times;
use crate::{Context, Running, patience};
use anyhow::{Context as _, Result, ensure};
use std::fs;

/// SYSTEM_RESET on one CPU while others sleep, and on the only one: that begins its next life without having been
/// off, so that nothing but EL2 has reset it.
pub(super) fn resets(context: &Context<'_>) -> Result<()> {
    reset(context, "resets", &[])
}

/// The same with keys, error status and whatever else QEMU has.
pub(super) fn resets_of_extended_cpus(context: &Context<'_>) -> Result<()> {
    reset(context, "resets-extended", &["-cpu", "max"])
}

fn reset(context: &Context<'_>, name: &str, options: &[&str]) -> Result<()> {
    for cpus in ["[2, 0, 1]", "[1]"] {
        let system = patient("reset", "").replace("[2, 0, 1]", cpus);
        let built = context.build(&context.made(name, &system)?, None)?;
        let mut machine = context.boot_with(name, &built, options)?;
        for restart in 1..=times(context) {
            machine.says("patient", r"patient: falls by reset\r\n")?;
            machine.says("bulkhead", r"patient: reset; \d+ entries, ")?;
            machine.says("bulkhead", &format!(r"patient: begins again, restart {restart}\r\n"))?;
            machine.says("patient", r"patient: begins ([^\r]*)\r\n")?;
        }
        nothing_is_left(&machine).with_context(|| format!("on the CPUs {cpus}"))?;
    }
    Ok(())
}

pub(super) fn faults(context: &Context<'_>) -> Result<()> {
    let policy = "on-fault = \"restart\"\nmax-restarts = 2\nrestart-delay-ms = 40\n";
    let mut machine = context.run("faults", &context.made("faults", &patient("vector", policy))?)?;
    for restart in 0..=2 {
        machine.says("patient", r"patient: falls by vector\r\n")?;
        let record = is_recorded(&mut machine, restart);
        record.with_context(|| format!("the record of fault {restart}"))?;
        if restart < 2 {
            let delay = 40 << restart;
            machine.says("bulkhead", &format!(r"patient: begins again in {delay} ms\r\n"))?;
            machine.says("bulkhead", &format!(r"patient: begins again, restart {}\r\n", restart + 1))?;
        }
    }
    machine.says("bulkhead", r"every partition has stopped: off\r\n")?;
    ensure!(machine.wait(patience())?.success());
    nothing_is_left(&machine)
}

pub(super) fn fault_without_restart(context: &Context<'_>) -> Result<()> {
    let system = patient("vector", "on-fault = \"stop\"\n");
    let mut machine = context.run("fault-stop", &context.made("fault-stop", &system)?)?;
    is_recorded(&mut machine, 0)?;
    machine.says("bulkhead", r"every partition has stopped: off\r\n")?;
    ensure!(machine.wait(patience())?.success());
    let log = String::from_utf8_lossy(machine.transcript("bulkhead")).into_owned();
    ensure!(!log.contains("begins again"), "{log}");
    Ok(())
}

/// A bus master that the board's file says how to silence, and that does not follow.
pub(super) fn loud(context: &Context<'_>) -> Result<()> {
    let system = patient("wfi", "") + LOUD;
    let path = context.made("loud", &system)?;
    let board = path.with_file_name("board.toml");
    let silence = "[[silence]]\ndevice = \"/pl031@9010000\"\nsteps = [{ until = 0xfe0, value = 0 }]\n";
    fs::write(&board, fs::read_to_string(&board)? + silence)?;
    let mut machine = context.run("loud", &path)?;
    machine.says("bulkhead", r"patient: its device does not fall silent \(register 0x9010fe0\)\r\n")?;
    machine.says("bulkhead", r"every partition has stopped: off\r\n")?;
    let orders = String::from_utf8_lossy(machine.transcript("warden")).into_owned();
    ensure!(orders.contains("warden: lose@patient: Off, restart 0, CPUs 0b0"), "{orders}");
    Ok(())
}

/// The patient's clock as a bus master, whose identification never reads zero, and a warden.
const LOUD: &str = r#"
[[partition.declare]]
device = "/pl031@9010000"
bus-master = true
reason = "to see what becomes of one that cannot be silenced"

[[accept]]
code = "P0401"
device = "/pl031@9010000"
reason = "it masters no bus in truth"

[[partition]]
name = "warden"
image = "warden.elf"
bootargs = "orders=lose@patient:3"
cpus = [3]
memory = "4M"
controls = ["patient"]
"#;

/// Every line of the record of a fault at the vectors, and the line that ends the life.
fn is_recorded(machine: &mut Running<'_>, restart: u32) -> Result<()> {
    const WHAT: &str = "failed: no memory where it takes its exceptions";
    machine.says("bulkhead", &format!(r"(?m)^patient: vCPU 0, restart {restart}: {WHAT}\r\n"))?;
    // EC 0x20: an abort of an instruction fetch, from a lower level; by a walk of stage 2.
    let place = r"pc=0x1200 pstate=0x3c5 esr=0x820000[0-9a-f]{2} far=0x1200 hpfar=0x10";
    machine.says("bulkhead", &format!(r"\Apatient: {place}\r\n"))?;
    for row in (0..31).step_by(4) {
        let four: Vec<String> =
            (row..31.min(row + 4)).map(|number| format!("x{number}=0x[0-9a-f]+")).collect();
        machine.says("bulkhead", &format!(r"\Apatient: {}\r\n", four.join(" ")))?;
    }
    for _ in 0..8 {
        machine.says("bulkhead", r"\Apatient: before: pc=0x[0-9a-f]+ esr=0x[0-9a-f]+\r\n")?;
    }
    machine.says("bulkhead", &format!(r"\Apatient: {WHAT}; \d+ entries, \d+ exits = "))
}

/// A patient on two CPUs, with a device, that ends as it wants.
pub(crate) fn patient(fall: &str, policy: &str) -> String {
    format!(
        "[[partition]]\nname = \"patient\"\nimage = \"patient.elf\"\nbootargs = \"fall={fall}\"\n\
         cpus = [2, 0, 1]\nmemory = \"4M\"\ndevices = [\"/pl031@9010000\"]\n{policy}"
    )
}

fn nothing_is_left(machine: &Running<'_>) -> Result<()> {
    let said = String::from_utf8_lossy(machine.transcript("patient")).into_owned();
    ensure!(!said.contains("should be") && !said.contains("not zero"), "a trace of a former life:\n{said}");
    Ok(())
}
