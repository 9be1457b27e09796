//! Builds what runs on the board and puts it where systems look for it.

use std::{fs, path::Path};

use system_tests::PLUGIN;

use crate::{
    action, errata,
    failure::Failure,
    workspace::{TARGET, board_packages, cargo, images, target_dir},
};

const HYPERVISOR: &str = "hypervisor";

/// Binaries and the names under which systems know them.
const IMAGES: [(&str, &str); 10] = [
    (HYPERVISOR, "bulkhead.elf"),
    ("bench", "bench.elf"),
    ("hello", "hello.elf"),
    ("intruder", "intruder.elf"),
    ("keeper", "keeper.elf"),
    ("patient", "patient.elf"),
    ("ticker", "ticker.elf"),
    ("trespasser", "trespasser.elf"),
    ("warden", "warden.elf"),
    ("witness", "witness.elf"),
];

/// Builds the hypervisor and the partitions, and the plugin that counts what they do.
pub(crate) fn build() -> Result<(), Failure> {
    action::run(&mut cargo(&["build", "--release", "--package", "counter-plugin"]))?;
    let mut command = cargo(&["build", "--release", "--target", TARGET]);
    command.args(board_packages());
    action::run(&mut command)?;
    let built = target_dir().join(TARGET).join("release");
    fs::create_dir_all(images()).map_err(Failure::about(&images()))?;
    for (binary, image) in IMAGES {
        let from = built.join(binary);
        let mut bytes = fs::read(&from).map_err(Failure::about(&from))?;
        if binary == HYPERVISOR {
            errata::separate(&mut bytes)?;
        }
        write_if_changed(&images().join(image), &bytes)?;
    }
    let plugin = target_dir().join("release/libcounter_plugin.so");
    let bytes = fs::read(&plugin).map_err(Failure::about(&plugin))?;
    write_if_changed(&images().join(PLUGIN), &bytes)
}

/// Keeps the time of an unchanged file, so that what is made from it is not made again.
pub(crate) fn write_if_changed(to: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(to, bytes).map_err(Failure::about(to))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn an_unchanged_file_keeps_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        write_if_changed(&file, b"1").unwrap();
        let long_ago = SystemTime::UNIX_EPOCH;
        fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
        write_if_changed(&file, b"1").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), long_ago);
        write_if_changed(&file, b"2").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"2");
    }
}
