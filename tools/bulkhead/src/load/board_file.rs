//! `board.toml`: what a person says of a board that its device tree does not.
//!
//! Addresses, CPUs and interrupts are never repeated here; they come from the device tree.

use super::Fields;
use super::silence::{Silence, silence};
use super::value::Size;
use crate::diagnostic::{Located, Report, Site};
use bulkhead_plan::Span;
use std::path::{Path, PathBuf};

/// A board.
#[derive(Debug)]
pub(crate) struct BoardFile {
    /// The name of its folder.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// `qemu`, or a file beside `board.toml`.
    pub(crate) device_tree: Located<String>,
    /// How to start it in QEMU, if QEMU has it.
    pub(crate) qemu: Option<Qemu>,
    /// First byte of the hypervisor's window.
    pub(crate) window: Located<u64>,
    /// Device-tree path or label of the UART that the hypervisor speaks through, if it speaks.
    pub(crate) console: Option<Located<String>>,
    /// The board's memory, where the tree leaves it to the firmware to say.
    pub(crate) memory: Vec<Span>,
    /// How devices stop writing memory.
    pub(crate) silences: Vec<Silence>,
    /// INTIDs of SPIs that no device has, for the hypervisor to raise.
    pub(crate) unwired: Vec<Located<u64>>,
}

/// A machine of QEMU.
#[derive(Debug)]
pub(crate) struct Qemu {
    /// `-machine`.
    pub(crate) machine: Located<String>,
    /// `-cpu`.
    pub(crate) cpu: Located<String>,
    /// `-smp`.
    pub(crate) cpus: Located<u64>,
    /// `-m`, in bytes.
    pub(crate) memory: Located<Size>,
    /// What each `-serial` is on the board, in QEMU's order.
    pub(crate) serial: Vec<Located<String>>,
}

impl BoardFile {
    /// Where the hypervisor's console is named, if it is.
    pub(crate) fn console_site(&self) -> Option<&Site> {
        self.console.as_ref().map(|console| &console.site)
    }
}

/// Reads the keys of a board file.
pub(super) fn board_file(mut fields: Fields<'_>, folder: &Path, report: &mut Report) -> Option<BoardFile> {
    fields.required::<String>("description", report);
    let device_tree = fields.required("device-tree", report);
    let unwired = fields.optional::<Vec<Located<u64>>>("unwired-interrupts", report);
    let memory = fields.tables("memory", "`[[memory]]`", report);
    let memory = memory.into_iter().map(|fields| stretch(fields, report)).collect::<Option<_>>();
    let qemu = fields.table("qemu", "`[qemu]`", report).map(|fields| qemu(fields, report));
    let hypervisor = fields.required_table("hypervisor", "`[hypervisor]`", report);
    let silences = fields.tables("silence", "`[[silence]]`", report);
    let silences = silences.into_iter().filter_map(|fields| silence(fields, report)).collect();
    fields.finish(report);
    let mut hypervisor = hypervisor?;
    let window = hypervisor.required("window", report);
    let console = hypervisor.optional("console", report);
    hypervisor.finish(report);
    let qemu = match qemu {
        Some(None) => return None,
        Some(found) => found,
        None => None,
    };
    Some(BoardFile {
        name: folder_name(folder),
        folder: folder.to_owned(),
        device_tree: device_tree?,
        qemu,
        window: window?,
        console,
        memory: memory?,
        silences,
        unwired: unwired.map(|list| list.value).unwrap_or_default(),
    })
}

fn stretch(mut fields: Fields<'_>, report: &mut Report) -> Option<Span> {
    let base = fields.required::<u64>("base", report);
    let size = fields.required::<Size>("size", report);
    fields.finish(report);
    Some(Span::new(base?.value, size?.value.0))
}

fn qemu(mut fields: Fields<'_>, report: &mut Report) -> Option<Qemu> {
    let machine = fields.required("machine", report);
    let cpu = fields.required("cpu", report);
    let cpus = fields.required("cpus", report);
    let memory = fields.required("memory", report);
    let serial = fields.required::<Vec<Located<String>>>("serial", report);
    fields.finish(report);
    Some(Qemu { machine: machine?, cpu: cpu?, cpus: cpus?, memory: memory?, serial: serial?.value })
}

/// The folder's own name, also where the path to it is empty or ends in `..`.
fn folder_name(folder: &Path) -> String {
    let whole = Path::new(".").join(folder).canonicalize().unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
