//! Reads the files that partitions run.
//!
//! A file is an ELF program or an arm64 `Image`; which of the two, its first bytes say. Any other is raw,
//! and a person says where it goes. What is taken from it are pieces: bytes, and where they go.

mod elf;
mod file;
mod fit;
mod kernel;
mod layout;
mod packed;

use crate::diagnostic::{Code, Diagnostic, Located, Report};
use crate::expand::{Partition, System};
use crate::load::{PartitionWish, RawWish, images_beside};
use crate::system::Options;
use file::Wanted;
use std::path::Path;

pub(crate) use elf::{Fault, Segment, segments};
pub(crate) use file::{find, obstacle};
pub(crate) use fit::{TREE, fits};
pub(crate) use kernel::is_archive;
pub(crate) use layout::{Layout, Placed, lay_out};

/// The kernel that `--kernel` replaces wherever it runs.
const KERNEL: &str = "linux/Image";

/// What a partition runs.
#[derive(Debug)]
pub(crate) struct Guest {
    /// Its program.
    pub(crate) program: Program,
    /// What its kernel unpacks first.
    pub(crate) initrd: Option<Vec<u8>>,
}

/// A program.
#[derive(Debug)]
pub(crate) enum Program {
    /// An arm64 `Image`: goes where RAM begins, an offset further on.
    Kernel { bytes: Vec<u8>, text_offset: u64, memory_size: u64 },
    /// An ELF program that runs anywhere: addresses count from where RAM begins.
    Movable { segments: Vec<Segment>, entry: u64 },
    /// An ELF program that runs at its own addresses.
    Fixed { segments: Vec<Segment>, entry: u64 },
    /// Bytes that run where a person says.
    Raw { bytes: Vec<u8>, address: u64, entry: u64 },
}

/// Reads every partition's files; `None` for each one whose files have a fault.
pub(crate) fn read(system: &System<'_>, options: &Options, report: &mut Report) -> Vec<Option<Guest>> {
    system.partitions.iter().map(|partition| guest(system, partition, options, report)).collect()
}

/// What no partition does, though an option is there for those that do.
pub(crate) fn idle(partitions: &[PartitionWish], options: &Options) -> Option<&'static str> {
    if partitions.iter().any(runs_kernel) {
        return None;
    }
    let replaced = options.kernel.as_ref().map(|_| "runs a kernel that `--kernel` could replace");
    replaced.or(options.initrd.as_ref().map(|_| "runs a kernel that `--initrd` could be given to"))
}

/// The images a system needs, as they are looked for.
pub(crate) fn names<'a>(partition: &'a PartitionWish, options: &'a Options) -> (&'a Path, Option<&'a Path>) {
    let is_kernel = runs_kernel(partition);
    let own = |name: &'a Located<String>| Path::new(&name.value);
    let image = options.kernel.as_deref().filter(|_| is_kernel).unwrap_or_else(|| own(&partition.image));
    let initrd = options.initrd.as_deref().filter(|_| is_kernel).or(partition.initrd.as_ref().map(own));
    (image, initrd)
}

/// Whether it runs a kernel as far as its wish says, before its image is read.
fn runs_kernel(partition: &PartitionWish) -> bool {
    partition.initrd.is_some() || partition.image.value == KERNEL
}

fn guest(
    system: &System<'_>,
    partition: &Partition<'_>,
    options: &Options,
    report: &mut Report,
) -> Option<Guest> {
    let wish = partition.wish;
    let folders = images_beside(&system.wish.system.folder, &options.images);
    let (image, initrd) = names(wish, options);
    let image_site = &wish.image.site;
    let initrd_site = wish.initrd.as_ref().map_or(image_site, |initrd| &initrd.site);
    let mut read = |name, site| Wanted { name, owner: partition.name(), site }.read(&folders, report);
    let bytes = read(image, image_site);
    let initrd = initrd.map(|initrd| read(initrd, initrd_site));
    let program = bytes.and_then(|bytes| {
        let refuse = |fault: Fault| {
            let raw = matches!(fault, Fault::Unknown).then(|| raw_key(system, wish));
            let path = find(image, &folders).unwrap_or_default();
            let refused = fault.diagnostic(image, &path, partition.name()).at(image_site, "this file");
            report.push(refused.help_if(raw));
        };
        program(bytes, wish.raw.as_ref()).map_err(refuse).ok()
    })?;
    if let (Some(initrd), Some(kind)) = (&wish.initrd, program.takes_no_initrd()) {
        let title = format!("`{}` has an initrd, but its image is no kernel", partition.name());
        let alone = Diagnostic::new(Code::InitrdAlone, title).at(&initrd.site, "for nobody");
        report.push(alone.at(&wish.image.site, kind).help("leave `initrd` out"));
        return None;
    }
    let initrd = match initrd {
        Some(bytes) => Some(bytes?),
        None => None,
    };
    Some(Guest { program, initrd })
}

fn program(bytes: Vec<u8>, raw: Option<&RawWish>) -> Result<Program, Fault> {
    match raw {
        Some(_) if bytes.is_empty() => Err(Fault::Damaged("it is empty".to_owned())),
        Some(raw) => Ok(Program::Raw { bytes, address: raw.load_address.value, entry: raw.entry().value }),
        None if bytes.starts_with(b"\x7fELF") => elf::program(&bytes),
        None => kernel::program(bytes),
    }
}

/// The key that makes an image a raw one, as it would be written in `wish`.
fn raw_key(system: &System<'_>, wish: &PartitionWish) -> String {
    let base = wish.ram_base.as_ref().map_or(system.board.ram_base(), |base| base.value);
    format!("if it is a raw image, say where it runs: `raw = {{ load-address = {base:#x} }}`")
}

impl Program {
    /// What it is, if it is nothing that an initrd could be for.
    fn takes_no_initrd(&self) -> Option<&'static str> {
        match self {
            Self::Kernel { .. } => None,
            Self::Movable { .. } | Self::Fixed { .. } => Some("an ELF program"),
            Self::Raw { .. } => Some("a raw image"),
        }
    }
}
