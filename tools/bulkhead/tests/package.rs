//! What an image is wrapped in is read by readers that are not ours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bulkhead::package::{Package, Payload, Purpose};
use bulkhead_plan::Span;
use embedded_sdmmc::{
    Block, BlockCount, BlockDevice, BlockIdx, Directory, Mode, TimeSource, Timestamp, VolumeIdx,
    VolumeManager,
};
use fdt::Fdt;
use sha2::{Digest, Sha256};
use std::convert::Infallible;

const WINDOW: Span = Span::new(0x12_4020_0000, 0x20_0000);
const TREE: &[u8] = b"a device tree";

/// An image without a period that a file system could hide behind.
fn image(bytes: usize) -> Vec<u8> {
    (0_u32..).flat_map(|number| Sha256::digest(number.to_le_bytes())).take(bytes).collect()
}

fn payload<'a>(image: &'a [u8], tree: Option<&'a [u8]>) -> Payload<'a> {
    Payload { image, board: "a-board", place: WINDOW, tree }
}

fn file(purpose: Purpose, payload: &Payload<'_>) -> Vec<u8> {
    match purpose.package(payload).unwrap() {
        Package::File(bytes) => bytes,
        Package::Folder(_) => panic!("a folder"),
    }
}

/// A disk in memory.
struct Disk(Vec<u8>);

impl BlockDevice for Disk {
    type Error = Infallible;

    fn read(&self, blocks: &mut [Block], start: BlockIdx) -> Result<(), Infallible> {
        for (number, block) in blocks.iter_mut().enumerate() {
            let at = (usize::try_from(start.0).unwrap() + number) * Block::LEN;
            block.contents.copy_from_slice(&self.0[at..at + Block::LEN]);
        }
        Ok(())
    }

    /// A volume that is closed wants to note how much of it is free.
    fn write(&self, _: &[Block], _: BlockIdx) -> Result<(), Infallible> {
        Ok(())
    }

    fn num_blocks(&self) -> Result<BlockCount, Infallible> {
        Ok(BlockCount(u32::try_from(self.0.len() / Block::LEN).unwrap()))
    }
}

struct Never;

impl TimeSource for Never {
    fn get_timestamp(&self) -> Timestamp {
        panic!("nothing is written")
    }
}

/// What the file of that name holds; `None` if there is none.
fn content(folder: &Directory<'_, Disk, Never, 4, 4, 1>, name: &str) -> Option<Vec<u8>> {
    // A short name has no long one beside it.
    let short = folder.open_file_in_dir(name, Mode::ReadOnly);
    let file = short.or_else(|_| folder.open_long_name_file_in_dir(name, Mode::ReadOnly)).ok()?;
    let mut bytes = vec![0; usize::try_from(file.length()).unwrap()];
    let mut filled = 0;
    while !file.is_eof() {
        filled += file.read(&mut bytes[filled..]).unwrap();
    }
    Some(bytes)
}

/// The files of a card: image, tree, menu.
fn files(disk: Vec<u8>) -> (Option<Vec<u8>>, Option<Vec<u8>>, String) {
    let manager = VolumeManager::new(Disk(disk), Never);
    let volume = manager.open_volume(VolumeIdx(0)).unwrap();
    let root = volume.open_root_dir().unwrap();
    let (image, tree) = (content(&root, "bulkhead.img"), content(&root, "board.dtb"));
    let menu = content(&root.open_dir("EXTLINUX").unwrap(), "extlinux.conf").unwrap();
    (image, tree, String::from_utf8(menu).unwrap())
}

#[test]
fn a_card_holds_the_image_the_tree_and_a_menu_that_names_both() {
    let image = image(3_000_001);
    let disk = file(Purpose::Sd, &payload(&image, Some(TREE)));
    assert_eq!(disk.len(), 80 << 20);
    assert_eq!((disk[0x1be], disk[0x1c2], &disk[510..512]), (0x80, 0x0c, &[0x55, 0xaa][..]));
    let (found, tree, menu) = files(disk);
    assert!(found == Some(image));
    assert_eq!(tree.as_deref(), Some(TREE));
    assert_eq!(
        menu,
        "# Written by `bulkhead build --for sd`, for a-board.\ndefault bulkhead\nlabel bulkhead\n    \
         kernel /bulkhead.img\n    fdt /board.dtb\n"
    );
}

#[test]
fn a_tree_that_the_firmware_has_is_not_on_the_card() {
    let image = image(5000);
    let (found, tree, menu) = files(file(Purpose::Sd, &payload(&image, None)));
    assert!(found == Some(image) && tree.is_none() && !menu.contains("fdt"), "{menu}");
}

#[test]
fn a_card_grows_with_its_image() {
    let image = image(70 << 20);
    let disk = file(Purpose::Sd, &payload(&image, None));
    assert_eq!(disk.len(), (16 + 70 + 16) << 20);
    assert!(files(disk).0 == Some(image));
}

#[test]
fn the_same_image_gives_the_same_bytes_and_another_one_another_disk() {
    let (one, other) = (image(5000), image(5001));
    for purpose in [Purpose::Sd, Purpose::Fit] {
        assert!(file(purpose, &payload(&one, Some(TREE))) == file(purpose, &payload(&one, Some(TREE))));
    }
    let identifiers = [&one, &other].map(|image| {
        let disk = file(Purpose::Sd, &payload(image, None));
        (disk[0x1b8..0x1bc].to_vec(), disk[(16 << 20) + 0x43..][..4].to_vec())
    });
    assert!(identifiers[0].0 != identifiers[1].0 && identifiers[0].1 != identifiers[1].1, "{identifiers:?}");
}

/// What a property of a FIT holds.
fn property<'a>(fit: &'a [u8], path: &str, name: &str) -> &'a [u8] {
    let fit = Fdt::new_unaligned(fit).unwrap();
    fit.find_node(path).unwrap().properties().find(name).unwrap().value
}

#[test]
fn a_fit_has_the_image_its_digest_and_its_place() {
    let image = image(70_001);
    let bytes = file(Purpose::Fit, &payload(&image, Some(TREE)));
    assert!(property(&bytes, "/images/bulkhead", "data") == image);
    assert_eq!(property(&bytes, "/images/board", "data"), TREE);
    assert_eq!(property(&bytes, "/images/bulkhead/hash-1", "value"), &Sha256::digest(&image)[..]);
    for name in ["load", "entry"] {
        assert_eq!(property(&bytes, "/images/bulkhead", name), WINDOW.base.0.to_be_bytes());
    }
    assert_eq!(property(&bytes, "/configurations", "default"), b"bulkhead\0");
    assert_eq!(property(&bytes, "/configurations/bulkhead", "kernel"), b"bulkhead\0");
    assert_eq!(property(&bytes, "/configurations/bulkhead", "fdt"), b"board\0");
}

#[test]
fn a_fit_without_a_tree_names_none() {
    let bytes = file(Purpose::Fit, &payload(&image(5000), None));
    let fit = Fdt::new_unaligned(&bytes).unwrap();
    assert!(fit.find_node("/images/board").is_none());
    assert!(fit.find_node("/configurations/bulkhead").unwrap().properties().find("fdt").is_none());
}

#[test]
fn a_folder_for_the_pi_has_the_image_under_the_name_that_its_configuration_says() {
    let image = image(5000);
    let Package::Folder(files) = Purpose::Pi.package(&payload(&image, Some(TREE))).unwrap() else {
        panic!("it is a file")
    };
    let [(kernel, found), ("config.txt", config)] = &files[..] else { panic!("{files:?}") };
    assert!(*found == image);
    let config = std::str::from_utf8(config).unwrap();
    let lines: Vec<&str> = config.lines().filter(|line| !line.starts_with('#')).collect();
    let expected =
        ["arm_64bit=1", &format!("kernel={kernel}"), "kernel_address=0x1240200000", "enable_gic=1"];
    assert_eq!(lines[..4], expected);
}

#[test]
fn what_bl33_is_made_of_is_the_image_itself() {
    let image = image(5000);
    assert!(file(Purpose::Bl33, &payload(&image, Some(TREE))) == image);
    let next = Purpose::Bl33.next(&payload(&image, None), "the.img");
    assert!(next.contains("fiptool update --nt-fw the.img fip.bin"), "{next}");
}
