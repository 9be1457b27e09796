//! Fetches the device trees that boards name: package, path in it, SHA-256.
//!
//! They belong to others and are not handed on, so each machine gets them from Debian. A package that has
//! another tree than the board names is newer or older than the board: a person has to look.

use std::{fs, path::Path};

use bulkhead::boards::{Fetched, fetched};

use super::{apt, find_path, remove_if_there, require_debian, sha256};
use crate::{
    failure::Failure,
    workspace::{images, target_dir},
};

/// Fetches all trees that are missing.
pub(crate) fn boards() -> Result<(), Failure> {
    let is_missing = |wanted: &Fetched| {
        fs::read(images().join(&wanted.to)).map_or(true, |bytes| sha256(&bytes) != wanted.sha256)
    };
    let mut missing: Vec<Fetched> = fetched()?.into_iter().filter(is_missing).collect();
    missing.sort_by(|one, other| one.package.cmp(&other.package));
    for wanted in missing.chunk_by(|one, other| one.package == other.package) {
        require_debian()?;
        let packages = apt::tree_package(&target_dir().join("fetch/device-trees"), &wanted[0].package)?;
        let files = packages.unpack()?;
        for tree in wanted {
            take(tree, &files, packages.names().trim_end())?;
        }
        remove_if_there(&files)?;
    }
    Ok(())
}

fn take(wanted: &Fetched, files: &Path, package: &str) -> Result<(), Failure> {
    let Fetched { board, path, .. } = wanted;
    let from = find_path(files, path)
        .ok_or_else(|| Failure::failed(format!("`{board}`: {package} has no `{path}`")))?;
    let bytes = fs::read(&from).map_err(Failure::about(&from))?;
    let found = sha256(&bytes);
    if found != wanted.sha256 {
        return Err(Failure::failed(format!(
            "`{board}`: the device tree in {package} is not the one that its board.toml names: SHA-256 {found}\n\
             look at what has changed; if the board still works, write that into `[fetch]`"
        )));
    }
    let to = images().join(&wanted.to);
    let folder = to.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder).map_err(Failure::about(folder))?;
    fs::write(&to, bytes).map_err(Failure::about(&to))
}
