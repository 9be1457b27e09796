//! The arm64 `Image`: Linux kernels, or whatever looks like one.
//!
//! Its header is that of Linux's `Documentation/arch/arm64/booting.rst`: at byte 8 the distance to where
//! RAM begins, at 16 the bytes it takes with its bss, at 24 flags, at 56 a magic number.

use super::packed::Packed;
use super::{Fault, Program};
use bulkhead_plan::BLOCK;

const MAGIC: &[u8] = b"ARM\x64";
/// What a flattened device tree begins with (Devicetree Specification 0.4 §5.2); U-Boot's FIT is one.
const TREE: &[u8] = b"\xd0\x0d\xfe\xed";
/// What U-Boot's older images begin with (`include/image.h`); their size is at byte 12.
const WRAPPED: &[u8] = b"\x27\x05\x19\x56";
const BIG_ENDIAN: u64 = 1;
/// Where kernels before 3.17 ran; they leave `image_size` zero.
const OLD_TEXT_OFFSET: u64 = 0x8_0000;

/// The program in an `Image`.
pub(super) fn program(bytes: Vec<u8>) -> Result<Program, Fault> {
    if let Some(packed) = Packed::recognise(&bytes) {
        return Err(Fault::Compressed(packed));
    }
    if bytes.get(56..60) != Some(MAGIC) {
        return Err(other(&bytes));
    }
    let word = |at: usize| {
        let word = bytes.get(at..at + 8).and_then(|word| word.try_into().ok());
        word.map_or(0, u64::from_le_bytes)
    };
    if word(24) & BIG_ENDIAN != 0 {
        return Err(Fault::Foreign("it is a big-endian kernel".to_owned()));
    }
    let file_size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let (text_offset, memory_size) = match word(16) {
        0 => (OLD_TEXT_OFFSET, file_size),
        size => (word(8), size.max(file_size)),
    };
    if text_offset >= BLOCK {
        return Err(Fault::Damaged("its text offset is 2 MiB or more".to_owned()));
    }
    Ok(Program::Kernel { bytes, text_offset, memory_size })
}

/// Whether a kernel unpacks these bytes as its first file system: an archive of cpio, whole or compressed.
pub(crate) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"0707") || Packed::recognise(bytes).is_some()
}

/// What else it is.
fn other(bytes: &[u8]) -> Fault {
    if bytes.starts_with(TREE) {
        return Fault::Tree;
    }
    let size = bytes.get(12..16).and_then(|size| size.try_into().ok()).map(u32::from_be_bytes);
    match size.filter(|_| bytes.starts_with(WRAPPED)) {
        Some(size) => Fault::Wrapped(size),
        None => Fault::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text_offset: u64, size: u64, flags: u64) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[8..16].copy_from_slice(&text_offset.to_le_bytes());
        bytes[16..24].copy_from_slice(&size.to_le_bytes());
        bytes[24..32].copy_from_slice(&flags.to_le_bytes());
        bytes[56..60].copy_from_slice(MAGIC);
        bytes
    }

    #[test]
    fn a_kernel_takes_the_memory_that_its_header_says() {
        let Program::Kernel { text_offset, memory_size, .. } = program(image(0, 0x9000, 0xa)).unwrap() else {
            panic!("no kernel");
        };
        assert_eq!((text_offset, memory_size), (0, 0x9000));
    }

    #[test]
    fn a_big_endian_kernel_is_foreign() {
        assert!(matches!(program(image(0, 0x9000, 1)), Err(Fault::Foreign(_))));
    }

    #[test]
    fn other_files_are_told_apart() {
        assert!(matches!(program(b"\x1f\x8b\x08".to_vec()), Err(Fault::Compressed(_))));
        assert!(matches!(program(Vec::new()), Err(Fault::Unknown)));
    }
}
