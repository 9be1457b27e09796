//! Downloads arm64 packages through this machine's apt without touching its state.
//!
//! The machine's own sources and keys are used, so its mirror and its trust are, but lists, cache and
//! architecture are private: nothing is installed and no root is needed.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::remove_if_there;
use crate::{action, failure::Failure};

/// Downloaded packages.
pub(super) struct Packages {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Packages {
    /// File names, one in a line, versions included.
    pub(super) fn names(&self) -> String {
        let names = self.files.iter().filter_map(|file| file.file_name());
        names.map(|name| format!("{}\n", name.display())).collect()
    }

    /// Unpacks all into one folder.
    pub(super) fn unpack(&self) -> Result<PathBuf, Failure> {
        let folder = self.folder.join("files");
        remove_if_there(&folder)?;
        for file in &self.files {
            action::run(Command::new("dpkg-deb").arg("--extract").arg(file).arg(&folder))?;
        }
        Ok(folder)
    }
}

/// Downloads a package, or the kernel that it depends on, and others beside it, unless the same request was
/// served before.
pub(super) fn download(folder: &Path, package: &str, others: &[&str]) -> Result<Packages, Failure> {
    let packages = folder.join("packages").join(package);
    let complete = packages.join("complete");
    if !complete.is_file() {
        remove_if_there(&packages)?;
        fs::create_dir_all(&packages).map_err(Failure::about(&packages))?;
        let apt = Apt::new(folder)?;
        eprintln!("fetch: downloading {} (arm64) through apt", [&[package], others].concat().join(", "));
        action::output(apt.command("apt-get").arg("update"))?;
        let depends = action::output(apt.command("apt-cache").arg("depends").arg(package))?;
        let kernel = kernel_behind(&depends).unwrap_or(package);
        let mut download = apt.command("apt-get");
        action::output(download.args(["download", kernel]).args(others).current_dir(&packages))?;
        fs::write(&complete, "").map_err(Failure::about(&complete))?;
    }
    Ok(Packages { folder: folder.to_owned(), files: deb_files(&packages)? })
}

struct Apt {
    options: Vec<OsString>,
}

impl Apt {
    fn new(folder: &Path) -> Result<Self, Failure> {
        let (lists, cache) = (folder.join("lists"), folder.join("cache"));
        for place in [lists.join("partial"), cache.join("archives/partial")] {
            fs::create_dir_all(&place).map_err(Failure::about(&place))?;
        }
        let settings = [
            "APT::Architecture=arm64".into(),
            "APT::Architectures=arm64".into(),
            // The other user that apt downloads as may not enter this folder.
            "APT::Sandbox::User=".into(),
            "Dir::State::status=/dev/null".into(),
            setting("Dir::State::Lists=", &lists),
            setting("Dir::Cache=", &cache),
        ];
        Ok(Self { options: settings.into_iter().flat_map(|setting| ["-o".into(), setting]).collect() })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options).arg("-q");
        command
    }
}

fn setting(name: &str, path: &Path) -> OsString {
    let mut setting = OsString::from(name);
    setting.push(path);
    setting
}

/// The kernel package that a package without files of its own depends on.
fn kernel_behind(depends: &str) -> Option<&str> {
    let mut names = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.find(|name| name.starts_with("linux-image-"))
}

fn deb_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(Failure::about(folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(Failure::about(folder))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meta_package_names_its_kernel() {
        let depends = "linux-image-cloud-arm64\n  Depends: linux-image-6.1.0-42-cloud-arm64\n";
        assert_eq!(kernel_behind(depends), Some("linux-image-6.1.0-42-cloud-arm64"));
    }

    #[test]
    fn a_kernel_package_is_its_own_kernel() {
        let depends = "linux-image-6.1.0-42-cloud-arm64\n  Depends: kmod\n |Depends: linux-initramfs-tool\n  Suggests: linux-image-x\n";
        assert_eq!(kernel_behind(depends), None);
    }

    #[test]
    fn packages_are_listed_in_order_without_other_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b_2_arm64.deb", "a_1_arm64.deb", "complete"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let packages = Packages { folder: PathBuf::new(), files: deb_files(folder.path()).unwrap() };
        assert_eq!(packages.names(), "a_1_arm64.deb\nb_2_arm64.deb\n");
    }
}
