//! The memory of the machine, seen from outside.
//!
//! QEMU's monitor (QMP) writes physical memory into a file, whatever the CPUs are doing. What must not change is
//! all of the image but the hypervisor's data: its code and constants, the plan, the stage-2 tables, the
//! pristine images of the guests.

use crate::Context;
use anyhow::{Context as _, Result, bail, ensure};
use bulkhead::system::Built;
use object::Endianness;
use object::read::elf::{ElfFile64, ProgramHeader};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Where a machine's monitor is to be: a socket in a folder of its own.
#[derive(Debug)]
pub(super) struct Place {
    folder: TempDir,
}

/// The monitor of a running machine, by one connection: QEMU 10.0 does not always answer a second one.
#[derive(Debug)]
pub(super) struct Monitor {
    place: Place,
    replies: BufReader<UnixStream>,
}

impl Place {
    /// One that nobody else uses.
    pub(super) fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::Builder::new().prefix("bulkhead-").tempdir()? })
    }

    /// What QEMU is to be told.
    pub(super) fn argument(&self) -> String {
        format!("unix:{},server=on,wait=off", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("monitor")
    }
}

impl Monitor {
    /// Connects with a machine that has begun to run.
    pub(super) fn connect(place: Place) -> Result<Self> {
        let stream = UnixStream::connect(place.socket()).context("QEMU's monitor")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut monitor = Self { place, replies: BufReader::new(stream) };
        monitor.execute(&json!({ "execute": "qmp_capabilities" }))?;
        Ok(monitor)
    }

    /// The `size` bytes at physical address `base`.
    fn read(&mut self, base: u64, size: usize) -> Result<Vec<u8>> {
        let file = self.place.folder.path().join("memory");
        let name = file.to_str().context("a folder for temporary files whose name is not UTF-8")?;
        let arguments = json!({ "val": base, "size": size, "filename": name });
        self.execute(&json!({ "execute": "pmemsave", "arguments": arguments }))?;
        Ok(fs::read(file)?)
    }

    fn execute(&mut self, command: &Value) -> Result<()> {
        writeln!(self.replies.get_mut(), "{command}")?;
        wait_for_return(&mut self.replies).with_context(|| command.to_string())
    }
}

/// How long the monitor may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Skips greeting and events.
fn wait_for_return(replies: &mut impl BufRead) -> Result<()> {
    let mut line = String::new();
    while replies.read_line(&mut line)? != 0 {
        let reply: Value = serde_json::from_str(&line)?;
        match (reply.get("return"), reply.get("error")) {
            (Some(_), _) => return Ok(()),
            (_, Some(error)) => bail!("QEMU's monitor: {error}"),
            _ => line.clear(),
        }
    }
    bail!("QEMU's monitor has gone")
}

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
    pub(super) fn look(&self, monitor: &mut Monitor) -> Result<()> {
        self.compare(&monitor.read(self.base, self.image.len())?)
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
