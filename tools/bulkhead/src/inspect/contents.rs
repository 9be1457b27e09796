//! What an image is said to hold.
//!
//! These types are the document of `inspect --json`, and what `diff` and `report` are made from: what the plan says
//! of a partition stands here, or nobody is shown it.

use bulkhead_verify::{Digest, Stretch};
use schemars::JsonSchema;
use serde::Serialize;

/// An image, taken apart. Addresses and sizes are in bytes.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Contents {
    /// Bytes of the file.
    pub bytes: usize,
    /// The digest of the file.
    pub sha256: Digest,
    /// All that the hypervisor owns of RAM.
    pub window: Option<Stretch>,
    /// The plan.
    pub plan: Option<PlanPart>,
    /// The stage-2 tables.
    pub tables: Option<TablesPart>,
    /// The board it is for.
    pub board: Option<Board>,
    /// The partitions.
    pub partitions: Vec<Owner>,
    /// Affinities of the CPUs that nobody owns.
    pub free_cpus: Vec<u64>,
    /// What is wrong.
    pub faults: Vec<String>,
}

/// Where the plan lies.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanPart {
    /// The version of its form.
    pub version: u32,
    /// Where it lies in the window.
    pub place: Stretch,
    /// Whether its digest is right.
    pub intact: bool,
    /// The digest that it says the hypervisor has.
    pub hypervisor: Digest,
}

/// Where the tables lie, and what they map.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TablesPart {
    /// Where they lie in the window.
    pub place: Stretch,
    /// Whether their digest is right.
    pub intact: bool,
    /// How many mappings were proven to be the plan's; nothing if the proof fails.
    pub proven: Option<u64>,
}

/// What the plan says of the board.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Board {
    /// Its name.
    pub name: String,
    /// Its RAM.
    pub memory: Vec<Stretch>,
    /// The architecture of its interrupt controller, 2 or 3.
    pub gic: u32,
    /// The distributor of its interrupt controller.
    pub distributor: Stretch,
    /// The CPU interface (GICC) of a GICv2.
    pub cpu_interface: Option<Stretch>,
    /// The interrupt translation services: nobody's, and off.
    pub translators: Vec<Stretch>,
    /// The interrupt by which the hypervisor wakes CPUs where there is a GICv2.
    pub wake: Option<u32>,
    /// `PSCI`, or `spin table`: then there is no firmware, and CPUs wait for an address to begin at.
    pub firmware: &'static str,
    /// The UART that the hypervisor speaks through.
    pub console: Option<Console>,
    /// The memory of the boot allocator.
    pub heap: Stretch,
    /// How many CPUs it has.
    pub cpus: usize,
}

/// The UART that the hypervisor speaks through.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Console {
    /// What it is, by how bytes are sent: `PL011`, `i.MX`, `Cadence`, `16550`, or just `UART`.
    pub kind: &'static str,
    /// Its first byte.
    pub base: u64,
    /// The partition that has it once all of them have begun.
    pub heir: Option<String>,
}

/// A partition.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Owner {
    /// Its name.
    pub name: String,
    /// Its VMID.
    pub vmid: u32,
    /// Where its first CPU begins.
    pub entry: u64,
    /// What that CPU finds in x0.
    pub x0: u64,
    /// Bits of the addresses that it sees.
    pub address_bits: u64,
    /// Where its stage-2 tables begin.
    pub root: u64,
    /// Pages of the first of them.
    pub root_pages: u32,
    /// Where it sees the distributor.
    pub distributor: u64,
    /// Where it sees the first of its redistributors, if the board has a GICv3.
    pub redistributors: Option<u64>,
    /// Where it sees the CPU interface, if the board has a GICv2.
    pub cpu_interface: Option<u64>,
    /// Where it sees its virtual UART, if it has one.
    pub virtual_uart: Option<u64>,
    /// The interrupt that it raises, if it raises one.
    pub virtual_uart_interrupt: Option<u32>,
    /// Its CPUs, in its own order.
    pub cpus: Vec<OwnedCpu>,
    /// What it reaches by itself.
    pub regions: Vec<OwnedRegion>,
    /// What is loaded before it begins.
    pub loads: Vec<OwnedLoad>,
    /// Its interrupts.
    pub interrupts: Vec<OwnedInterrupt>,
    /// How they come: `direct`, or `guarded`, when the hypervisor looks at every end of one.
    pub interrupt_mode: &'static str,
    /// Whether it begins again.
    pub restart: Restart,
    /// What stops its devices from writing memory, in this order, when it ends.
    pub silence: Vec<SilenceStep>,
    /// The partitions that it may start, stop and restart.
    pub controls: Vec<String>,
    /// The functions of the firmware that it may call, by their identifiers.
    pub firmware_calls: Vec<u32>,
}

/// Whether a partition begins again after its end, and when it does so by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Never: it has one life.
    Never,
    /// When it asks for a reset, or who controls it does; a fault ends it.
    OnRequest,
    /// After a fault, too.
    OnFault {
        /// How often, at the most, until somebody else starts it.
        max_restarts: u32,
        /// Milliseconds from the first fault to the new beginning.
        delay_ms: u32,
    },
}

/// What is done with a register of 32 bits to silence a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct SilenceStep {
    /// `write`, or `await`: then it is waited until the register has the value.
    pub kind: &'static str,
    /// Where the register is on the board.
    pub register: u64,
    /// Its value, in the bits of `mask`.
    pub value: u32,
    /// The bits that count.
    pub mask: u32,
}

/// A CPU of a partition.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OwnedCpu {
    /// Its affinity on the board.
    pub mpidr: u64,
    /// The affinity that the partition sees.
    pub virtual_mpidr: u64,
    /// Its redistributor, if the board has a GICv3.
    pub redistributor: Option<u64>,
    /// The number that a GICv2 knows it by, if the board has one.
    pub interface: Option<u32>,
    /// Where it waits for the address to begin at, if the board has no firmware.
    pub release: Option<u64>,
}

/// Addresses that a partition reaches by itself.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OwnedRegion {
    /// Where the partition sees it.
    pub ipa: u64,
    /// Where it is.
    pub place: Stretch,
    /// `RAM`, `device`, `SGI_base` or `GICC`.
    pub kind: &'static str,
    /// The devices there, by their paths in the partition's device tree.
    pub nodes: Vec<String>,
}

/// A piece that is loaded.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OwnedLoad {
    /// What its first bytes look like.
    pub kind: &'static str,
    /// Where it lies in the window, or in place.
    pub source: Stretch,
    /// Whether it lies in place, so that it is neither copied nor checked at boot.
    pub in_place: bool,
    /// Where the partition finds it, and the memory it takes there.
    pub destination: Stretch,
    /// The digest that the plan says it has.
    pub sha256: Digest,
    /// Whether it has.
    pub intact: bool,
}

/// An interrupt of a partition.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OwnedInterrupt {
    /// Its INTID.
    pub intid: u32,
    /// `level` or `edge`.
    pub trigger: &'static str,
}
