//! The memory of the machine, seen from outside.
//!
//! QEMU's monitor (QMP) writes physical memory into a file, whatever the CPUs are doing. What must not change is
//! all of the image but the hypervisor's data: its code and constants, the plan, the stage-2 tables, the
//! pristine images of the guests.

use crate::Context;
use crate::qmp::Qmp;
use anyhow::{Context as _, Result, bail, ensure};
use bulkhead::system::Built;
use object::Endianness;
use object::read::elf::{ElfFile64, ProgramHeader};
use std::fs;
use std::ops::Range;

/// What EL2 never changes.
#[derive(Debug)]
pub(super) struct Constant {
    base: u64,
    image: Vec<u8>,
    data: Range<usize>,
}

impl Constant {
    /// That of a system.
    pub(super) fn of(context: &Context<'_>, built: &Built) -> Result<Self> {
        let elf = fs::read(context.images.join("bulkhead.elf"))?;
        let base = built.plan()?.board.window.base.0;
        Ok(Self { base, image: built.image.clone(), data: data(&elf)? })
    }

    /// Reads it and compares it with the image.
    pub(super) fn look(&self, monitor: &mut Qmp) -> Result<()> {
        self.compare(&monitor.read(self.base, self.image.len() as u64)?)
    }

    fn compare(&self, found: &[u8]) -> Result<()> {
        ensure!(found.len() == self.image.len(), "{} bytes of memory", found.len());
        let bytes = found.iter().zip(&self.image).enumerate();
        let changed = bytes.filter(|(at, (found, image))| found != image && !self.data.contains(at));
        let changed: Vec<u64> = changed.map(|(at, _)| self.base + at as u64).collect();
        ensure!(changed.is_empty(), "{} bytes have changed, the first at {:#x}", changed.len(), changed[0]);
        Ok(())
    }
}

/// Where in the image the hypervisor's writable segment is.
fn data(elf: &[u8]) -> Result<Range<usize>> {
    let file = ElfFile64::<Endianness>::parse(elf)?;
    let endian = file.endian();
    let loaded =
        || file.elf_program_headers().iter().filter(|header| header.p_type(endian) == object::elf::PT_LOAD);
    let base = loaded().map(|header| header.p_vaddr(endian)).min().context("no segment is loaded")?;
    let writable = loaded().filter(|header| (header.p_flags(endian) & object::elf::PF_W).0 != 0);
    let [segment] = writable.collect::<Vec<_>>()[..] else { bail!("not one writable segment") };
    let begin = usize::try_from(segment.p_vaddr(endian) - base)?;
    Ok(begin..begin + usize::try_from(segment.p_memsz(endian))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_that_has_changed_is_found_unless_it_is_data() {
        let constant = Constant { base: 0x4020_0000, image: vec![0x5a; 64], data: 16..24 };
        constant.compare(&constant.image).unwrap();
        for at in 0..64 {
            let mut found = constant.image.clone();
            found[at] ^= 1;
            assert_eq!(constant.compare(&found).is_ok(), constant.data.contains(&at), "byte {at}");
        }
        assert!(constant.compare(&constant.image[1..]).is_err(), "a byte is missing");
    }
}
