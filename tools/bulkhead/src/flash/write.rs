//! Writes, and reads back what was written.
//!
//! The device is opened for itself alone (`O_EXCL`, open(2)): what was mounted since the decision makes that fail, and
//! nothing can be mounted until it is closed. Data are synced piece by piece, so that progress is the medium's and
//! not the page cache's. They are read back by `O_DIRECT`, past the page cache; a disk's own cache is out of reach.

use super::decide::Permit;
use super::target::Target;
use rustix::fs::{Advice, OFlags, fadvise, major, minor};
use rustix::io::Errno;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes are written.
    Write,
    /// Bytes are read back.
    Verify,
}

/// Where the bytes came from that were the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// Not from the page cache.
    Medium,
    /// Perhaps from it: the file system has no other way.
    Cache,
}

/// What went wrong.
#[derive(Debug)]
pub enum Error {
    /// The host refused something.
    Host {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// It has become another device since the decision.
    Changed,
    /// What was read back is something else.
    Differs {
        /// From this byte on.
        at: u64,
    },
}

impl Permit {
    /// Writes `bytes`, and compares them with what is read back; tells how many bytes of each step are done.
    pub fn write(self, bytes: &[u8], progress: &mut dyn FnMut(Step, u64)) -> Result<ReadBack, Error> {
        let mut file = self.open().map_err(host("opening it"))?;
        if !self.is_same(&file).map_err(host("looking at it"))? {
            return Err(Error::Changed);
        }
        let mut done = 0;
        for piece in bytes.chunks(PIECE) {
            file.write_all(piece).and_then(|()| file.sync_data()).map_err(host("writing"))?;
            done += piece.len() as u64;
            progress(Step::Write, done);
        }
        file.sync_all().map_err(host("writing"))?;
        // Only advice: what is still in the cache afterwards, `O_DIRECT` passes by.
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
        match self.compare(OFlags::DIRECT, bytes, progress) {
            Err(Error::Host { source, .. }) if Errno::from_io_error(&source) == Some(Errno::INVAL) => {
                self.compare(OFlags::empty(), bytes, progress).map(|()| ReadBack::Cache)
            }
            outcome => outcome.map(|()| ReadBack::Medium),
        }
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        match self.target {
            Target::File(_) => options.write(true).create(true).truncate(true),
            Target::Device(_) => options.write(true).custom_flags(flags(OFlags::EXCL)),
        };
        options.open(&self.path)
    }

    /// Whether a path still leads where it did when it was decided about.
    fn is_same(&self, file: &File) -> io::Result<bool> {
        let found = file.metadata()?;
        Ok(match self.target {
            Target::File(_) => found.is_file(),
            Target::Device(number) => (major(found.rdev()), minor(found.rdev())) == number,
        })
    }

    fn compare(&self, way: OFlags, bytes: &[u8], progress: &mut dyn FnMut(Step, u64)) -> Result<(), Error> {
        let reading = host("reading it back");
        let file =
            OpenOptions::new().read(true).custom_flags(flags(way)).open(&self.path).map_err(&reading)?;
        let mut buffer = vec![Block([0; BLOCK]); PIECE / BLOCK];
        let mut done = 0;
        for piece in bytes.chunks(PIECE) {
            let found =
                fill(&file, buffer.as_mut_slice().as_mut_bytes(), done, piece.len()).map_err(&reading)?;
            let differs = piece.iter().zip(found).position(|(written, read)| written != read);
            if let Some(offset) = differs.or((found.len() < piece.len()).then_some(found.len())) {
                return Err(Error::Differs { at: done + offset as u64 });
            }
            done += piece.len() as u64;
            progress(Step::Verify, done);
        }
        Ok(())
    }
}

/// Bytes between two reports.
const PIECE: usize = 4 << 20;
const BLOCK: usize = 4096;

/// `O_DIRECT` wants its buffer on a boundary of the disk's blocks.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(4096))]
struct Block([u8; BLOCK]);

/// Reads up to `wanted` bytes from `offset` on, in whole blocks; fewer at the end of the file.
fn fill<'a>(file: &File, buffer: &'a mut [u8], offset: u64, wanted: usize) -> io::Result<&'a [u8]> {
    let whole = wanted.next_multiple_of(BLOCK);
    let mut filled = 0;
    while filled < wanted {
        match file.read_at(&mut buffer[filled..whole], offset + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(&buffer[..filled.min(wanted)])
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

fn host(doing: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Host { doing, source }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { doing, source } => {
                write!(f, "error: {doing}: {source}")?;
                match Errno::from_io_error(source) {
                    Some(Errno::ACCESS | Errno::PERM) => {
                        write!(f, "\nhelp: disks are root's: run it with `sudo`")
                    }
                    Some(Errno::BUSY) => {
                        write!(f, "\nhelp: the kernel has it in use; `lsblk` shows what is mounted")
                    }
                    _ => Ok(()),
                }
            }
            Self::Changed => {
                write!(
                    f,
                    "error: it has become another device meanwhile, and was not written\nhelp: flash again"
                )
            }
            Self::Differs { at } => write!(
                f,
                "error: what was read back differs from byte {at} on\n\
                 help: the medium is worn out, or smaller than it says: take another one"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Host { source, .. } => Some(source),
            Self::Changed | Self::Differs { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use tempfile::TempDir;

    /// Bytes of two pieces and a little more.
    fn bytes() -> Vec<u8> {
        (0..2 * PIECE + 5).map(|number| (number % 251).to_le_bytes()[0]).collect()
    }

    fn permit(path: &Path) -> Permit {
        let target = Target::File(path.to_owned());
        Permit { path: path.to_owned(), target, description: String::new() }
    }

    fn folder_with(file: &[u8]) -> (TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        fs::write(&path, file).unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_becomes_what_is_written_whatever_it_was() {
        let (_folder, path) = folder_with(&vec![1; 3 * PIECE]);
        let mut steps = Vec::new();
        permit(&path).write(&bytes(), &mut |step, done| steps.push((step, done))).unwrap();
        assert!(fs::read(&path).unwrap() == bytes());
        let (piece, all) = (PIECE as u64, bytes().len() as u64);
        let marks = |step| [piece, 2 * piece, all].map(|done| (step, done));
        assert_eq!(steps, [marks(Step::Write), marks(Step::Verify)].concat());
    }

    #[test]
    fn a_byte_that_was_not_kept_is_found_in_every_way_of_reading() {
        for at in [0, PIECE - 1, PIECE, bytes().len() - 1] {
            let mut kept = bytes();
            kept[at] ^= 1;
            let (_folder, path) = folder_with(&kept);
            for way in [OFlags::empty(), OFlags::DIRECT] {
                let outcome = permit(&path).compare(way, &bytes(), &mut |_, _| {});
                let found = matches!(&outcome, Err(Error::Differs { at: found }) if *found == at as u64);
                let no_such_way = way == OFlags::DIRECT && matches!(&outcome, Err(Error::Host { .. }));
                assert!(found || no_such_way, "{at}: {outcome:?}");
            }
        }
    }

    #[test]
    fn a_medium_that_is_shorter_than_it_said_is_found() {
        let (_folder, path) = folder_with(&bytes()[..PIECE + 100]);
        let outcome = permit(&path).compare(OFlags::empty(), &bytes(), &mut |_, _| {});
        assert!(matches!(&outcome, Err(Error::Differs { at }) if *at == PIECE as u64 + 100), "{outcome:?}");
    }

    #[test]
    fn what_has_become_another_device_is_not_written() {
        let (_folder, path) = folder_with(b"precious");
        let permit = Permit { target: Target::Device((8, 16)), ..permit(&path) };
        let outcome = permit.write(&bytes(), &mut |_, _| {});
        assert!(matches!(outcome, Err(Error::Changed)), "{outcome:?}");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn who_may_not_write_is_told_who_may() {
        let source = io::Error::from_raw_os_error(Errno::ACCESS.raw_os_error());
        let text = Error::Host { doing: "opening it", source }.to_string();
        assert!(text.ends_with("\nhelp: disks are root's: run it with `sudo`"), "{text}");
    }
}
