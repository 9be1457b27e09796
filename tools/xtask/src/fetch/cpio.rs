//! Writes the archive that Linux unpacks as its first root file system.
//!
//! The format is "newc" (Linux, Documentation/driver-api/early-userspace/buffer-format.rst): a header of
//! eight-digit hexadecimal fields, the name with a final zero, the content, each padded to four bytes.
//! Owners are root and times are zero, so the same files always give the same bytes.

use std::io::{self, Write};

const TRAILER: &str = "TRAILER!!!";
const DIRECTORY: u32 = 0o040_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const REGULAR_FILE: u32 = 0o100_000;

/// An archive being written.
pub(super) struct Archive<W: Write> {
    out: W,
    entries: u32,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, entries: 0 }
    }

    pub(super) fn directory(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, DIRECTORY | 0o755, (0, 0), &[])
    }

    pub(super) fn program(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.entry(name, REGULAR_FILE | 0o755, (0, 0), content)
    }

    pub(super) fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.entry(name, REGULAR_FILE | 0o644, (0, 0), content)
    }

    pub(super) fn character_device(&mut self, name: &str, major: u32, minor: u32) -> io::Result<()> {
        self.entry(name, CHARACTER_DEVICE | 0o600, (major, minor), &[])
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.entry(TRAILER, 0, (0, 0), &[])?;
        Ok(self.out)
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) -> io::Result<()> {
        self.entries += 1;
        let size = |length: usize| u32::try_from(length).map_err(io::Error::other);
        let (owner, links, time, checksum) = (0, 1, 0, 0);
        let fields = [
            self.entries,
            mode,
            owner,
            owner,
            links,
            time,
            size(content.len())?,
            0,
            0,
            device.0,
            device.1,
            size(name.len() + 1)?,
            checksum,
        ];
        let header: String = fields.iter().map(|field| format!("{field:08x}")).collect();
        let head = [b"070701", header.as_bytes(), name.as_bytes(), b"\0"].concat();
        self.padded(&head)?;
        self.padded(content)
    }

    fn padded(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        let missing = bytes.len().next_multiple_of(4) - bytes.len();
        self.out.write_all(&[0; 4][..missing])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_header_name_and_content_each_padded() {
        let mut archive = Archive::new(Vec::new());
        archive.program("init", b"hello").unwrap();
        let bytes = archive.out;
        let text = String::from_utf8(bytes).unwrap();
        let header = [
            "070701", "00000001", "000081ed", "00000000", "00000000", "00000001", "00000000", "00000005",
            "00000000", "00000000", "00000000", "00000000", "00000005", "00000000",
        ];
        assert_eq!(text, format!("{}init\0\0hello\0\0\0", header.concat()));
    }

    #[test]
    fn a_device_has_its_numbers() {
        let mut archive = Archive::new(Vec::new());
        archive.character_device("dev/console", 5, 1).unwrap();
        let text = String::from_utf8(archive.out).unwrap();
        assert_eq!((&text[14..22], &text[78..94]), ("00002180", "0000000500000001"));
    }

    #[test]
    fn the_trailer_ends_the_archive() {
        let mut archive = Archive::new(Vec::new());
        archive.directory("proc").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.ends_with(b"TRAILER!!!\0\0\0\0"));
    }
}
