//! Fetches the device trees of real boards: those of Debian's kernel for arm64.
//!
//! They are in the kernel's package, a file for each board that Linux knows. Only the trees are kept.

use std::fs;

use super::{apt, remove_if_there, require_debian};
use crate::{
    failure::Failure,
    workspace::{images, target_dir},
};

/// The kernels whose trees the tests know.
const SERIES: &str = "6.12";

/// Fetches all trees, if they are missing, with the name of the package that they come from.
pub(crate) fn device_trees() -> Result<(), Failure> {
    let results = images().join("device-trees");
    let stamp = results.join("package");
    if stamp.is_file() {
        return Ok(());
    }
    require_debian()?;
    let packages = apt::newest_kernel(&target_dir().join("fetch/device-trees"), SERIES)?;
    let files = packages.unpack()?;
    let library = files.join("usr/lib");
    let mut folders = fs::read_dir(&library).map_err(Failure::about(&library))?.flatten();
    let trees = folders
        .find(|entry| entry.file_name().to_string_lossy().starts_with("linux-image-"))
        .ok_or_else(|| Failure::failed(format!("no device trees in {}", packages.names().trim_end())))?;
    remove_if_there(&results)?;
    fs::create_dir_all(images()).map_err(Failure::about(&images()))?;
    fs::rename(trees.path(), &results).map_err(Failure::about(&results))?;
    fs::write(&stamp, packages.names()).map_err(Failure::about(&stamp))?;
    remove_if_there(&files)
}
