//! The contents of an image as a person reads them.
//!
//! Faults are not here: they go where errors go.

use super::words::Address;
use super::{Board, Contents, OwnedLoad, OwnedRegion, Owner, PlanPart, Stretch, TablesPart};
use crate::board::wire_text;
use crate::load::size_text;
use std::fmt;

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.window {
            Some(window) => writeln!(f, "image of {} bytes, window {window}", self.bytes)?,
            None => writeln!(f, "{} bytes", self.bytes)?,
        }
        writeln!(f, "  sha256 {}", self.sha256)?;
        if let Some(PlanPart { version, place, intact, .. }) = &self.plan {
            writeln!(f, "plan of version {version} at {place}, digest {}", verdict(*intact))?;
        }
        if let Some(TablesPart { place, intact, proven }) = &self.tables {
            write!(f, "stage-2 tables at {place}, digest {}", verdict(*intact))?;
            match proven {
                Some(mappings) => writeln!(f, ", {mappings} mappings proven")?,
                None => writeln!(f, ", not proven")?,
            }
        }
        self.board.iter().try_for_each(|board| write_board(f, board))?;
        self.partitions.iter().try_for_each(|partition| write_partition(f, partition))?;
        if self.free_cpus.is_empty() {
            return Ok(());
        }
        let free: Vec<String> = self.free_cpus.iter().map(|mpidr| format!("{mpidr:#x}")).collect();
        writeln!(f, "\nCPUs of nobody: {}", free.join(", "))
    }
}

fn write_board(f: &mut fmt::Formatter<'_>, board: &Board) -> fmt::Result {
    writeln!(f, "\nboard {}", board.name)?;
    for memory in &board.memory {
        writeln!(f, "  RAM          {memory}")?;
    }
    writeln!(f, "  CPUs         {}", board.cpus)?;
    writeln!(f, "  firmware     {}", board.firmware_text())?;
    writeln!(f, "  GIC          GICv{}", board.gic)?;
    writeln!(f, "  distributor  {}", board.distributor)?;
    if let Some(interface) = &board.cpu_interface {
        writeln!(f, "  GICC         {interface}")?;
    }
    for translator in &board.translators {
        writeln!(f, "  ITS          {translator}, off")?;
    }
    if let Some(intid) = &board.wake {
        writeln!(f, "  wakes by     interrupt {intid} ({})", wire_text(*intid))?;
    }
    if let Some(console) = &board.console {
        writeln!(f, "  console      {console}")?;
    }
    writeln!(f, "  heap         {}", board.heap)
}

fn write_partition(f: &mut fmt::Formatter<'_>, partition: &Owner) -> fmt::Result {
    writeln!(f, "\npartition {} (VMID {})", partition.name, partition.vmid)?;
    writeln!(f, "  begins at {:#x} with {:#x} in x0", partition.entry, partition.x0)?;
    writeln!(f, "  stage 2 of {}, root at {:#x}", partition.stage2_text(), partition.root)?;
    for cpu in &partition.cpus {
        writeln!(f, "  CPU {:#x} of the board is {}", cpu.mpidr, cpu.seen_text())?;
    }
    for OwnedRegion { ipa, place, kind, nodes } in &partition.regions {
        let seen = Stretch { base: *ipa, size: place.size }.to_string();
        let what = if nodes.is_empty() { (*kind).to_owned() } else { nodes.join(", ") };
        writeln!(f, "  {seen:<28} -> {:<12} {what}", format!("{:#x}", place.base))?;
    }
    for Address { what, at } in partition.answered() {
        writeln!(f, "  {:<28}    {:<12} {what}", format!("{at:#x}"), "by bulkhead")?;
    }
    for OwnedLoad { kind, source, in_place, destination, intact, .. } in &partition.loads {
        let size = size_text(source.size);
        let verdict = verdict(*intact);
        let at = destination.to_string();
        let how = if *in_place { "in place, " } else { "" };
        writeln!(
            f,
            "  {at:<28} <- {:<12} {kind}, {size}, {how}digest {verdict}",
            format!("{:#x}", source.base)
        )?;
    }
    for interrupt in &partition.interrupts {
        let wire = wire_text(interrupt.intid);
        writeln!(f, "  interrupt {} ({wire}), {}", interrupt.intid, interrupt.trigger)?;
    }
    write_life(f, partition)
}

/// How a partition lives, and what it may do to others.
fn write_life(f: &mut fmt::Formatter<'_>, partition: &Owner) -> fmt::Result {
    writeln!(f, "  interrupts {}", partition.interrupt_mode)?;
    writeln!(f, "  after a fault: {}", partition.restart)?;
    for step in &partition.silence {
        writeln!(f, "  silenced: {step}")?;
    }
    for name in &partition.controls {
        writeln!(f, "  may start, stop and restart `{name}`")?;
    }
    for function in &partition.firmware_calls {
        writeln!(f, "  may call firmware {function:#x}")?;
    }
    Ok(())
}

fn verdict(intact: bool) -> &'static str {
    if intact { "right" } else { "wrong" }
}
