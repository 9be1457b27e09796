//! Wraps an image as firmware wants it.
//!
//! The image itself is the same whatever starts it; only what lies around it differs. No wrapping needs root or a
//! tool of the host, and the same image always gives the same bytes: times are fixed, and what has to be
//! unique comes from the image's digest.

mod card;
mod fit;
mod pi;

use bulkhead_plan::Span;
use clap::ValueEnum;
use sha2::{Digest, Sha256};

pub use card::card;

/// What the image shall be started by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Purpose {
    /// The arm64 Image itself: U-Boot's `booti`, QEMU's `-kernel`
    Image,
    /// A FIT with SHA-256 digests: U-Boot's `bootm`
    Fit,
    /// A disk that U-Boot starts by itself: MBR, FAT, extlinux.conf
    Sd,
    /// A folder of what a Raspberry Pi's boot partition needs besides its firmware
    Pi,
    /// The arm64 Image, as Trusted Firmware's BL33
    Bl33,
}

/// An image, and what has to be known of it to start it.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// The image.
    pub image: &'a [u8],
    /// The board's name.
    pub board: &'a str,
    /// Where it runs: its window, and what lies in place behind that.
    pub place: Span,
    /// The board's device tree, unless the firmware has one of its own.
    pub tree: Option<&'a [u8]>,
}

/// What to write.
#[derive(Debug, PartialEq, Eq)]
pub enum Package {
    /// A file.
    File(Vec<u8>),
    /// A folder with these files.
    Folder(Vec<(&'static str, Vec<u8>)>),
}

impl Purpose {
    /// Where it is written, if nobody says.
    pub fn default_output(self) -> &'static str {
        match self {
            Self::Image | Self::Bl33 => "bulkhead.img",
            Self::Fit => "bulkhead.itb",
            Self::Sd => "bulkhead-sd.img",
            Self::Pi => "bulkhead-pi",
        }
    }

    /// Wraps an image.
    pub fn package(self, payload: &Payload<'_>) -> Result<Package, String> {
        match self {
            Self::Image | Self::Bl33 => Ok(Package::File(payload.image.to_vec())),
            Self::Fit => Ok(Package::File(fit::fit(payload))),
            Self::Sd => card::card(payload).map(Package::File),
            Self::Pi => Ok(Package::Folder(pi::folder(payload))),
        }
    }

    /// What to do with a file that is to be an image and does not begin as one; nothing if it does.
    pub fn advice(file: &[u8]) -> Option<String> {
        let has = |(at, bytes): (usize, &[u8])| file.get(at..).is_some_and(|rest| rest.starts_with(bytes));
        let what = match () {
            () if has(IMAGE) => return None,
            () if has(TREE) => "it begins as a FIT does, which is what `build --for fit` packs; ",
            () if has(TABLE) => "it has a partition table, as what `build --for sd` packs; ",
            () => "",
        };
        Some(format!("help: {what}`verify`, `inspect` and `diff` take what `build` without `--for` writes"))
    }

    /// What to do with what was written to `output`; empty where there is nothing to say.
    pub fn next(self, payload: &Payload<'_>, output: &str) -> String {
        let place = payload.place;
        match self {
            Self::Image => String::new(),
            Self::Fit => {
                let tree = if payload.tree.is_some() { "" } else { " - ${fdtcontroladdr}" };
                format!("load it outside of {place}, then: bootm ADDRESS#bulkhead{tree}\n")
            }
            Self::Sd => format!("write it to a card: bulkhead flash {output} --to /dev/DISK\n"),
            Self::Pi => {
                "copy both files to the first partition of a card with the Pi's firmware\n".to_owned()
            }
            Self::Bl33 => format!(
                "new firmware: fiptool create --nt-fw {output} fip.bin, with the images of your board\n\
                 or replace the one in yours: fiptool update --nt-fw {output} fip.bin\n"
            ),
        }
    }
}

/// What the arm64 Image header has at its end (Linux, `Documentation/arch/arm64/booting.rst`).
const IMAGE: (usize, &[u8]) = (56, b"ARM\x64");
/// How a device tree begins, and so a FIT.
const TREE: (usize, &[u8]) = (0, b"\xd0\x0d\xfe\xed");
/// What ends the first sector of a disk with a partition table.
const TABLE: (usize, &[u8]) = (510, b"\x55\xaa");

/// Four bytes that are other ones for another image.
fn identifier(image: &[u8]) -> [u8; 4] {
    let digest = Sha256::digest(image);
    [digest[0], digest[1], digest[2], digest[3]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert, proptest};

    fn with(bytes: (usize, &[u8])) -> Vec<u8> {
        let mut file = vec![0; 512];
        file[bytes.0..][..bytes.1.len()].copy_from_slice(bytes.1);
        file
    }

    #[test]
    fn a_file_that_is_wrapped_is_told_by_what_it_is_wrapped_in() {
        assert_eq!(Purpose::advice(&with(IMAGE)), None);
        assert!(Purpose::advice(&with(TREE)).unwrap().contains("`build --for fit`"));
        assert!(Purpose::advice(&with(TABLE)).unwrap().contains("`build --for sd`"));
        assert_eq!(
            Purpose::advice(b"").unwrap(),
            "help: `verify`, `inspect` and `diff` take what `build` without `--for` writes"
        );
    }

    proptest! {
        #[test]
        fn a_cut_file_has_advice(length in 0..60_usize) {
            prop_assert!(Purpose::advice(&with(IMAGE)[..length]).is_some());
        }
    }
}
