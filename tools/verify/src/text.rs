//! The proof as a person reads it.

use crate::transcript::{Mapping, Part, PartitionProof, Transcript};
use bulkhead_plan::Span;
use std::fmt;

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.plan {
            Some(_) => writeln!(f, "image for board {}, {} bytes", self.board, self.image.place.size)?,
            None => writeln!(f, "{} bytes", self.image.place.size)?,
        }
        writeln!(f, "  sha256 {}", self.image.sha256)?;
        let parts =
            [("hypervisor", &self.hypervisor), ("plan", &self.plan), ("stage-2 tables", &self.tables)];
        for (what, part) in parts {
            if let Some(Part { place, sha256 }) = part {
                writeln!(f, "{what} at {place}\n  sha256 {sha256}")?;
            }
        }
        for own in &self.own {
            writeln!(f, "own {:<13} {}", own.what, own.place)?;
        }
        for partition in &self.partitions {
            write!(f, "\n{partition}")?;
        }
        if self.proven {
            self.conclude(f)?;
        }
        Ok(())
    }
}

impl Transcript {
    fn conclude(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let descriptors: usize = self.partitions.iter().map(|it| it.descriptors).sum();
        writeln!(f, "\nproven, by every one of {descriptors} descriptors:")?;
        writeln!(f, "  no CPU and no interrupt has two owners")?;
        let has_console = self.own.iter().any(|own| own.what == "console");
        let own = if has_console { "window and console" } else { "window" };
        if self.own.iter().any(|own| own.what == "GICC") {
            writeln!(
                f,
                "  no physical address is reached by two partitions, but the first page of GICC, where"
            )?;
            writeln!(f, "    every CPU reaches registers of its own")?;
            writeln!(f, "  none reaches the hypervisor's {own}, the distributor or GICC_DIR")?;
        } else {
            writeln!(f, "  no physical address is reached by two partitions")?;
            writeln!(f, "  none reaches the hypervisor's {own}, the distributor, an ITS, or more of a")?;
            writeln!(f, "    redistributor than the page of SGIs and PPIs of its own CPU")?;
        }
        writeln!(
            f,
            "  each reaches all that the plan gives it, with the attributes of memory or of a device"
        )?;
        writeln!(f, "  hypervisor, plan, tables and all pieces have their digests; between them is nothing")
    }
}

impl fmt::Display for PartitionProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, vmid, root, address_bits, .. } = self;
        writeln!(f, "partition {name} (VMID {vmid}), root at {root:#x}, {address_bits} bits")?;
        writeln!(f, "  sha256 {}", self.sha256)?;
        let cpus: Vec<String> = self.cpus.iter().map(|mpidr| format!("{mpidr:#x}")).collect();
        writeln!(f, "  CPUs {}", cpus.join(", "))?;
        if !self.interrupts.is_empty() {
            let lines: Vec<String> = self.interrupts.iter().map(u32::to_string).collect();
            writeln!(f, "  interrupts {}", lines.join(", "))?;
        }
        for mapping in &self.mappings {
            writeln!(f, "  {mapping}")?;
        }
        for shown in &self.shown {
            let seen = shown.place.to_string();
            writeln!(f, "  {seen:<28}    {:<12} {}", "", shown.what)?;
        }
        for piece in &self.loads {
            let place = piece.source.to_string();
            match piece.in_place {
                true => writeln!(f, "  in place at {:#x}, {place}, not checked at boot", piece.at)?,
                false => writeln!(f, "  loaded at {:#x} from {place}", piece.at)?,
            }
            writeln!(f, "    sha256 {}", piece.sha256)?;
        }
        Ok(())
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = Span::new(self.ipa, self.place.size).to_string();
        let place = format!("{:#x}", self.place.base);
        let [pages, blocks, gigabytes] = self.descriptors;
        let counts = [(gigabytes, "1 GiB"), (blocks, "2 MiB"), (pages, "4 KiB")];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, size)| format!("{count} x {size}"))
            .collect();
        write!(f, "{seen:<28} -> {place:<12} {:<6}  {}", self.access, counts.join(" + "))
    }
}
