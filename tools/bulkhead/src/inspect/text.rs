//! The contents of an image as a person reads them.
//!
//! Faults are not here: they go where errors go.

use super::{Board, Contents, OwnedLoad, OwnedRegion, Owner, PlanPart, Stretch, TablesPart};
use crate::board::wire_text;
use crate::load::size_text;
use bulkhead_plan::Span;
use std::fmt;

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image of {} bytes", self.bytes)?;
        match self.window {
            Some(window) => writeln!(f, ", window {window}")?,
            None => writeln!(f)?,
        }
        if let Some(PlanPart { version, place, intact }) = &self.plan {
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

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span::from(*self).fmt(f)
    }
}

fn write_board(f: &mut fmt::Formatter<'_>, board: &Board) -> fmt::Result {
    writeln!(f, "\nboard {}", board.name)?;
    for memory in &board.memory {
        writeln!(f, "  RAM          {memory}")?;
    }
    writeln!(f, "  CPUs         {}", board.cpus)?;
    writeln!(f, "  distributor  {}", board.distributor)?;
    if let Some(console) = board.console {
        writeln!(f, "  console      PL011 at {console:#x}")?;
    }
    writeln!(f, "  heap         {}", board.heap)
}

fn write_partition(f: &mut fmt::Formatter<'_>, partition: &Owner) -> fmt::Result {
    writeln!(f, "\npartition {} (VMID {})", partition.name, partition.vmid)?;
    writeln!(f, "  begins at {:#x} with {:#x} in x0", partition.entry, partition.x0)?;
    for cpu in &partition.cpus {
        writeln!(f, "  CPU {:#x} is the CPU {:#x} of the board", cpu.virtual_mpidr, cpu.mpidr)?;
    }
    for OwnedRegion { ipa, place, kind, nodes } in &partition.regions {
        let seen = Stretch { base: *ipa, size: place.size }.to_string();
        let what = if nodes.is_empty() { (*kind).to_owned() } else { nodes.join(", ") };
        writeln!(f, "  {seen:<28} -> {:<12} {what}", format!("{:#x}", place.base))?;
    }
    if let Some(uart) = partition.virtual_uart {
        write!(f, "  {:<28}    {:<12} virtual PL011", format!("{uart:#x}"), "")?;
        match partition.virtual_uart_interrupt {
            Some(intid) => writeln!(f, ", interrupt {intid}")?,
            None => writeln!(f, ", polled")?,
        }
    }
    for OwnedLoad { kind, source, in_place, destination, intact } in &partition.loads {
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
    Ok(())
}

fn verdict(intact: bool) -> &'static str {
    if intact { "right" } else { "wrong" }
}
