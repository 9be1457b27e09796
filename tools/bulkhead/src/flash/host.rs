//! What the kernel says of disks, and of who uses them.
//!
//! `/sys/class/block` has every disk and every partition (Documentation/ABI/stable/sysfs-block), `/proc/self/mountinfo`
//! what is mounted (proc_pid_mountinfo(5)), `/proc/swaps` the swap space. Btrfs mounts name numbers that are no
//! disk's, so its own list counts too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The disks of a computer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Every disk and every partition.
    pub devices: Vec<Device>,
    /// Who uses what.
    pub uses: Vec<Use>,
}

/// A disk, or a partition of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Its name in `/dev`.
    pub name: String,
    /// Its major and minor number.
    pub number: (u32, u32),
    /// The disk that it is a partition of.
    pub disk: Option<String>,
    /// How much it holds; nothing if no medium is in it.
    pub bytes: u64,
    /// It is a card or a stick, not a part of the computer.
    pub is_removable: bool,
    /// It cannot be written.
    pub is_read_only: bool,
    /// What it says it is; may be empty.
    pub model: String,
}

/// Something that must not be written, because it is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// What is used.
    pub used: Used,
    /// How: the end of a sentence that begins with its name.
    pub how: String,
    /// The command that ends it, if there is one.
    pub end: Option<String>,
}

/// What is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Used {
    /// A disk or a partition, by its name.
    Device(String),
    /// A file.
    File(PathBuf),
}

impl Host {
    /// Asks the kernel whose `/sys` and `/proc` lie in `root`.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut host = Self::default();
        let blocks = root.join("sys/class/block");
        for name in names(&blocks) {
            let folder = fs::canonicalize(blocks.join(name))?;
            let device = device(&folder)?;
            for holder in names(&folder.join("holders")) {
                let how = format!("is a part of `/dev/{holder}`");
                host.uses.push(Use { used: Used::Device(device.name.clone()), how, end: None });
            }
            if let Some(file) = text(&folder.join("loop/backing_file")) {
                let how = format!("is what `/dev/{}` shows", device.name);
                let end = Some(format!("losetup -d /dev/{}", device.name));
                host.uses.push(Use { used: Used::File(file.into()), how, end });
            }
            host.devices.push(device);
        }
        for line in fs::read_to_string(root.join("proc/self/mountinfo"))?.lines() {
            host.uses.extend(host.mount(line));
        }
        for line in text(&root.join("proc/swaps")).unwrap_or_default().lines().skip(1) {
            host.uses.extend(host.swap(line));
        }
        for folder in names(&root.join("sys/fs/btrfs")) {
            for name in names(&root.join("sys/fs/btrfs").join(&folder).join("devices")) {
                let how = format!("is a part of the btrfs file system {folder}");
                host.uses.push(Use { used: Used::Device(name), how, end: None });
            }
        }
        Ok(host)
    }

    /// What a line of `mountinfo` says is in use.
    fn mount(&self, line: &str) -> Option<Use> {
        let (fields, source) = line.split_once(" - ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let (number, place) = (parse_number(fields.get(2)?)?, unescaped(fields.get(4)?));
        let source = unescaped(source.split(' ').nth(1)?);
        let by_number = self.devices.iter().find(|device| device.number == number);
        let device = by_number.or_else(|| self.device_at(&source))?;
        let (how, end) = (format!("is mounted on `{place}`"), Some(format!("umount {}", quoted(&place))));
        Some(Use { used: Used::Device(device.name.clone()), how, end })
    }

    /// What a line of `swaps` says is in use.
    fn swap(&self, line: &str) -> Option<Use> {
        let path = unescaped(line.split_ascii_whitespace().next()?);
        let used = match self.device_at(&path) {
            Some(device) => Used::Device(device.name.clone()),
            None => Used::File(path.clone().into()),
        };
        Some(Use { used, how: "is swap space".to_owned(), end: Some(format!("swapoff {}", quoted(&path))) })
    }

    /// The device of that path in `/dev`, if its name is the kernel's own.
    fn device_at(&self, path: &str) -> Option<&Device> {
        let name = path.strip_prefix("/dev/")?;
        self.devices.iter().find(|device| device.name == name)
    }
}

/// What one folder of sysfs says.
fn device(folder: &Path) -> io::Result<Device> {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let is_partition = folder.join("partition").exists();
    let whole = if is_partition { folder.parent().unwrap_or(folder) } else { folder };
    let number = text(&folder.join("dev")).and_then(|text| parse_number(&text));
    let unreadable = || io::Error::other(format!("`{}` is not as a device's", folder.display()));
    let sectors = text(&folder.join("size")).and_then(|text| text.parse::<u64>().ok());
    let is_set = |path: PathBuf| text(&path).as_deref() == Some("1");
    let is_card = || text(&whole.join("device/type")).as_deref() == Some("SD");
    Ok(Device {
        name: name(folder).unwrap_or_default(),
        number: number.ok_or_else(unreadable)?,
        disk: is_partition.then(|| name(whole)).flatten(),
        bytes: sectors.ok_or_else(unreadable)?.saturating_mul(SECTOR),
        // The slot of a card reader that is soldered in is not removable, but what is in it is.
        is_removable: is_set(whole.join("removable")) || is_card(),
        is_read_only: is_set(folder.join("ro")) || is_set(whole.join("ro")),
        model: ["model", "name"]
            .iter()
            .find_map(|it| text(&whole.join("device").join(it)))
            .unwrap_or_default(),
    })
}

/// Sizes are in these units, whatever the disk's sectors are.
const SECTOR: u64 = 512;

/// A file of one value; `None` if it is not there.
fn text(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// What is in a folder, in order; nothing if it is not there.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn parse_number(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// A path in which blanks are written in octal.
fn unescaped(text: &str) -> String {
    let blanks = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    blanks.iter().fold(text.to_owned(), |text, (octal, blank)| text.replace(octal, blank))
}
