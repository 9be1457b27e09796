//! The root file system of the `linux` guest: busybox, the virtio modules, and our `/init`.

use std::{fs, io, path::Path};

use flate2::{Compression, write::GzEncoder};

use super::{cpio::Archive, find};
use crate::failure::Failure;

const FOLDERS: [&str; 14] = [
    "bin",
    "dev",
    "etc",
    "lib",
    "lib/modules",
    "mnt",
    "proc",
    "root",
    "sbin",
    "sys",
    "tmp",
    "usr",
    "usr/bin",
    "usr/sbin",
];
/// Compressed (`.ko.xz`) from Debian 13 on; `/init` unpacks them and loads them in the right order.
const MODULES: [&str; 4] = ["virtio_ring.ko", "virtio.ko", "virtio_mmio.ko", "virtio_blk.ko"];

/// Packs the initramfs from unpacked Debian packages.
pub(super) fn write(packages: &Path, init: &[u8], to: &Path) -> Result<(), Failure> {
    // Debian 13 moved it.
    let places = ["bin/busybox", "usr/bin/busybox"].map(|place| packages.join(place));
    let busybox = read(places.iter().find(|place| place.is_file()).unwrap_or(&places[0]))?;
    let mut modules = Vec::new();
    for module in MODULES {
        let compressed = format!("{module}.xz");
        if let Some(path) = find(packages, &|name| name == module || name == compressed)? {
            let name = path.file_name().unwrap_or_default().display().to_string();
            modules.push((name, read(&path)?));
        }
    }
    let packed = pack(init, &busybox, &modules).map_err(Failure::about(to))?;
    fs::write(to, packed).map_err(Failure::about(to))
}

/// Packs an initramfs of busybox, `init`, and files by their names in it.
pub(super) fn write_with(
    busybox: &Path,
    init: &[u8],
    files: &[(String, Vec<u8>)],
    to: &Path,
) -> Result<(), Failure> {
    let busybox = read(busybox)?;
    let pack = || -> io::Result<Vec<u8>> {
        let mut archive = begin(init, &busybox)?;
        archive.directory("lib/aarch64-linux-gnu")?;
        for (name, file) in files {
            archive.program(name, file)?;
        }
        archive.finish()?.finish()
    };
    fs::write(to, pack().map_err(Failure::about(to))?).map_err(Failure::about(to))
}

fn pack(init: &[u8], busybox: &[u8], modules: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut archive = begin(init, busybox)?;
    for (name, module) in modules {
        archive.file(&format!("lib/modules/{name}"), module)?;
    }
    archive.finish()?.finish()
}

/// The archive with what every initramfs has.
fn begin(init: &[u8], busybox: &[u8]) -> io::Result<Archive<GzEncoder<Vec<u8>>>> {
    let mut archive = Archive::new(GzEncoder::new(Vec::new(), Compression::default()));
    for folder in FOLDERS {
        archive.directory(folder)?;
    }
    // The console of the first process, before `/init` mounts devtmpfs.
    archive.character_device("dev/console", 5, 1)?;
    archive.program("init", init)?;
    archive.program("bin/busybox", busybox)?;
    Ok(archive)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(Failure::about(path))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let modules = [("virtio.ko".to_owned(), vec![1, 2, 3])];
        let packed = pack(b"init", b"busybox", &modules).unwrap();
        assert_eq!(packed, pack(b"init", b"busybox", &modules).unwrap());
        let mut archive = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut archive).unwrap();
        let text = String::from_utf8_lossy(&archive);
        for name in ["dev/console\0", "init\0", "bin/busybox\0", "lib/modules/virtio.ko\0"] {
            assert!(text.contains(name), "{name} is missing");
        }
    }
}
