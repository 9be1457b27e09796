//! What every refusal to boot looks like: one line, and nothing half-booted.

use crate::{Running, patience};
use anyhow::{Result, ensure};

/// The hypervisor says this line, before it at the most its name, and after it nothing; no partition says
/// anything, and the board is off.
pub(crate) fn is_refused(machine: &mut Running<'_>, line: &str) -> Result<()> {
    machine.says("bulkhead", line)?;
    let status = machine.wait(patience())?;
    ensure!(status.success(), "QEMU: {status}");
    nothing_else_was_said(machine)
}

/// The same on a board that nobody turns off.
pub(crate) fn is_refused_and_stays_on(machine: &mut Running<'_>, line: &str) -> Result<()> {
    machine.says("bulkhead", line)?;
    nothing_else_was_said(machine)
}

fn nothing_else_was_said(machine: &Running<'_>) -> Result<()> {
    let said = String::from_utf8_lossy(machine.transcript("bulkhead")).into_owned();
    let mut lines = said.lines().filter(|line| !line.is_empty() && !line.starts_with("bulkhead "));
    ensure!(lines.next().is_some_and(|line| line.starts_with("not booted: ")), "something else came first");
    ensure!(lines.next().is_none(), "more than one line");
    let begun = machine.tails().map(|(source, _)| source).find(|it| !NO_PARTITIONS.contains(it));
    ensure!(begun.is_none(), "a half-booted machine: {begun:?} spoke");
    Ok(())
}

/// Whose transcripts are not those of partitions.
const NO_PARTITIONS: [&str; 3] = ["bulkhead", "firmware", "qemu"];
