//! Compressed files, told by their first bytes.
//!
//! Nobody unpacks at boot: it would be code at EL2 that reads what a vendor delivers. So a person is told
//! the command that does it once.

use crate::load::shown;
use std::path::Path;

/// First bytes of compressed files, with what unpacks them and what their names end in.
const KINDS: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "gzip -dc", "gz"),
    (b"\x28\xb5\x2f\xfd", "zstd -dc", "zst"),
    (b"\xfd7zXZ\x00", "xz -dc", "xz"),
    (b"\x5d\x00\x00", "xz --format=lzma -dc", "lzma"),
    (b"BZh", "bzip2 -dc", "bz2"),
    (b"\x04\x22\x4d\x18", "lz4 -dc", "lz4"),
    (b"\x02\x21\x4c\x18", "lz4 -dc", "lz4"),
    (b"\x89LZO", "lzop -dc", "lzo"),
];

/// A compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    /// The command that unpacks its standard input.
    tool: &'static str,
    /// What its name ends in.
    extension: &'static str,
    /// Where in the file the compressed bytes are, and how many, if they are not all of it.
    part: Option<(u32, u32)>,
}

impl Packed {
    /// What these bytes are, if they are compressed.
    pub(super) fn recognise(bytes: &[u8]) -> Option<Self> {
        let Some((offset, size)) = payload_of_zboot(bytes) else { return kind(bytes) };
        let payload = bytes.get(usize::try_from(offset).ok()?..)?;
        Some(Self { extension: "efi", part: Some((offset, size)), ..kind(payload)? })
    }

    /// A command that unpacks the file at `path`, and the name of the file that it makes.
    pub(super) fn repair(self, path: &Path) -> (String, String) {
        let packed = shown(path);
        let unpacked = match packed.strip_suffix(self.extension).and_then(|rest| rest.strip_suffix('.')) {
            Some(rest) => rest.to_owned(),
            None => format!("{packed}.unpacked"),
        };
        let name = |path: &str| Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
        let named = name(&unpacked).unwrap_or_default();
        let tool = self.tool;
        let command = match self.part {
            None => format!("{tool} < {packed} > {unpacked}"),
            Some((offset, size)) => {
                let first = u64::from(offset) + 1;
                format!("tail -c +{first} {packed} | head -c {size} | {tool} > {unpacked}")
            }
        };
        (command, named)
    }
}

/// What begins with one of the magic numbers.
fn kind(bytes: &[u8]) -> Option<Packed> {
    let (_, tool, extension) = KINDS.iter().find(|(magic, ..)| bytes.starts_with(magic))?;
    Some(Packed { tool, extension, part: None })
}

/// Offset and size of the kernel in an EFI program that unpacks itself: `zboot-header.S` of Linux has its
/// magic at byte 4, and these two behind it.
fn payload_of_zboot(bytes: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| {
        let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
        word.map(u32::from_le_bytes)
    };
    let is_zboot = bytes.starts_with(b"MZ") && bytes.get(4..8) == Some(b"zimg");
    if is_zboot { Some((word(8)?, word(12)?)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(bytes: &[u8], path: &str) -> (String, String) {
        Packed::recognise(bytes).unwrap().repair(Path::new(path))
    }

    #[test]
    fn every_kind_is_unpacked_by_its_own_program() {
        for (magic, tool, extension) in KINDS {
            let (command, name) = command(magic, &format!("a/Image.{extension}"));
            assert_eq!(command, format!("{tool} < a/Image.{extension} > a/Image"));
            assert_eq!(name, "Image");
        }
    }

    #[test]
    fn a_file_with_another_name_is_not_overwritten() {
        let (command, name) = command(b"\x1f\x8b\x08", "vmlinuz-6.12");
        assert_eq!(
            (command.as_str(), name.as_str()),
            ("gzip -dc < vmlinuz-6.12 > vmlinuz-6.12.unpacked", "vmlinuz-6.12.unpacked")
        );
    }

    #[test]
    fn the_kernel_is_cut_out_of_a_program_that_unpacks_itself() {
        let mut zboot = b"MZ\0\0zimg\x40\0\0\0\x10\0\0\0".to_vec();
        zboot.resize(64, 0);
        zboot.extend(b"\x28\xb5\x2f\xfd");
        let (command, _) = command(&zboot, "vmlinuz.efi");
        assert_eq!(command, "tail -c +65 vmlinuz.efi | head -c 16 | zstd -dc > vmlinuz");
    }

    #[test]
    fn what_is_not_compressed_is_no_find() {
        for bytes in [&b""[..], b"MZ", b"MZ\0\0zimg", b"MZ\0\0zimg\0\0\0\0\0\0\0\0", b"\x7fELF"] {
            assert_eq!(Packed::recognise(bytes), None, "{bytes:?}");
        }
    }
}
