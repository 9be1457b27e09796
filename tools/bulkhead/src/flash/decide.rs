//! Whether something may be written to.
//!
//! What is in use is never written; what a person could have meant otherwise only if they say so. Everything that
//! speaks against it is said at once.

use super::host::{Device, Host, Use, Used};
use super::target::Target;
use std::fmt;
use std::path::{Path, PathBuf};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its path, for people and to open it.
    pub path: PathBuf,
    /// What is there.
    pub target: Target,
    /// How many bytes are to be written.
    pub bytes: u64,
    /// What they are.
    pub content: Content,
    /// The person has said that this is what they mean.
    pub is_meant: bool,
}

/// What a disk would hold afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A disk with partitions.
    Disk,
    /// An arm64 Image.
    Image,
    /// A device tree: a FIT.
    Fit,
    /// Something else.
    Other,
}

/// Leave to write; only [`decide`] gives it.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    pub(super) path: PathBuf,
    pub(super) target: Target,
    /// The disk in words; empty for a file.
    pub description: String,
}

/// Something that speaks against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is nothing to write.
    Nothing,
    /// The kernel does not list it.
    Unknown {
        /// What was asked for.
        path: PathBuf,
    },
    /// It, or a part of it, is in use.
    Busy {
        /// What is used: the path of a device or file.
        what: String,
        /// How.
        usage: Use,
    },
    /// It cannot be written.
    ReadOnly {
        /// The device's path.
        device: String,
    },
    /// There is no medium in it.
    Empty {
        /// The device's path.
        device: String,
    },
    /// It holds less than the image.
    Small {
        /// The device's path.
        device: String,
        /// Bytes that it holds.
        holds: u64,
        /// Bytes of the image.
        needed: u64,
    },
    /// It is a part of the computer, and nobody has said that it is meant.
    Fixed {
        /// The disk in words.
        disk: String,
    },
    /// A disk with partitions would become the content of a partition.
    Nested {
        /// The partition's path.
        partition: String,
        /// Its disk's path.
        disk: String,
    },
    /// Nothing would find it there.
    Bare {
        /// The device's path.
        device: String,
        /// What it is.
        content: Content,
    },
}

/// Permits or refuses.
pub fn decide(host: &Host, request: &Request) -> Result<Permit, Vec<Reason>> {
    let (mut reasons, mut description) = (Vec::new(), String::new());
    if request.bytes == 0 {
        reasons.push(Reason::Nothing);
    }
    match &request.target {
        Target::File(path) => reasons.extend(host.uses_of(&Used::File(path.clone()))),
        Target::Device(number) => {
            let Some(device) = host.devices.iter().find(|device| device.number == *number) else {
                return Err(vec![Reason::Unknown { path: request.path.clone() }]);
            };
            reasons.extend(host.family(device).flat_map(|it| host.uses_of(&Used::Device(it.name.clone()))));
            reasons.extend(unfit(device, request));
            if !request.is_meant {
                reasons.extend(doubtful(device, request));
            }
            description = words(device);
        }
    }
    match reasons.is_empty() {
        true => Ok(Permit { path: request.path.clone(), target: request.target.clone(), description }),
        false => Err(reasons),
    }
}

impl Content {
    /// What bytes are, by their marks.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            bytes if bytes.get(56..60) == Some(b"ARM\x64") => Self::Image,
            [0xd0, 0x0d, 0xfe, 0xed, ..] => Self::Fit,
            bytes if bytes.get(510..512) == Some(&[0x55, 0xaa]) => Self::Disk,
            _ => Self::Other,
        }
    }
}

impl Host {
    /// A device, its partitions, and the disk that it is a partition of.
    fn family<'a>(&'a self, device: &'a Device) -> impl Iterator<Item = &'a Device> {
        let is_near = move |other: &&Device| {
            other.name == device.name
                || device.disk.as_ref() == Some(&other.name)
                || other.disk.as_ref() == Some(&device.name)
        };
        self.devices.iter().filter(is_near)
    }

    fn uses_of(&self, used: &Used) -> Vec<Reason> {
        let what = match used {
            Used::Device(name) => dev(name),
            Used::File(path) => path.display().to_string(),
        };
        let uses = self.uses.iter().filter(|it| it.used == *used);
        uses.map(|usage| Reason::Busy { what: what.clone(), usage: usage.clone() }).collect()
    }
}

/// What no consent heals.
fn unfit(device: &Device, request: &Request) -> Vec<Reason> {
    let path = dev(&device.name);
    let mut reasons = Vec::new();
    if device.is_read_only {
        reasons.push(Reason::ReadOnly { device: path.clone() });
    }
    match device.bytes {
        0 => reasons.push(Reason::Empty { device: path }),
        holds if holds < request.bytes => {
            reasons.push(Reason::Small { device: path, holds, needed: request.bytes });
        }
        _ => {}
    }
    reasons
}

/// What a person has to say that they mean.
fn doubtful(device: &Device, request: &Request) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if !device.is_removable {
        reasons.push(Reason::Fixed { disk: words(device) });
    }
    match (request.content, &device.disk) {
        (Content::Disk, Some(disk)) => {
            reasons.push(Reason::Nested { partition: dev(&device.name), disk: dev(disk) });
        }
        (content @ (Content::Image | Content::Fit), _) => {
            reasons.push(Reason::Bare { device: dev(&device.name), content });
        }
        _ => {}
    }
    reasons
}

fn dev(name: &str) -> String {
    format!("/dev/{name}")
}

/// A disk as a person knows it: by what is printed on it.
fn words(device: &Device) -> String {
    let model = if device.model.is_empty() { String::new() } else { format!("{}, ", device.model) };
    format!("`/dev/{}` ({model}{})", device.name, size(device.bytes))
}

/// Bytes as they are printed on disks: in powers of 1000.
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    let unit = units.iter().find(|(unit, _)| bytes >= *unit);
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(unit, name)| format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
    )
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => {
                writeln!(f, "error: the image is empty: there is nothing to write")?;
                write!(f, "help: `bulkhead build` writes it anew")
            }
            Self::Unknown { path } => {
                writeln!(f, "error: the kernel has no disk `{}` in /sys/class/block", shown(path))?;
                write!(f, "help: `lsblk` lists the disks that there are")
            }
            Self::Busy { what, usage: Use { how, end, .. } } => {
                writeln!(f, "error: `{what}` {how}")?;
                match end {
                    Some(end) => write!(f, "help: if that can be given up: `{end}`, then flash again"),
                    None => write!(f, "help: what is in use is never written; is it the right disk?"),
                }
            }
            Self::ReadOnly { device } => {
                writeln!(f, "error: `{device}` is read-only")?;
                write!(f, "help: an SD card has a slide at its side that locks it")
            }
            Self::Empty { device } => {
                writeln!(f, "error: there is no medium in `{device}`")?;
                write!(f, "help: put the card in; `lsblk` then shows its size")
            }
            Self::Small { device, holds, needed } => {
                let size = size(*holds);
                writeln!(
                    f,
                    "error: `{device}` holds {size}, {holds} bytes, and the image has {needed} bytes"
                )?;
                write!(f, "help: take a larger one")
            }
            Self::Fixed { disk } => {
                writeln!(f, "error: {disk} is not removable: it may be the computer's own")?;
                write!(f, "help: if it is the disk that you mean, add `--yes`")
            }
            Self::Nested { partition, disk } => {
                writeln!(
                    f,
                    "error: the image is a whole disk, and `{partition}` is a partition of `{disk}`"
                )?;
                write!(f, "help: write it to `{disk}`, or add `--yes` if you mean the partition")
            }
            Self::Bare { device, content } => {
                let what = if *content == Content::Fit { "a FIT" } else { "an arm64 Image" };
                writeln!(
                    f,
                    "error: this is {what}, which firmware wants as a file: on `{device}` it finds none"
                )?;
                write!(f, "help: flash what `bulkhead build --for sd` makes, or add `--yes` if you mean it")
            }
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
