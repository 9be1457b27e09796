//! The hypervisor's binary, as it will lie in memory.
//!
//! One binary serves every board, so everything that is particular is written into it here: the boot header
//! behind the arm64 `Image` header, and into that header how much RAM the image takes.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::guest::segments;
use crate::load::{image_folder, shown};
use crate::system::Options;
use bulkhead_plan::{BOOT_HEADER_OFFSET, BootHeader};
use std::fs;
use std::path::PathBuf;
use zerocopy::IntoBytes;

/// Its file in the image folder.
const NAME: &str = "bulkhead.elf";
/// Bytes of the `Image` header that hold the image's size.
const IMAGE_SIZE: std::ops::Range<usize> = 16..24;
/// Bytes of the `Image` header that hold its magic number.
const IMAGE_MAGIC: std::ops::Range<usize> = 56..60;
/// No hypervisor is as large; a larger one has a wild address.
const LARGEST: u64 = 16 << 20;

/// Where the binary should be.
pub(crate) fn paths(options: &Options) -> Vec<PathBuf> {
    match &options.hypervisor {
        Some(path) => vec![path.clone()],
        None if options.images.is_empty() => vec![image_folder().join(NAME)],
        None => options.images.iter().map(|folder| folder.join(NAME)).collect(),
    }
}

/// The binary from its first byte to the end of its bss; `None` after a fault was filed.
pub(crate) fn read(options: &Options, report: &mut Report) -> Option<Vec<u8>> {
    let paths = paths(options);
    let Some(path) = paths.iter().find(|path| path.is_file()) else {
        let looked: Vec<String> = paths.iter().map(|path| format!("`{}`", shown(path))).collect();
        let title = format!("the hypervisor's binary is not there: looked for {}", looked.join(", "));
        report.push(
            Diagnostic::new(Code::ImageMissing, title)
                .help("name the folder that holds it with `--images`, or the file with `--hypervisor`"),
        );
        return None;
    };
    let unusable = |why: String| {
        let title = format!("`{}` cannot be the hypervisor: {why}", shown(path));
        Diagnostic::new(Code::HypervisorUnusable, title)
            .help("it is made from this repository, by `cargo xtask demo`")
    };
    let bytes = fs::read(path).map_err(|error| report.push(unusable(error.to_string()))).ok()?;
    flatten(&bytes).map_err(|why| report.push(unusable(why))).ok()
}

/// Writes what the binary has to know into its headers.
pub(crate) fn stamp(image: &mut [u8], header: &BootHeader) {
    image[IMAGE_SIZE].copy_from_slice(&header.extent().unwrap_or(u64::MAX).to_le_bytes());
    let bytes = header.as_bytes();
    image[BOOT_HEADER_OFFSET..BOOT_HEADER_OFFSET + bytes.len()].copy_from_slice(bytes);
}

/// Bytes of RAM that a finished image takes where it runs, by its own header.
pub(crate) fn extent(image: &[u8]) -> u64 {
    image[IMAGE_SIZE].iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte))
}

/// The bytes of an ELF file as they lie in memory; an error says why it is not the hypervisor's.
pub(crate) fn flatten(elf: &[u8]) -> Result<Vec<u8>, String> {
    if !elf.starts_with(b"\x7fELF") {
        return Err("it is no ELF file".to_owned());
    }
    let (_, _, segments) = segments(elf).map_err(|fault| fault.reason())?;
    let start = segments.iter().map(|segment| segment.virtual_address).min().unwrap_or(0);
    let end = segments.iter().map(|segment| segment.virtual_address + segment.memory_size).max().unwrap_or(0);
    if end - start > LARGEST {
        return Err("its segments lie far apart".to_owned());
    }
    let index = |address: u64| usize::try_from(address - start).unwrap_or(usize::MAX);
    let mut image = vec![0; index(end)];
    for segment in &segments {
        let at = index(segment.virtual_address);
        image[at..at + segment.bytes.len()].copy_from_slice(&segment.bytes);
    }
    let has_header = image.get(IMAGE_MAGIC) == Some(b"ARM\x64");
    if !has_header || image.len() < BOOT_HEADER_OFFSET + size_of::<BootHeader>() {
        return Err("it has no arm64 `Image` header".to_owned());
    }
    Ok(image)
}
