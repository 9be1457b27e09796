//! Finds image files: beside the system file first, then in the image folders.
//!
//! A file beside its system belongs to it; what is built or fetched lies in a folder of its own, outside of
//! the repository's sources.

use crate::diagnostic::{Code, Diagnostic, Report, Site};
use crate::load::shown;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where an image is; `None` if no folder has it.
pub(crate) fn find(name: &Path, folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// What keeps it from being read although a folder has something of that name; `None` if none has.
pub(crate) fn obstacle(name: &Path, folders: &[PathBuf]) -> Option<String> {
    folders.iter().find_map(|folder| match fs::metadata(folder.join(name)) {
        Ok(it) if it.is_dir() => Some("it is a directory".to_owned()),
        Ok(_) => Some("it is no regular file".to_owned()),
        Err(error) => (error.kind() != ErrorKind::NotFound).then(|| error.to_string()),
    })
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
            report.push(match obstacle(self.name, folders) {
                Some(why) => self.unreadable(&why),
                None => self.missing(folders),
            });
            return None;
        };
        fs::read(path).map_err(|error| report.push(self.unreadable(&error.to_string()))).ok()
    }

    fn missing(&self, folders: &[PathBuf]) -> Diagnostic {
        let looked: Vec<String> = folders.iter().map(|folder| format!("`{}`", shown(folder))).collect();
        self.unreadable("there is no such file")
            .note(format!("looked in {}", looked.join(", ")))
            .help("put it beside the system file, or name its folder with `--images`")
    }

    fn unreadable(&self, why: &str) -> Diagnostic {
        let title = format!("cannot read `{}` of `{}`: {why}", self.name.display(), self.owner);
        Diagnostic::new(Code::ImageMissing, title).at(self.site, "named here")
    }
}
