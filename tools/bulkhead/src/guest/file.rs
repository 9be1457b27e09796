//! Finds image files: beside the system file first, then in the image folders.
//!
//! A file beside its system belongs to it; what is built or fetched lies in a folder of its own, outside of
//! the repository's sources.

use crate::diagnostic::{Code, Diagnostic, Report, Site};
use crate::load::shown;
use std::fs;
use std::path::{Path, PathBuf};

/// Where an image is; `None` if no folder has it.
pub(crate) fn find(name: &Path, folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// An image that a partition asks for.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a Path,
    pub(super) owner: &'a str,
    pub(super) site: &'a Site,
}

impl Wanted<'_> {
    /// Its contents; `None` after a fault was filed.
    pub(super) fn read(&self, folders: &[PathBuf], report: &mut Report) -> Option<Vec<u8>> {
        let Some(path) = find(self.name, folders) else {
            report.push(self.missing("there is no such file", folders));
            return None;
        };
        fs::read(path).map_err(|error| report.push(self.missing(&error.to_string(), folders))).ok()
    }

    fn missing(&self, why: &str, folders: &[PathBuf]) -> Diagnostic {
        let title = format!("cannot read `{}` of `{}`: {why}", self.name.display(), self.owner);
        let looked: Vec<String> = folders.iter().map(|folder| format!("`{}`", shown(folder))).collect();
        Diagnostic::new(Code::ImageMissing, title)
            .at(self.site, "named here")
            .note(format!("looked in {}", looked.join(", ")))
            .help("put it beside the system file, or name its folder with `--images`")
    }
}
