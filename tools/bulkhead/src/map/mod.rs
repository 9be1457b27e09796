//! Who owns what.
//!
//! Addresses come from the decoded plan, so that the map shows what is flashed; names of devices, and the
//! places in the files that say so, come from the system, for the plan has none. Everything that answers a
//! question about a system is made from this one value.

mod survey;
mod svg;
mod text;

use crate::diagnostic::Place;
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use survey::survey;

/// The owner of what the hypervisor has for itself.
pub const HYPERVISOR: &str = "bulkhead";

/// Who owns what. Addresses and sizes are in bytes; an owner is a partition, `bulkhead`, or nobody.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Map {
    /// The system.
    pub system: String,
    /// The board.
    pub board: String,
    /// Physical addresses, by rising base.
    pub physical: Vec<Stretch>,
    /// What each partition sees, in the order of the system file.
    pub partitions: Vec<View>,
    /// SPIs, grouped by owner.
    pub interrupts: Vec<Line>,
    /// CPUs, in the order of the plan: those of each partition, then those of nobody.
    pub cpus: Vec<Core>,
    /// Every device of the board.
    pub devices: Vec<Device>,
    /// What was accepted or declared in writing.
    pub statements: Vec<Statement>,
}

/// What a stretch of physical addresses is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// RAM.
    Memory,
    /// Registers.
    Device,
    /// Registers of the interrupt controller.
    Interrupts,
}

/// A stretch of physical addresses.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Stretch {
    /// The first.
    pub base: u64,
    /// How many.
    pub size: u64,
    /// Whose they are.
    pub owner: Option<String>,
    /// What they are.
    pub kind: Kind,
    /// What is there, for a person.
    pub what: String,
    /// What says so.
    pub written: Vec<Place>,
}

/// What a partition sees.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Its VMID.
    pub vmid: u32,
    /// Where its first CPU begins.
    pub entry: u64,
    /// What that CPU finds in x0.
    pub x0: u64,
    /// What it runs.
    pub image: String,
    /// Its command line, as it is written.
    pub bootargs: Option<String>,
    /// Its addresses that lead somewhere, by rising IPA.
    pub seen: Vec<Seen>,
    /// Where it stands in the system file.
    pub written: Place,
}

/// Addresses that a partition sees.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Seen {
    /// The first.
    pub ipa: u64,
    /// How many.
    pub size: u64,
    /// Where they lead; nowhere if the hypervisor answers each access.
    pub physical: Option<u64>,
    /// `RAM`, `device`, `SGI_base`, `GICC`, `distributor`, `redistributor`, `CPU interface` or `virtual PL011`.
    pub kind: &'static str,
    /// What is there: paths of devices.
    pub nodes: Vec<String>,
    /// The interrupt that the hypervisor raises for it, by INTID.
    pub interrupt: Option<u32>,
}

/// An interrupt.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Line {
    /// Its INTID.
    pub intid: u32,
    /// As a device tree says it: `SPI 8`.
    pub wire: String,
    /// `level` or `edge`.
    pub trigger: &'static str,
    /// Whose it is.
    pub owner: String,
    /// The devices that raise it.
    pub devices: Vec<String>,
    /// What says so.
    pub written: Vec<Place>,
}

/// A CPU.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Core {
    /// Its number on the board.
    pub number: usize,
    /// Its affinity, as in MPIDR_EL1.
    pub mpidr: u64,
    /// Whose it is.
    pub owner: Option<String>,
    /// The affinity that its owner sees.
    pub virtual_mpidr: u64,
    /// Why nobody can have it, if so.
    pub unusable: Option<String>,
    /// What says so.
    pub written: Option<Place>,
}

/// A device of the board.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Device {
    /// Its path in the board's device tree.
    pub path: String,
    /// What it is compatible with, the most specific first.
    pub compatible: Vec<String>,
    /// Whose it is.
    pub owner: Option<String>,
    /// Why nobody has it, or nobody can.
    pub why: Option<String>,
    /// Whether it was looked at for the partition that takes the rest, and left out.
    pub was_left: bool,
    /// Whether it counts as a bus master.
    pub master: bool,
    /// Its registers.
    pub registers: Vec<Registers>,
    /// Its SPIs, by INTID.
    pub interrupts: Vec<u32>,
    /// What says so.
    pub written: Option<Place>,
}

/// Registers of a device.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Registers {
    /// The first.
    pub base: u64,
    /// How many.
    pub size: u64,
}

/// Something that a person took upon themselves.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Statement {
    /// The partition.
    pub partition: String,
    /// The device.
    pub device: String,
    /// What was said of it.
    pub what: String,
    /// Why.
    pub reason: String,
    /// Where it was said.
    pub written: Place,
}
