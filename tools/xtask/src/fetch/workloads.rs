//! Fetches workloads for Linux: benchmarks from Debian, with the libraries that they need.
//!
//! They go into an initramfs of their own beside that of the `linux` guest; its `/init` runs the one that the
//! kernel's command line names.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use object::{
    Endianness,
    read::elf::{Dyn, ElfFile64, FileHeader, SectionHeader as _},
};

use super::{BUSYBOX_PACKAGE, apt, initramfs, remove_if_there, require_debian, sha256};
use crate::{
    failure::Failure,
    workspace::{images, root, target_dir},
};

/// Where the initramfs is, below the folder of images.
const RESULT: &str = "linux/workloads.cpio.gz";
const PACKAGES: [&str; 5] = ["rt-tests", "stress-ng", "sysbench", "linux-perf", BUSYBOX_PACKAGE];
const PROGRAMS: [&str; 5] = ["cyclictest", "hackbench", "stress-ng", "sysbench", "perf"];
/// Where Debian has libraries, and where the loader looks for them.
const LIBRARIES: [&str; 2] = ["usr/lib/aarch64-linux-gnu", "lib/aarch64-linux-gnu"];
const LOADER: &str = "lib/ld-linux-aarch64.so.1";
/// Counts up when a change of this program changes what it makes.
const RECIPE: u32 = 1;

/// Fetches and packs the initramfs of workloads, if it is missing.
pub(crate) fn workloads() -> Result<(), Failure> {
    let result = images().join(RESULT);
    let stamp = result.with_extension("stamp");
    let init = root().join("partitions/linux/workload");
    let init = fs::read(&init).map_err(Failure::about(&init))?;
    let recipe = format!("{RECIPE} {}\n", sha256(&init));
    if result.is_file() && fs::read_to_string(&stamp).is_ok_and(|text| text == recipe) {
        return Ok(());
    }
    require_debian()?;
    let packages = apt::download_closure(&target_dir().join("fetch/workloads"), "workloads", &PACKAGES)?;
    let folder = packages.unpack()?;
    let mut files = BTreeMap::new();
    for program in PROGRAMS {
        add(&folder, &format!("usr/bin/{program}"), &mut files)?;
    }
    fs::create_dir_all(images().join("linux")).map_err(Failure::about(&result))?;
    let files: Vec<(String, Vec<u8>)> = files.into_iter().collect();
    let busybox = first(&folder, &["usr/bin", "bin"], "busybox")?;
    initramfs::write_with(&busybox, &init, &files, &result)?;
    remove_if_there(&folder)?;
    fs::write(&stamp, recipe).map_err(Failure::about(&stamp))
}

/// Adds the file and the libraries that it names.
fn add(folder: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    if files.contains_key(name) {
        return Ok(());
    }
    let (place, file) = name.rsplit_once('/').unwrap_or(("", name));
    let places = if LIBRARIES.contains(&place) { &LIBRARIES[..] } else { &[place] };
    let path = first(folder, places, file)?;
    let bytes = fs::read(&path).map_err(Failure::about(&path))?;
    let needed =
        needed(&bytes).ok_or_else(|| Failure::failed(format!("{}: not an ELF file", path.display())))?;
    files.insert(name.to_owned(), bytes);
    for library in needed {
        let is_loader = LOADER.ends_with(&library);
        let name = if is_loader { LOADER.to_owned() } else { format!("{}/{library}", LIBRARIES[1]) };
        match is_loader {
            true if !files.contains_key(&name) => {
                let path = first(folder, &LIBRARIES, &library)?;
                files.insert(name, fs::read(&path).map_err(Failure::about(&path))?);
            }
            true => {}
            false => add(folder, &name, files)?,
        }
    }
    Ok(())
}

fn first(folder: &Path, places: &[&str], file: &str) -> Result<PathBuf, Failure> {
    let found = places.iter().map(|place| folder.join(place).join(file)).find(|path| path.is_file());
    found.ok_or_else(|| Failure::failed(format!("no package has {file}")))
}

/// The libraries that an ELF file names, and the loader; `None` if it is no ELF file.
fn needed(bytes: &[u8]) -> Option<Vec<String>> {
    let file = ElfFile64::<Endianness>::parse(bytes).ok()?;
    let endian = file.endian();
    let sections = file.elf_header().sections(endian, bytes).ok()?;
    let mut names = Vec::new();
    if let Some((entries, strings)) = sections.dynamic(endian, bytes).ok()? {
        let strings = sections.strings(endian, bytes, strings).ok()?;
        let wanted = entries.iter().filter(|entry| entry.d_tag(endian) == object::elf::DT_NEEDED);
        for entry in wanted {
            names.push(String::from_utf8_lossy(entry.string(endian, strings).ok()?).into_owned());
        }
    }
    // An interpreter has no dynamic entry of its own in the program that it loads.
    if sections.section_by_name(endian, b".interp").is_some_and(|(_, section)| section.sh_size(endian) > 0) {
        names.push("ld-linux-aarch64.so.1".to_owned());
    }
    Some(names)
}
