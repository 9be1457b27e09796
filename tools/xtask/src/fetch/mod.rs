//! Fetches guests that are not built here: `linux`, which is kernel, initramfs and disk, `u-boot`.
//!
//! The recipe of `linux` and why it is so are in `partitions/linux/README.md`. Packages are kept under
//! `target/fetch`, so a changed recipe needs no network, and a complete result is left alone.

mod apt;
mod boards;
mod cpio;
mod device_trees;
mod disk;
mod initramfs;
mod kernels;
mod u_boot;
mod workloads;

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    failure::Failure,
    setup::{self, Distribution, Install, Tool},
    workspace::{images, root, target_dir},
};

pub(crate) use boards::boards;
pub(crate) use device_trees::device_trees;
pub(crate) use kernels::kernels;
pub(crate) use u_boot::u_boot;
pub(crate) use workloads::workloads;

/// Debian's name for its smallest kernel that boots here.
pub(crate) const KERNEL_PACKAGE: &str = "linux-image-cloud-arm64";

const BUSYBOX_PACKAGE: &str = "busybox-static";
/// Counts up when a change of this program changes what it makes.
const RECIPE: u32 = 1;
const RESULTS: [&str; 3] = ["Image", "initrd.cpio.gz", "disk.img"];

/// Fetches and packs what is missing of the `linux` guest.
pub(crate) fn linux(kernel_package: &str, install: Install) -> Result<(), Failure> {
    let results = images().join("linux");
    let stamp = results.join("stamp");
    let init = linux_init()?;
    let recipe = format!("{kernel_package} {RECIPE} {}\n", sha256(&init));
    let is_complete = RESULTS.iter().all(|name| results.join(name).is_file());
    if is_complete && fs::read_to_string(&stamp).is_ok_and(|text| text.starts_with(&recipe)) {
        return Ok(());
    }
    require_debian()?;
    setup::provide(&[Tool::FileSystem], install)?;
    fs::create_dir_all(&results).map_err(Failure::about(&results))?;
    remove_if_there(&stamp)?;
    let packages = apt::download(&target_dir().join("fetch/linux"), kernel_package, &[BUSYBOX_PACKAGE])?;
    pack(&packages, &init, &results)?;
    fs::write(&stamp, recipe + &packages.names()).map_err(Failure::about(&stamp))
}

/// Makes the disk alone, for a kernel and an initramfs of the person's own.
pub(crate) fn linux_disk(install: Install) -> Result<(), Failure> {
    let results = images().join("linux");
    let disk = results.join("disk.img");
    if disk.is_file() {
        return Ok(());
    }
    setup::provide(&[Tool::FileSystem], install)?;
    fs::create_dir_all(&results).map_err(Failure::about(&results))?;
    disk::write(&target_dir().join("fetch/linux/disk"), &disk)
}

fn require_debian() -> Result<(), Failure> {
    match Distribution::here() {
        Distribution::Debian { .. } => Ok(()),
        Distribution::Other(name) => Err(Failure::missing(format!(
            "`fetch` takes Debian's packages through apt, which {name} has not; for Linux give your own \
             files to `cargo xtask demo linux --kernel PATH --initrd PATH`"
        ))),
    }
}

fn pack(packages: &apt::Packages, init: &[u8], results: &Path) -> Result<(), Failure> {
    eprintln!("fetch: packing {}", packages.names().trim_end().replace('\n', ", "));
    let files = packages.unpack()?;
    let kernel = kernel_in(&files, packages)?;
    let image = results.join("Image");
    fs::copy(&kernel, &image).map_err(Failure::about(&kernel))?;
    initramfs::write(&files, init, &results.join("initrd.cpio.gz"))?;
    disk::write(&target_dir().join("fetch/linux/disk"), &results.join("disk.img"))?;
    remove_if_there(&files)
}

/// What every kernel starts first.
fn linux_init() -> Result<Vec<u8>, Failure> {
    let init = root().join("partitions/linux/init");
    fs::read(&init).map_err(Failure::about(&init))
}

/// The kernel among the files of packages.
fn kernel_in(files: &Path, packages: &apt::Packages) -> Result<PathBuf, Failure> {
    find(files, &|name| name.starts_with("vmlinuz-"))?
        .ok_or_else(|| Failure::failed(format!("no kernel in {}", packages.names().trim_end())))
}

fn remove_if_there(path: &Path) -> Result<(), Failure> {
    let result = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::about(path)(error)),
        _ => Ok(()),
    }
}

/// The file below `folder` whose name is right.
fn find(folder: &Path, is_right: &dyn Fn(&str) -> bool) -> Result<Option<PathBuf>, Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::about(folder))? {
        let entry = entry.map_err(Failure::about(folder))?;
        let kind = entry.file_type().map_err(Failure::about(folder))?;
        let found = match kind.is_dir() {
            true => find(&entry.path(), is_right)?,
            false => is_right(&entry.file_name().to_string_lossy()).then(|| entry.path()),
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The file at `path` below `folder`; a `*` in a name stands for anything.
fn find_path(folder: &Path, path: &str) -> Option<PathBuf> {
    let (name, rest) = path.split_once('/').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|entry| entry.file_name().is_some_and(|it| is_called(&it.to_string_lossy(), name)))
        .collect();
    found.sort();
    found.into_iter().find_map(|entry| match rest {
        Some(rest) => find_path(&entry, rest),
        None => entry.is_file().then_some(entry),
    })
}

/// Whether `name` is what `pattern` says, in which the first `*` stands for anything.
fn is_called(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
        None => name == pattern,
    }
}

/// The SHA-256 of some bytes, in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_star_leads_to_the_one_file_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let trees = folder.path().join("lib/linux-image-6.12.9-arm64/maker");
        fs::create_dir_all(&trees).unwrap();
        fs::write(trees.join("board.dtb"), "tree").unwrap();
        let found = |path: &str| find_path(folder.path(), path);
        assert_eq!(found("lib/linux-image-*/maker/board.dtb"), Some(trees.join("board.dtb")));
        for nothing in ["lib/linux-image-*/maker/other.dtb", "lib/linux-image-*/maker", "lib/linux", "*"] {
            assert_eq!(found(nothing), None, "{nothing}");
        }
    }
}
