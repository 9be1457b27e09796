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
    /// `qemu`, or a file beside `board.toml` or, if it is fetched, among the images.
    pub(crate) device_tree: Located<String>,
    /// Where that file comes from, if it is not part of the board's folder.
    pub(crate) fetch: Option<Fetch>,
    /// How to start it in QEMU, if QEMU has it.
    pub(crate) qemu: Option<Qemu>,
    /// First byte of the hypervisor's window.
    pub(crate) window: Located<u64>,
    /// Device-tree path or label of the UART that the hypervisor speaks through, if it speaks.
    pub(crate) console: Option<Located<String>>,
    /// Whether a partition may have that UART, once the last one has begun.
    pub(crate) hand_over: Option<Located<bool>>,
    /// The board's memory, where the tree leaves it to the firmware to say.
    pub(crate) memory: Vec<Located<Span>>,
    /// How devices stop writing memory.
    pub(crate) silences: Vec<Silence>,
    /// Clocks that the firmware leaves on.
    pub(crate) clocks: Vec<Clock>,
    /// Devices that the firmware disables, though the tree does not say so.
    pub(crate) disabled: Vec<Located<String>>,
    /// First of the two pages of a GICv2's CPU interface, where the tree is wrong about it.
    pub(crate) cpu_interface: Option<Located<u64>>,
    /// INTIDs of SPIs that no device has, for the hypervisor to raise.
    pub(crate) unwired: Vec<Located<u64>>,
}

/// Devices whose clocks run, whoever has their provider.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The devices, by path or label.
    pub(crate) devices: Vec<Located<String>>,
    /// The rate of all of their clocks in Hz.
    pub(crate) rate: u32,
}

/// A file in a package of Debian's.
#[derive(Debug)]
pub(crate) struct Fetch {
    /// The package.
    pub(crate) package: Located<String>,
    /// The file's path in it.
    pub(crate) path: Located<String>,
    /// What it is known by, in hexadecimal.
    pub(crate) sha256: Located<String>,
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
    /// `-accel`, if QEMU's own choice does not do.
    pub(crate) accel: Option<Located<String>>,
    /// Devices of the board that it does not model.
    pub(crate) absent: Vec<Located<String>>,
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
    let fetch = fields.table("fetch", "`[fetch]`", report).map(|fields| fetch(fields, report));
    let disabled = fields.optional::<Vec<Located<String>>>("disabled", report);
    let unwired = fields.optional::<Vec<Located<u64>>>("unwired-interrupts", report);
    let memory = fields.tables("memory", "`[[memory]]`", report);
    let memory = memory.into_iter().map(|fields| stretch(fields, report)).collect::<Option<_>>();
    let qemu = fields.table("qemu", "`[qemu]`", report).map(|fields| qemu(fields, report));
    let cpu_interface = fields.table("gic", "`[gic]`", report).and_then(|mut fields| {
        let address = fields.optional("cpu-interface", report);
        fields.finish(report);
        address
    });
    let hypervisor = fields.required_table("hypervisor", "`[hypervisor]`", report);
    let silences = fields.tables("silence", "`[[silence]]`", report);
    let silences = silences.into_iter().filter_map(|fields| silence(fields, report)).collect();
    let clocks = fields.tables("clock", "`[[clock]]`", report);
    let clocks = clocks.into_iter().filter_map(|fields| clock(fields, report)).collect();
    fields.finish(report);
    let mut hypervisor = hypervisor?;
    let window = hypervisor.required("window", report);
    let console = hypervisor.optional("console", report);
    let hand_over = hypervisor.optional("hand-over", report);
    hypervisor.finish(report);
    let (Some(qemu), Some(fetch)) = (whole(qemu), whole(fetch)) else { return None };
    Some(BoardFile {
        name: folder_name(folder),
        folder: folder.to_owned(),
        device_tree: device_tree?,
        fetch,
        qemu,
        window: window?,
        console,
        hand_over,
        memory: memory?,
        silences,
        clocks,
        disabled: disabled.map(|list| list.value).unwrap_or_default(),
        cpu_interface,
        unwired: unwired.map(|list| list.value).unwrap_or_default(),
    })
}

fn stretch(mut fields: Fields<'_>, report: &mut Report) -> Option<Located<Span>> {
    let site = fields.site().clone();
    let base = fields.required::<u64>("base", report);
    let size = fields.required::<Size>("size", report);
    fields.finish(report);
    Some(Located { value: Span::new(base?.value, size?.value.0), site })
}

fn clock(mut fields: Fields<'_>, report: &mut Report) -> Option<Clock> {
    let devices = fields.required::<Vec<Located<String>>>("devices", report);
    let rate = fields.required::<u32>("rate", report);
    fields.finish(report);
    Some(Clock { devices: devices?.value, rate: rate?.value })
}

/// A table that is not there is whole; one with a fault is not.
#[expect(clippy::option_option, reason = "the outer one is a fault, the inner one a table that is not there")]
fn whole<T>(table: Option<Option<T>>) -> Option<Option<T>> {
    table.map_or(Some(None), |found| found.map(Some))
}

fn fetch(mut fields: Fields<'_>, report: &mut Report) -> Option<Fetch> {
    let package = fields.required("package", report);
    let path = fields.required("path", report);
    let sha256 = fields.required("sha256", report);
    fields.finish(report);
    Some(Fetch { package: package?, path: path?, sha256: sha256? })
}

fn qemu(mut fields: Fields<'_>, report: &mut Report) -> Option<Qemu> {
    let machine = fields.required("machine", report);
    let cpu = fields.required("cpu", report);
    let cpus = fields.required("cpus", report);
    let memory = fields.required("memory", report);
    let serial = fields.required::<Vec<Located<String>>>("serial", report);
    let accel = fields.optional("accel", report);
    let absent = fields.optional::<Vec<Located<String>>>("absent", report);
    fields.finish(report);
    Some(Qemu {
        machine: machine?,
        cpu: cpu?,
        cpus: cpus?,
        memory: memory?,
        serial: serial?.value,
        accel,
        absent: absent.map(|list| list.value).unwrap_or_default(),
    })
}

/// The folder's own name, also where the path to it is empty or ends in `..`.
fn folder_name(folder: &Path) -> String {
    let whole = Path::new(".").join(folder).canonicalize().unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
