//! What a life begins from, damaged after the board has booted: the next life does not begin.
//!
//! A debugger flips one bit of the window in which the pristine image, its device tree and the stage-2 tables lie,
//! as a fault of memory would.

use super::end::patient;
use crate::gdb::{self, Debugger};
use crate::{Context, patience};
use anyhow::{Context as _, Result, ensure};
use bulkhead_plan::Plan;
use regex::bytes::Regex;

/// One after the other: its image, its device tree, its stage-2 root. Its neighbour goes on.
pub(super) fn between_lives(context: &Context<'_>) -> Result<()> {
    let system = format!("[qemu]\ncpus = 5\n\n{}{NEIGHBOURS}", patient("wfi", ""));
    for (what, place) in PLACES {
        flipped(context, &system, *place).with_context(|| format!("a bit of {what} has flipped"))?;
    }
    Ok(())
}

/// Where something is, from the plan.
type Place = fn(&Plan<'_>) -> Option<u64>;

/// What the life of the first partition begins from. Its root is the one that is copied: what the hardware walks is
/// as it was, so that only who looks finds the damage.
const PLACES: &[(&str, Place)] = &[
    ("its image", |plan| Some(plan.loads.first()?.source.0 + 0x100)),
    ("its device tree", |plan| Some(plan.loads.get(1)?.source.0 + 0x100)),
    ("its stage-2 root", |plan| Some(plan.partitions.first()?.root.0 + 8)),
];

/// Who restarts it, long after it has fallen asleep, and who must not notice.
const NEIGHBOURS: &str = r#"
[[partition]]
name = "warden"
image = "warden.elf"
bootargs = "pause-ms=3000 orders=restart@patient:3"
cpus = [4]
memory = "4M"
controls = ["patient"]

[[partition]]
name = "ticker"
image = "ticker.elf"
bootargs = "ticks=4000 period-us=1000"
cpus = [3]
memory = "4M"
"#;

fn flipped(context: &Context<'_>, system: &str, place: Place) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("bulkhead-").tempdir()?;
    let socket = folder.path().join("gdb");
    let built = context.build(&context.made("damaged-lives", system)?, None)?;
    let address = place(&built.plan()?).context("there is no such place")?;
    let options = gdb::options(&socket);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let mut machine = context.boot_with("damaged-lives", &built, &options)?;
    machine.says("patient", r"patient: falls by wfi\r\n")?;
    let mut debugger = Debugger::connect(&socket)?;
    debugger.flip(address, 1)?;
    debugger.detach()?;
    let damaged = Regex::new(r"patient: its image is damaged: not started; ")?;
    machine.expect("bulkhead", &damaged, patience())?;
    machine.says("ticker", r"ticker: 4000 ticks, lost 0, late min")?;
    machine.says("ticker", r"ticker: pattern intact\r\n")?;
    machine.says("bulkhead", r"every partition has stopped: off\r\n")?;
    ensure!(machine.wait(patience())?.success());
    let log = String::from_utf8_lossy(machine.transcript("bulkhead")).into_owned();
    let (_, after) = log.split_once("damaged: not started").context("that was just expected")?;
    ensure!(!after.contains("begins again"), "a damaged partition lives again:\n{log}");
    Ok(())
}
