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
        self.unpack_into(&folder)?;
        Ok(folder)
    }

    /// Unpacks all into a folder where others may be.
    pub(super) fn unpack_into(&self, folder: &Path) -> Result<(), Failure> {
        self.files
            .iter()
            .try_for_each(|file| action::run(Command::new("dpkg-deb").arg("--extract").arg(file).arg(folder)))
    }
}

/// Downloads a package, or the kernel that it depends on, and others beside it, unless the same request was
/// served before.
pub(super) fn download(folder: &Path, package: &str, others: &[&str]) -> Result<Packages, Failure> {
    serve(folder, package, |apt| {
        eprintln!("fetch: downloading {} (arm64) through apt", [&[package], others].concat().join(", "));
        let depends = action::output(apt.command("apt-cache").arg("depends").arg(package))?;
        let kernel = kernel_behind(&depends).unwrap_or(package);
        Ok([&[kernel], others].concat().into_iter().map(str::to_owned).collect())
    })
}

/// Downloads packages and everything that they depend on, unless the request of this name was served before.
pub(super) fn download_closure(folder: &Path, name: &str, packages: &[&str]) -> Result<Packages, Failure> {
    serve(folder, name, |apt| {
        eprintln!("fetch: downloading {} (arm64) and what they need through apt", packages.join(", "));
        let mut depends = apt.command("apt-cache");
        let text = action::output(depends.args(["depends", "--recurse", "--important"]).args(packages))?;
        Ok(named(&text).map(str::to_owned).collect())
    })
}

/// Downloads what `choose` chooses into the folder of the request `name`.
fn serve(
    folder: &Path,
    name: &str,
    choose: impl FnOnce(&Apt) -> Result<Vec<String>, Failure>,
) -> Result<Packages, Failure> {
    let packages = folder.join("packages").join(name);
    let complete = packages.join("complete");
    if !complete.is_file() {
        remove_if_there(&packages)?;
        fs::create_dir_all(&packages).map_err(Failure::about(&packages))?;
        let apt = Apt::new(folder)?;
        action::output(apt.command("apt-get").arg("update"))?;
        let chosen = choose(&apt)?;
        action::output(apt.command("apt-get").arg("download").args(chosen).current_dir(&packages))?;
        fs::write(&complete, "").map_err(Failure::about(&complete))?;
    }
    Ok(Packages { folder: folder.to_owned(), files: deb_files(&packages)? })
}

/// Downloads the newest kernel of a series such as `6.12`, unless one was downloaded before.
pub(super) fn newest_kernel(folder: &Path, series: &str) -> Result<Packages, Failure> {
    serve(folder, series, |apt| {
        eprintln!("fetch: downloading the newest kernel {series} (arm64) through apt");
        let pattern = format!("^linux-image-{}\\.", series.replace('.', "\\."));
        let found = action::output(apt.command("apt-cache").args(["search", "--names-only", &pattern]))?;
        let kernel = newest(&found, series).ok_or_else(|| {
            let hint = "add Debian's backports to apt's sources, or use a Debian that has it";
            Failure::missing(format!("apt knows no kernel {series} for arm64; {hint}"))
        })?;
        Ok(vec![kernel.to_owned()])
    })
}

/// The package that a board takes its device tree from: `linux-image-SERIES` stands for the newest kernel of that
/// series, any other name for itself.
pub(super) fn tree_package(folder: &Path, package: &str) -> Result<Packages, Failure> {
    match series_of(package) {
        Some(series) => newest_kernel(folder, series),
        None => download(folder, package, &[]),
    }
}

fn series_of(package: &str) -> Option<&str> {
    let series = package.strip_prefix("linux-image-")?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    series
        .split_once('.')
        .is_some_and(|(major, minor)| is_number(major) && is_number(minor))
        .then_some(series)
}

/// The packages that `apt-cache depends --recurse` has looked at: those that exist stand at the beginning of a
/// line, without angle brackets.
fn named(depends: &str) -> impl Iterator<Item = &str> {
    depends.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()))
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

/// The newest general kernel of a series in what `apt-cache search` found; a signed one before its twin.
fn newest<'a>(found: &'a str, series: &str) -> Option<&'a str> {
    let names = found.lines().filter_map(|line| line.split(' ').next());
    let order = |name: &&str| {
        let version = name.strip_prefix("linux-image-")?.strip_prefix(series)?.strip_prefix('.')?;
        let signed = version.strip_suffix("-arm64");
        let version = signed.or(version.strip_suffix("-arm64-unsigned"))?;
        let (patch, rest) = version.split_once('+').unwrap_or((version, ""));
        let is_general = !rest.contains("-rt") && !rest.contains("-cloud");
        Some((patch.parse::<u32>().ok().filter(|_| is_general)?, signed.is_some()))
    };
    names.filter(|name| order(name).is_some()).max_by_key(order)
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
    fn the_newest_general_kernel_is_taken() {
        let found = "linux-image-6.12.9+deb12-arm64 - Linux 6.12 (signed)\n\
                     linux-image-6.12.95+deb12-rt-arm64 - PREEMPT_RT\n\
                     linux-image-6.12.94+deb12-arm64-unsigned - Linux 6.12\n\
                     linux-image-6.12.94+deb12-arm64 - Linux 6.12 (signed)\n\
                     linux-image-6.12.95+deb12-arm64-16k - 16k pages\n\
                     linux-image-6.12.96+deb12-cloud-arm64 - cloud\n";
        assert_eq!(newest(found, "6.12"), Some("linux-image-6.12.94+deb12-arm64"));
        assert_eq!(newest(found, "6.13"), None);
    }

    #[test]
    fn a_package_may_stand_for_a_series_of_kernels() {
        assert_eq!(series_of("linux-image-6.12"), Some("6.12"));
        for itself in ["linux-image-arm64", "linux-image-6.1.0-42-arm64", "linux-image-6.", "u-boot-qemu"] {
            assert_eq!(series_of(itself), None, "{itself}");
        }
    }

    #[test]
    fn only_packages_that_exist_are_named() {
        let depends =
            "rt-tests\n  Depends: libc6\n |Depends: debconf\n    <debconf-2.0>\nlibc6\n<debconf-2.0>\n";
        assert_eq!(named(depends).collect::<Vec<_>>(), ["rt-tests", "libc6"]);
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
