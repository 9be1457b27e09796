//! A disk that U-Boot starts without being told: a partition with `extlinux/extlinux.conf`.
//!
//! U-Boot's standard boot looks at the partitions of an MBR that are marked bootable, and reads that file, which is
//! the Boot Loader Specification's ancestor (U-Boot, doc/develop/distro.rst). FAT, because every U-Boot reads it, and so
//! does a person's own computer.

use super::{Payload, identifier};
use hadris_fat::format::{FatFormatOptions, FatTypeSelection, FatVolumeFormatter};
use hadris_fat::{FatDir, FatVolumeWriteExt};
use mbrman::{BOOT_ACTIVE, CHS, MBRHeader, MBRPartitionEntry};
use std::io::Cursor;

/// The disk of an image.
pub fn card(payload: &Payload<'_>) -> Result<Vec<u8>, String> {
    let volume = volume(payload)?;
    let mut disk = vec![0; FIRST];
    let mut header = MBRHeader::new(identifier(payload.image));
    header[1] = MBRPartitionEntry {
        boot: BOOT_ACTIVE,
        first_chs: BEYOND_CHS,
        sys: FAT32,
        last_chs: BEYOND_CHS,
        starting_lba: sectors(FIRST)?,
        sectors: sectors(volume.len())?,
    };
    header.write_into(&mut Cursor::new(&mut disk[..])).map_err(|error| error.to_string())?;
    disk.extend(volume);
    Ok(disk)
}

/// Where the partition begins. Many boards have their firmware on the same card, in the first 16 MiB.
const FIRST: usize = 16 << 20;
const SECTOR: usize = 512;
/// What the older form of an address says when only the newer one counts.
const BEYOND_CHS: CHS = CHS { cylinder: 1023, head: 254, sector: 63 };
/// The kind of partition that holds a FAT32 file system, addressed by sectors.
const FAT32: u8 = 0x0c;
/// FAT32 is what cards are sold with, and has no fewer clusters than this makes.
const LEAST: usize = 64 << 20;
/// What a volume has beside its files: tables, and room for a file to grow.
const ROOM: usize = 16 << 20;

const IMAGE: &str = "bulkhead.img";
const TREE: &str = "board.dtb";
const FOLDER: &str = "extlinux";
const MENU: &str = "extlinux.conf";

fn sectors(bytes: usize) -> Result<u32, String> {
    u32::try_from(bytes / SECTOR).map_err(|_| "the image is larger than any card".to_owned())
}

/// The file system.
fn volume(payload: &Payload<'_>) -> Result<Vec<u8>, String> {
    let menu = menu(payload);
    let size = payload.image.len() + payload.tree.map_or(0, <[u8]>::len) + ROOM;
    let mut bytes = vec![0; size.next_multiple_of(1 << 20).max(LEAST)];
    let options = FatFormatOptions::new(bytes.len() as u64)
        .fat_type(FatTypeSelection::Fat32)
        .volume_id(u32::from_be_bytes(identifier(payload.image)))
        .volume_label("BULKHEAD")
        .hidden_sectors(sectors(FIRST)?);
    let fill = |bytes: &mut [u8]| -> hadris_fat::Result<()> {
        let volume = FatVolumeFormatter::format(Cursor::new(bytes), options)?;
        let write = |folder: &FatDir<'_, _>, name: &str, content: &[u8]| {
            let mut file = volume.write_file(&volume.create_file(folder, name)?)?;
            let mut rest = content;
            while !rest.is_empty() {
                rest = &rest[file.write(rest)?..];
            }
            file.finish()
        };
        let root = volume.root_dir();
        write(&root, IMAGE, payload.image)?;
        write(&volume.create_dir(&root, FOLDER)?, MENU, menu.as_bytes())?;
        payload.tree.map_or(Ok(()), |tree| write(&root, TREE, tree))
    };
    fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// The menu of one entry, which U-Boot takes at once.
fn menu(payload: &Payload<'_>) -> String {
    let tree = payload.tree.map(|_| format!("    fdt /{TREE}\n")).unwrap_or_default();
    format!(
        "# Written by `bulkhead build --for sd`, for {}.\ndefault bulkhead\nlabel bulkhead\n    kernel /{IMAGE}\n{tree}",
        payload.board
    )
}
