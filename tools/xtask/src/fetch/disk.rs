//! The disk of the `linux` guest: an ext4 file system with files whose content is known.
//!
//! `mke2fs -d` fills it without root. Identifiers, owners and times are fixed, so two fetches with the same
//! e2fsprogs give the same bytes.

use std::{
    fs::{self, File, FileTimes},
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use super::{remove_if_there, sha256};
use crate::{action, failure::Failure, workspace::program};

const HELLO: &str = "A file on the disk of the linux partition.\n";
const FILES: [&str; 3] = ["data.bin", "data.sha256", "hello.txt"];
const DATA_BYTES: usize = 16 << 20;
const DISK_BYTES: u64 = 64 << 20;
const IDENTIFIER: &str = "b01c4ead-0000-4000-8000-000000000001";
/// 2020-01-01, the time that QEMU's tests start at too.
const EPOCH: u64 = 1_577_836_800;

/// Writes the disk; `folder` is where its files are put together.
pub(super) fn write(folder: &Path, to: &Path) -> Result<(), Failure> {
    remove_if_there(folder)?;
    remove_if_there(to)?;
    fs::create_dir_all(folder).map_err(Failure::about(folder))?;
    let data = pattern(DATA_BYTES);
    let checksum = format!("{}  data.bin\n", sha256(&data));
    for (name, content) in FILES.into_iter().zip([data.as_slice(), checksum.as_bytes(), HELLO.as_bytes()]) {
        write_file(&folder.join(name), content)?;
    }
    set_time(folder)?;
    File::create(to).and_then(|disk| disk.set_len(DISK_BYTES)).map_err(Failure::about(to))?;
    make_file_system(folder, to)?;
    settle(folder, to)?;
    remove_if_there(folder)
}

fn make_file_system(folder: &Path, disk: &Path) -> Result<(), Failure> {
    let mut command = tool("mke2fs")?;
    command
        .args(["-q", "-F", "-t", "ext4", "-O", "^metadata_csum,^64bit", "-m", "0", "-U", IDENTIFIER])
        .args(["-E", &format!("hash_seed={IDENTIFIER},root_owner=0:0,lazy_itable_init=0"), "-d"])
        .args([folder, disk]);
    action::output(&mut command).map(drop)
}

/// Overwrites what `mke2fs` took from the host: the person's number and the time of the copy.
fn settle(folder: &Path, disk: &Path) -> Result<(), Failure> {
    let fields = [("uid", "0".to_owned()), ("gid", "0".to_owned()), ("ctime", format!("@{EPOCH}"))];
    let lines = FILES.iter().flat_map(|file| {
        fields.iter().map(move |(field, value)| format!("set_inode_field /{file} {field} {value}\n"))
    });
    let script = folder.join("script");
    fs::write(&script, lines.collect::<String>()).map_err(Failure::about(&script))?;
    let mut command = tool("debugfs")?;
    action::output(command.arg("-w").arg("-f").args([&script, disk])).map(drop)
}

/// A program of e2fsprogs for which it is always the same time.
fn tool(name: &str) -> Result<Command, Failure> {
    let path =
        program(name).ok_or_else(|| Failure::missing(format!("`{name}` (e2fsprogs) is not installed")))?;
    let mut command = Command::new(path);
    // The second name is that of the same wish before e2fsprogs 1.47.1.
    command.env("SOURCE_DATE_EPOCH", EPOCH.to_string()).env("E2FSPROGS_FAKE_TIME", EPOCH.to_string());
    Ok(command)
}

/// Bytes without a period that a disk could hide behind.
fn pattern(length: usize) -> Vec<u8> {
    let mut state: u32 = 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), Failure> {
    fs::write(path, content).map_err(Failure::about(path))?;
    set_time(path)
}

fn set_time(path: &Path) -> Result<(), Failure> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH);
    let times = FileTimes::new().set_modified(time).set_accessed(time);
    File::open(path).and_then(|file| file.set_times(times)).map_err(Failure::about(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_is_always_the_same() {
        assert_eq!(pattern(8), [33, 32, 4, 0, 1, 6, 8, 4]);
        assert_eq!(pattern(DATA_BYTES).len(), DATA_BYTES);
    }

    #[test]
    fn the_pattern_does_not_repeat_from_block_to_block() {
        let bytes = pattern(1 << 20);
        let mut blocks: Vec<&[u8]> = bytes.chunks(512).collect();
        blocks.sort_unstable();
        blocks.dedup();
        assert_eq!(blocks.len(), (1 << 20) / 512);
    }
}
