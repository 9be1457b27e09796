//! What may be written to, on computers that are made up: a folder with what their kernels would say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bulkhead::flash::{Content, Host, Permit, Reason, Request, Target, decide};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const GIGABYTE: u64 = 1_000_000_000;

/// A computer whose own disk is `sda`, with a card reader `sdb` whose card holds two partitions.
struct Computer(TempDir);

impl Computer {
    fn new() -> Self {
        let computer = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(computer.path("sys/class/block")).unwrap();
        fs::create_dir_all(computer.path("proc/self")).unwrap();
        computer.write("proc/self/mountinfo", "");
        computer.disk("sda", 0, 500 * GIGABYTE);
        computer.write("sys/devices/sda/device/model", "Own disk\n");
        computer.partition("sda", "sda1", 1);
        computer.disk("sdb", 16, 16 * GIGABYTE);
        computer.write("sys/devices/sdb/removable", "1\n");
        computer.partition("sdb", "sdb1", 17);
        computer.partition("sdb", "sdb2", 18);
        computer
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn disk(&self, name: &str, minor: u32, bytes: u64) {
        self.device(&format!("sys/devices/{name}"), minor, bytes);
        self.write(&format!("sys/devices/{name}/removable"), "0\n");
    }

    fn partition(&self, disk: &str, name: &str, minor: u32) {
        let folder = format!("sys/devices/{disk}/{name}");
        self.device(&folder, minor, GIGABYTE);
        self.write(&format!("{folder}/partition"), "1\n");
    }

    fn device(&self, folder: &str, minor: u32, bytes: u64) {
        self.write(&format!("{folder}/dev"), &format!("8:{minor}\n"));
        self.write(&format!("{folder}/size"), &format!("{}\n", bytes / 512));
        self.write(&format!("{folder}/ro"), "0\n");
        let name = Path::new(folder).file_name().unwrap();
        symlink(self.path(folder), self.path("sys/class/block").join(name)).unwrap();
    }

    /// As the kernel writes it: the number of the file system, where it is mounted, and of what.
    fn mount(&self, number: &str, place: &str, kind: &str, source: &str) {
        let line = format!("29 1 {number} / {place} rw,relatime shared:1 - {kind} {source} rw\n");
        let before = fs::read_to_string(self.path("proc/self/mountinfo")).unwrap();
        self.write("proc/self/mountinfo", &(before + &line));
    }

    fn swap(&self, path: &str) {
        let header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        self.write("proc/swaps", &format!("{header}{path}   file\t\t1048572\t\t0\t\t-2\n"));
    }

    fn decide(&self, request: &Request) -> Result<Permit, Vec<Reason>> {
        decide(&Host::read(self.0.path()).unwrap(), request)
    }
}

/// To write a card's content to the device with that number.
fn request(path: &str, minor: u32) -> Request {
    let (target, content) = (Target::Device((8, minor)), Content::Disk);
    Request { path: path.into(), target, bytes: 32 << 20, content, is_meant: false }
}

fn card() -> Request {
    request("/dev/sdb", 16)
}

fn meant(request: Request) -> Request {
    Request { is_meant: true, ..request }
}

/// What the refusal says.
fn refusal(outcome: Result<Permit, Vec<Reason>>) -> String {
    let reasons = outcome.expect_err("it is permitted");
    reasons.iter().map(|reason| format!("{reason}\n")).collect()
}

#[test]
fn a_card_that_nobody_uses_is_written() {
    let permit = Computer::new().decide(&card()).unwrap();
    assert_eq!(permit.description, "`/dev/sdb` (16.0 GB)");
}

#[test]
fn a_mounted_disk_is_never_written() {
    for (number, kind, source) in
        [("8:17", "vfat", "/dev/sdb1"), ("8:17", "ext4", "/dev/root"), ("0:42", "btrfs", "/dev/sdb1")]
    {
        let computer = Computer::new();
        computer.mount(number, "/media/a\\040card", kind, source);
        for request in [card(), meant(card()), meant(request("/dev/sdb1", 17))] {
            assert_eq!(
                refusal(computer.decide(&request)),
                "error: `/dev/sdb1` is mounted on `/media/a card`\n\
                 help: if that can be given up: `umount '/media/a card'`, then flash again\n"
            );
        }
    }
}

#[test]
fn a_partition_beside_a_mounted_one_may_be_written() {
    let computer = Computer::new();
    computer.mount("8:17", "/media/card", "vfat", "/dev/sdb1");
    let second = Request { content: Content::Other, ..request("/dev/sdb2", 18) };
    assert!(computer.decide(&second).is_ok());
}

#[test]
fn a_partition_of_a_disk_that_is_used_as_a_whole_is_not_written() {
    let computer = Computer::new();
    computer.mount("8:16", "/media/card", "vfat", "/dev/sdb");
    assert!(refusal(computer.decide(&meant(request("/dev/sdb1", 17)))).contains("`/dev/sdb` is mounted"));
}

#[test]
fn swap_space_is_never_written() {
    let computer = Computer::new();
    computer.swap("/dev/sdb2");
    assert_eq!(
        refusal(computer.decide(&meant(card()))),
        "error: `/dev/sdb2` is swap space\nhelp: if that can be given up: `swapoff /dev/sdb2`, then flash again\n"
    );
}

#[test]
fn what_other_disks_are_made_of_is_never_written() {
    let holder = Computer::new();
    fs::create_dir_all(holder.path("sys/devices/sdb/sdb2/holders/dm-0")).unwrap();
    assert_eq!(
        refusal(holder.decide(&meant(card()))),
        "error: `/dev/sdb2` is a part of `/dev/dm-0`\n\
         help: what is in use is never written; is it the right disk?\n"
    );
    let member = Computer::new();
    fs::create_dir_all(member.path("sys/fs/btrfs/0af2/devices/sdb1")).unwrap();
    assert!(refusal(member.decide(&meant(card()))).contains("a part of the btrfs file system 0af2"));
}

#[test]
fn a_disk_of_the_computer_is_written_only_if_it_is_meant() {
    let computer = Computer::new();
    let own = request("/dev/sda", 0);
    assert_eq!(
        refusal(computer.decide(&own)),
        "error: `/dev/sda` (Own disk, 500.0 GB) is not removable: it may be the computer's own\n\
         help: if it is the disk that you mean, add `--yes`\n"
    );
    assert!(computer.decide(&meant(own)).is_ok());
}

#[test]
fn a_card_in_a_slot_that_is_soldered_in_is_removable() {
    let computer = Computer::new();
    computer.disk("mmcblk0", 32, 8 * GIGABYTE);
    let slot = request("/dev/mmcblk0", 32);
    for (kind, is_card) in [("MMC\n", false), ("SD\n", true)] {
        computer.write("sys/devices/mmcblk0/device/type", kind);
        assert_eq!(computer.decide(&slot).is_ok(), is_card, "{kind}");
    }
}

#[test]
fn nothing_is_written_of_nothing() {
    let computer = Computer::new();
    let empty = Request { bytes: 0, ..meant(card()) };
    let said = "error: the image is empty: there is nothing to write\n\
                help: `bulkhead build` writes it anew\n";
    assert_eq!(refusal(computer.decide(&empty)), said);
    let file = Request { target: Target::File(computer.path("copy")), ..empty };
    assert_eq!(refusal(computer.decide(&file)), said);
}

#[test]
fn what_does_not_fit_or_cannot_be_written_is_refused_whatever_is_meant() {
    let computer = Computer::new();
    let large = Request { bytes: 16 * GIGABYTE + 512, ..meant(card()) };
    assert_eq!(
        refusal(computer.decide(&large)),
        "error: `/dev/sdb` holds 16.0 GB, 16000000000 bytes, and the image has 16000000512 bytes\n\
         help: take a larger one\n"
    );
    assert!(computer.decide(&Request { bytes: 16 * GIGABYTE, ..card() }).is_ok());
    computer.write("sys/devices/sdb/ro", "1\n");
    assert!(refusal(computer.decide(&meant(card()))).starts_with("error: `/dev/sdb` is read-only\n"));
    computer.write("sys/devices/sdb/ro", "0\n");
    computer.write("sys/devices/sdb/size", "0\n");
    assert!(
        refusal(computer.decide(&meant(card()))).starts_with("error: there is no medium in `/dev/sdb`\n")
    );
}

#[test]
fn what_would_not_start_from_there_is_asked_about() {
    let computer = Computer::new();
    let nested = request("/dev/sdb1", 17);
    assert_eq!(
        refusal(computer.decide(&nested)),
        "error: the image is a whole disk, and `/dev/sdb1` is a partition of `/dev/sdb`\n\
         help: write it to `/dev/sdb`, or add `--yes` if you mean the partition\n"
    );
    assert!(computer.decide(&meant(nested)).is_ok());
    for (content, what) in [(Content::Image, "an arm64 Image"), (Content::Fit, "a FIT")] {
        let bare = Request { content, ..card() };
        assert_eq!(
            refusal(computer.decide(&bare)),
            format!(
                "error: this is {what}, which firmware wants as a file: on `/dev/sdb` it finds none\n\
                 help: flash what `bulkhead build --for sd` makes, or add `--yes` if you mean it\n"
            )
        );
        assert!(computer.decide(&meant(bare)).is_ok());
    }
}

#[test]
fn everything_that_speaks_against_it_is_said_at_once() {
    let computer = Computer::new();
    computer.mount("8:1", "/", "ext4", "/dev/sda1");
    computer.swap("/dev/sda1");
    let reasons = computer.decide(&Request { bytes: 501 * GIGABYTE, ..request("/dev/sda", 0) }).unwrap_err();
    assert!(
        matches!(
            &reasons[..],
            [Reason::Busy { .. }, Reason::Busy { .. }, Reason::Small { .. }, Reason::Fixed { .. }]
        ),
        "{reasons:?}"
    );
}

#[test]
fn a_disk_that_the_kernel_does_not_list_is_refused() {
    let unknown = refusal(Computer::new().decide(&meant(request("/dev/sdz", 99))));
    assert!(unknown.starts_with("error: the kernel has no disk `/dev/sdz`"), "{unknown}");
}

#[test]
fn a_file_that_is_used_as_a_disk_is_not_written() {
    let computer = Computer::new();
    computer.swap("/swapfile");
    computer.disk("loop0", 48, GIGABYTE);
    computer.write("sys/devices/loop0/loop/backing_file", "/home/card.img\n");
    let file = |path: &str| Request { target: Target::File(path.into()), ..card() };
    assert!(refusal(computer.decide(&file("/swapfile"))).contains("`/swapfile` is swap space"));
    assert_eq!(
        refusal(computer.decide(&file("/home/card.img"))),
        "error: `/home/card.img` is what `/dev/loop0` shows\n\
         help: if that can be given up: `losetup -d /dev/loop0`, then flash again\n"
    );
    assert!(computer.decide(&file("/home/other.img")).is_ok());
}

#[test]
fn what_an_image_is_shows_in_its_bytes() {
    let mut bytes = [0; 512];
    assert_eq!(Content::of(&bytes), Content::Other);
    bytes[510..].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(Content::of(&bytes), Content::Disk);
    bytes[56..60].copy_from_slice(b"ARM\x64");
    assert_eq!(Content::of(&bytes), Content::Image);
    assert_eq!(Content::of(&[0xd0, 0x0d, 0xfe, 0xed]), Content::Fit);
}

#[test]
fn a_path_leads_to_a_file_or_to_no_target() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().canonicalize().unwrap();
    let link = folder.path().join("link");
    fs::write(folder.path().join("file"), "").unwrap();
    symlink(folder.path().join("file"), &link).unwrap();
    assert_eq!(Target::at(&link), Ok(Target::File(whole.join("file"))));
    assert_eq!(Target::at(&folder.path().join("new")), Ok(Target::File(whole.join("new"))));
    let refused = |path: &Path| Target::at(path).unwrap_err();
    assert!(refused(folder.path()).contains("name the disk itself"));
    assert!(refused(Path::new("/dev/null")).contains("neither a disk nor a file"));
    assert_eq!(
        refused(Path::new("/dev/sdx9")),
        "error: there is no disk `/dev/sdx9`\nhelp: `lsblk` lists the disks that there are"
    );
    assert!(refused(&folder.path().join("no/where")).contains("looking at the folder"));
}
