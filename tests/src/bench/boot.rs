//! Boots whose image has the size that a measurement wants.

use super::{PATIENCE, measure, run};
use crate::Context;
use crate::counted::INSTRUCTION_TIME;
use crate::systems::flat;
use anyhow::Result;
use counter::Report;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// A boot of partitions that run one image.
#[derive(Clone, Debug, Default)]
pub(super) struct Boot {
    partitions: u32,
    /// Bytes behind those of the image itself.
    bytes: u64,
    is_in_place: bool,
    /// The hypervisor's binary, if it is not the ordinary one.
    hypervisor: Option<PathBuf>,
}

impl Boot {
    /// Of so many partitions whose image has so many bytes behind its own.
    pub(super) fn of(partitions: u32, bytes: u64) -> Self {
        Self { partitions, bytes, ..Self::default() }
    }

    /// Of one partition whose image has so many bytes behind its own, and lies in place.
    pub(super) fn in_place(bytes: u64) -> Self {
        Self { is_in_place: true, ..Self::of(1, bytes) }
    }

    /// By the hypervisor in this file, or the ordinary one.
    pub(super) fn by(self, hypervisor: Option<PathBuf>) -> Self {
        Self { hypervisor, ..self }
    }

    /// Instructions at EL2 from entry to the first instruction of every guest.
    pub(super) fn total(&self, context: &Context<'_>) -> Result<u64> {
        Ok(measure::boot_total(&self.report(context)?))
    }

    /// What was counted.
    pub(super) fn report(&self, context: &Context<'_>) -> Result<Report> {
        let name = run::unique("bench-boot");
        let path = context.made(&name, &self.system())?;
        let mut image = flat(&fs::read(context.images.join("hello.elf"))?)?;
        image.resize(image.len() + usize::try_from(self.bytes)?, 0);
        context.scratch_file(&name, "image.bin", &image)?;
        let built = context.build(&path, self.hypervisor.clone())?;
        let mut counted = context.count(&name, &built, self.hypervisor.clone(), &INSTRUCTION_TIME)?;
        counted.wait(Instant::now() + PATIENCE)?;
        Ok(counted.wait_for_counts()?.report)
    }

    fn system(&self) -> String {
        let mut system = "[qemu]\ncpus = 8\n\n".to_owned();
        for number in 0..self.partitions {
            // Writing into a string cannot fail.
            let _ = write!(
                system,
                "[[partition]]\nname = \"guest-{number}\"\nimage = \"image.bin\"\nraw = {{ load-address = 0x40000000 }}\n\
                 cpus = [{number}]\nmemory = \"80M\"\nin-place = {}\n\n",
                self.is_in_place
            );
            if self.is_in_place {
                let _ = write!(
                    system,
                    "[[accept]]\ncode = \"P0628\"\npartition = \"guest-{number}\"\nreason = \"a measurement\"\n\n"
                );
            }
        }
        system
    }
}
