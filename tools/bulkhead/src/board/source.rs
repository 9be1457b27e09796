//! Where the board's device tree comes from: a file, a package of Debian's, or QEMU itself.
//!
//! Trees that are not ours to hand on are fetched (`cargo xtask fetch boards`) and known by their SHA-256.
//!
//! QEMU's tree depends on how many CPUs, how much memory and which serial lines the machine has, so it
//! is asked for with exactly the arguments that the machine is later started with. The seeds that it puts
//! into `/chosen` are never read: the same input gives the same image.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::load::{BoardFile, Fetch, Qemu, SystemFile, images_beside, shown};
use crate::tree::Tree;
use bulkhead_verify::Digest;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program that runs boards which are machines of QEMU.
pub(crate) const QEMU: &str = "qemu-system-aarch64";

/// In `device-tree`: QEMU is asked for it.
pub(crate) const QEMU_TREE: &str = "qemu";

/// How much of a machine a system has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MachineSize {
    cpus: u64,
    memory: u64,
}

/// Where trees are that were fetched, in a folder of images.
pub(crate) const FETCHED: &str = "boards";

/// The board's tree, if it is fetched out of one of the folders of images; `None` after a fault was filed.
pub(super) fn tree(
    board: &BoardFile,
    system: Option<&SystemFile>,
    images: &[PathBuf],
    report: &mut Report,
) -> Option<Tree> {
    let source = &board.device_tree;
    let bytes = match (source.value.as_str(), &board.qemu) {
        (QEMU_TREE, Some(qemu)) => from_qemu(qemu, machine_size(qemu, system), report)?,
        (QEMU_TREE, None) => {
            let title = format!("board `{}` is no machine of QEMU", board.name);
            let diagnostic =
                Diagnostic::new(Code::KeyMissing, title).at(&source.site, "QEMU is asked for its tree");
            report.push(diagnostic.help("add the table `[qemu]`"));
            return None;
        }
        (_, _) => from_file(board, images, report)?,
    };
    match Tree::parse(&bytes) {
        Ok(tree) => Some(tree),
        Err(reason) => {
            let title = format!("the device tree of board `{}` is damaged: {reason}", board.name);
            report.push(Diagnostic::new(Code::TreeDamaged, title).at(&source.site, "comes from here"));
            None
        }
    }
}

/// The machine's size: the board's, or more if the system asks for more.
pub(crate) fn machine_size(qemu: &Qemu, system: Option<&SystemFile>) -> MachineSize {
    let wished_cpus = system.and_then(|system| system.cpus.as_ref()).map_or(0, |cpus| cpus.value);
    let wished_memory = system.and_then(|system| system.memory.as_ref()).map_or(0, |memory| memory.value.0);
    MachineSize { cpus: qemu.cpus.value.max(wished_cpus), memory: qemu.memory.value.0.max(wished_memory) }
}

/// QEMU's arguments for the machine itself; `options` are added to `-machine`.
pub(crate) fn machine_arguments(qemu: &Qemu, size: MachineSize, options: &str) -> Vec<OsString> {
    let MachineSize { cpus, memory } = size;
    let machine = format!("{}{options}", qemu.machine.value);
    [
        "-machine",
        &machine,
        "-cpu",
        &qemu.cpu.value,
        "-smp",
        &cpus.to_string(),
        "-m",
        &format!("{memory}B"),
        "-nic",
        "none",
        "-audio",
        "none",
    ]
    .into_iter()
    .chain(qemu.accel.iter().flat_map(|accel| ["-accel", &accel.value]))
    .map(OsString::from)
    .collect()
}

/// The file of the board's tree, if it is there or should be.
pub(crate) fn tree_file(board: &BoardFile, images: &[PathBuf]) -> Option<PathBuf> {
    let name = Path::new(&board.device_tree.value);
    if board.device_tree.value == QEMU_TREE {
        return None;
    }
    let beside = board.folder.join(name);
    if board.fetch.is_none() {
        return Some(beside);
    }
    let fetched =
        images_beside(&board.folder, images).into_iter().skip(1).map(|it| it.join(FETCHED).join(name));
    let places: Vec<PathBuf> = [beside].into_iter().chain(fetched).collect();
    places.iter().find(|path| path.is_file()).or(places.last()).cloned()
}

fn from_file(board: &BoardFile, images: &[PathBuf], report: &mut Report) -> Option<Vec<u8>> {
    let path = tree_file(board, images)?;
    let site = &board.device_tree.site;
    match (fs::read(&path), &board.fetch) {
        (Ok(bytes), Some(fetch)) => is_the_one(bytes, fetch, &path).map_err(|fault| report.push(fault)).ok(),
        (Ok(bytes), None) => Some(bytes),
        (Err(error), fetch) => {
            let title = format!("cannot read the device tree `{}`: {error}", shown(&path));
            let missing = Diagnostic::new(Code::TreeMissing, title).at(site, "named here");
            let help = |fetch: &Fetch| format!("`{HOW}` takes it from Debian's `{}`", fetch.package.value);
            report.push(missing.help_if(fetch.as_ref().map(help)));
            None
        }
    }
}

/// A tree with another digest than the board's is another tree, though perhaps a newer one of the same board.
fn is_the_one(bytes: Vec<u8>, fetch: &Fetch, path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let digest = Digest::of(&bytes).to_string();
    if digest == fetch.sha256.value {
        return Ok(bytes);
    }
    let title = format!("`{}` is not the device tree that the board names", shown(path));
    let other = Diagnostic::new(Code::TreeDamaged, title).at(&fetch.sha256.site, "another one");
    Err(other
        .note(format!("its SHA-256 is {digest}"))
        .help(format!("delete it; `{HOW}` fetches the right one")))
}

/// The command that fetches trees.
const HOW: &str = "cargo xtask fetch boards";

fn from_qemu(qemu: &Qemu, size: MachineSize, report: &mut Report) -> Option<Vec<u8>> {
    let refused = |reason: String| {
        let title = format!("QEMU does not make the machine `{}`", qemu.machine.value);
        Diagnostic::new(Code::QemuRefused, title).at(&qemu.machine.site, "this machine").note(reason)
    };
    let folder = tempfile::tempdir().map_err(|error| report.push(refused(error.to_string()))).ok()?;
    let blob = folder.path().join("board.dtb");
    let kernel = folder.path().join("kernel");
    fs::write(&kernel, IDLE_KERNEL).map_err(|error| report.push(refused(error.to_string()))).ok()?;
    let output = Command::new(QEMU)
        .args(machine_arguments(qemu, size, &format!(",dumpdtb={}", escaped(&blob))))
        .args(["-display", "none", "-monitor", "none", "-kernel"])
        .arg(kernel)
        .args(qemu.serial.iter().flat_map(|_| ["-serial", "null"]))
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let title = format!("`{QEMU}` is not installed, and the board's device tree comes from it");
            let missing = Diagnostic::new(Code::QemuMissing, title).at(&qemu.machine.site, "this machine");
            report.push(missing.help("install QEMU 10 for Arm; Debian calls it `qemu-system-arm`"));
            return None;
        }
        Err(error) => {
            report.push(refused(error.to_string()));
            return None;
        }
    };
    let complaint = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    fs::read(&blob).map_err(|_| report.push(refused(complaint()))).ok()
}

/// Of some machines QEMU writes down how CPUs are started only when there is a kernel to start them: an `Image`
/// (Linux, Documentation/arch/arm64/booting.rst), of which nothing is ever run.
const IDLE_KERNEL: [u8; 64] = {
    let mut header = [0; 64];
    // `b .`, image_size, flags, and the magic number at 56.
    (header[3], header[17], header[24]) = (0x14, 0x10, 0x0a);
    (header[56], header[57], header[58], header[59]) = (b'A', b'R', b'M', 0x64);
    header
};

/// QEMU separates options by commas and doubles those that are meant.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}
