//! What a path leads to.

use rustix::fs::{major, minor};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What is to be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An ordinary file, or none yet, with links resolved.
    File(PathBuf),
    /// A disk or a partition, by its major and minor number.
    Device((u32, u32)),
}

impl Target {
    /// Looks where a path leads; the error says why nothing can be written there.
    pub fn at(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return new_file(path),
            Err(error) => return Err(format!("error: looking at `{shown}`: {error}")),
        };
        let kind = found.file_type();
        if kind.is_block_device() {
            return Ok(Self::Device((major(found.rdev()), minor(found.rdev()))));
        }
        if kind.is_file() {
            let whole =
                fs::canonicalize(path).map_err(|error| format!("error: looking at `{shown}`: {error}"))?;
            return Ok(Self::File(whole));
        }
        let help = if kind.is_dir() {
            "help: a mounted disk shows its files there; name the disk itself, such as /dev/sdb"
        } else {
            "help: `lsblk` lists the disks that there are"
        };
        Err(format!("error: `{shown}` is neither a disk nor a file\n{help}"))
    }
}

/// Where a file could be made. Not in `/dev`: that is a name mistyped, or a card that is not in yet, and the file
/// would lie in memory.
fn new_file(path: &Path) -> Result<Target, String> {
    let shown = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::canonicalize(folder)
        .map_err(|error| format!("error: looking at the folder of `{shown}`: {error}"))?;
    if folder.starts_with("/dev") {
        return Err(format!(
            "error: there is no disk `{shown}`\nhelp: `lsblk` lists the disks that there are"
        ));
    }
    let name = path.file_name().ok_or_else(|| format!("error: `{shown}` is no name of a file"))?;
    Ok(Target::File(folder.join(name)))
}
