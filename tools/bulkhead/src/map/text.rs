//! The map as text.

use super::{HYPERVISOR, Map, Stretch, View};
use crate::load::size_text;
use bulkhead_plan::Span;
use std::fmt;

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "board {}\n\nphysical addresses", self.board)?;
        for Stretch { base, size, owner, what, .. } in &self.physical {
            let range = Span::new(*base, *size).to_string();
            let (size, owner) = (size_text(*size), owner.as_deref().unwrap_or("-"));
            writeln!(f, "  {range:<28} {size:>10}  {owner:<12} {what}")?;
        }
        for view in &self.partitions {
            write!(f, "\n{view}")?;
        }
        self.write_interrupts(f)?;
        self.write_cpus(f)
    }
}

impl Map {
    fn write_interrupts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\ninterrupts")?;
        for line in &self.interrupts {
            writeln!(f, "  {:<5} {:<8} {:<6} {}", line.intid, line.wire, line.trigger, line.owner)?;
        }
        if self.interrupts.is_empty() {
            writeln!(f, "  none")?;
        }
        Ok(())
    }

    fn write_cpus(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nCPUs")?;
        for cpu in &self.cpus {
            let mpidr = format!("{:#x}", cpu.mpidr);
            match &cpu.owner {
                Some(owner) => writeln!(f, "  MPIDR {mpidr:<8} {owner} as {:#x}", cpu.virtual_mpidr)?,
                None => writeln!(f, "  MPIDR {mpidr:<8} -")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "partition {} (VMID {})", self.name, self.vmid)?;
        writeln!(f, "  begins at {:#x} with {:#x} in x0", self.entry, self.x0)?;
        for seen in &self.seen {
            let range = Span::new(seen.ipa, seen.size).to_string();
            match seen.physical {
                Some(physical) => {
                    let physical = format!("{physical:#x}");
                    writeln!(f, "  {range:<28} -> {physical:<12} {}", seen.kind)?;
                }
                None => {
                    let raises = match seen.interrupt {
                        Some(intid) => format!(", interrupt {intid}"),
                        None if seen.kind == "virtual PL011" => ", polled".to_owned(),
                        None => String::new(),
                    };
                    writeln!(f, "  {range:<28}    {:<12} {}{raises}, by {HYPERVISOR}", "", seen.kind)?;
                }
            }
        }
        Ok(())
    }
}
