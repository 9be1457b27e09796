//! Fetches the `u-boot` guest: Debian's U-Boot for QEMU's `virt`, as it is.
//!
//! A program for the bare board that knows nothing of partitions: it is linked for fixed addresses and finds
//! its device tree where RAM begins.

use std::fs;

use super::{apt, find, remove_if_there, require_debian};
use crate::{
    failure::Failure,
    workspace::{images, target_dir},
};

const PACKAGE: &str = "u-boot-qemu";
/// Its folder for this machine; the package has others for other architectures.
const FOLDER: &str = "usr/lib/u-boot/qemu_arm64";

/// Fetches `u-boot.bin`, if it is missing.
pub(crate) fn u_boot() -> Result<(), Failure> {
    let result = images().join("u-boot.bin");
    if result.is_file() {
        return Ok(());
    }
    require_debian()?;
    let packages = apt::download(&target_dir().join("fetch/u-boot"), PACKAGE, &[])?;
    let files = packages.unpack()?;
    let binary = find(&files.join(FOLDER), &|name| name == "u-boot.bin")?
        .ok_or_else(|| Failure::failed(format!("no u-boot.bin in {}", packages.names().trim_end())))?;
    fs::create_dir_all(images()).map_err(Failure::about(&images()))?;
    fs::copy(&binary, &result).map_err(Failure::about(&binary))?;
    remove_if_there(&files)
}
