//! The mistakes in `reject/`, and how to run them.
//!
//! What a case is made of, `reject.rs` says.

use super::tests;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A system to check, relative to the package, and what it brings along.
pub(crate) struct Run {
    pub(crate) system: PathBuf,
    images: PathBuf,
    programs: PathBuf,
}

/// A mistake and its repair.
pub(crate) struct Case {
    /// Its path below `reject`.
    pub(crate) name: String,
    /// With the mistake.
    pub(crate) wrong: Run,
    /// Without.
    pub(crate) repaired: Run,
}

impl Run {
    /// Checks as a person would, from the package's folder, with these options.
    pub(crate) fn check(&self, options: &[&str]) -> Output {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        // A case with a lock file is about what that keeps where it is.
        let lock = package.join(&self.system).with_file_name("layout.lock");
        Command::new(env!("CARGO_BIN_EXE_bulkhead"))
            .args(["check".as_ref(), self.system.as_os_str(), "--images".as_ref(), self.images.as_os_str()])
            .args(lock.is_file().then_some("--locked"))
            .args(options)
            .current_dir(package)
            .env("PATH", package.join(&self.programs))
            .env("BOARD", tests().join("board/extra.dtb"))
            .output()
            .unwrap()
    }
}

impl Case {
    /// A case that is one file beside its board; QEMU is not there.
    fn file(folder: &Path, name: &str) -> Self {
        let images = PathBuf::from("tests/images");
        let run = |file: String| Run {
            system: folder.join(file),
            images: images.clone(),
            programs: folder.to_owned(),
        };
        Self {
            name: folder.join(name).strip_prefix("tests/reject").unwrap().display().to_string(),
            wrong: run(format!("{name}.toml")),
            repaired: run(format!("{name}.fixed.toml")),
        }
    }

    /// A case that is a folder; QEMU is what it brings along, and for the repair one that works.
    fn folder(folder: &Path) -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let images = |folder: PathBuf| {
            let is_there = package.join(&folder).is_dir();
            if is_there { folder } else { "tests/images".into() }
        };
        let checked = fs::read_to_string(package.join(folder).join("checked"));
        let checked = checked.unwrap_or_else(|_| "system.toml".to_owned());
        Self {
            name: folder.strip_prefix("tests/reject").unwrap().display().to_string(),
            wrong: Run {
                system: folder.join(checked.trim()),
                images: images(folder.join("images")),
                programs: folder.join("bin"),
            },
            repaired: Run {
                system: folder.join("fixed/system.toml"),
                images: images(folder.join("fixed/images")),
                programs: "tests/programs".into(),
            },
        }
    }
}

/// All cases below a folder of the package, `tests/reject` or one of its boards.
fn cases_in(folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            let inner = folder.join(&name);
            cases.extend(if name.starts_with("on-") { cases_in(&inner) } else { vec![Case::folder(&inner)] });
        } else if let Some(stem) = name.strip_suffix(".toml")
            && name != "board.toml"
            && !stem.ends_with(".fixed")
        {
            cases.push(Case::file(folder, stem));
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// All cases, by name.
pub(crate) fn cases() -> Vec<Case> {
    cases_in(Path::new("tests/reject"))
}
