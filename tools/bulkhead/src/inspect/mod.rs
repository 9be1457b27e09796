//! What is in an image, from its bytes alone.
//!
//! Whoever holds an image and nothing else, no configuration and no device tree, can see here whom it gives
//! what, and whether it is whole. A damaged image is shown as far as it can be read.

mod text;
mod trees;

use bulkhead_plan::{Load, NO_PARTITION, Partition, Plan, Region, RegionKind, Span, Trigger};
use bulkhead_verify::{Examined, examine, in_window};
use schemars::JsonSchema;
use serde::Serialize;
pub(crate) use trees::{Node, nodes};

/// An image, taken apart. Addresses and sizes are in bytes.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Contents {
    /// Bytes of the file.
    pub bytes: usize,
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

/// A stretch of addresses.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Stretch {
    /// The first.
    pub base: u64,
    /// How many.
    pub size: u64,
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
    /// The distributor of its interrupt controller.
    pub distributor: Stretch,
    /// First byte of the UART that the hypervisor speaks through.
    pub console: Option<u64>,
    /// The memory of the boot allocator.
    pub heap: Stretch,
    /// How many CPUs it has.
    pub cpus: usize,
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
}

/// A CPU of a partition.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OwnedCpu {
    /// Its affinity on the board.
    pub mpidr: u64,
    /// The affinity that the partition sees.
    pub virtual_mpidr: u64,
}

/// Addresses that a partition reaches by itself.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OwnedRegion {
    /// Where the partition sees it.
    pub ipa: u64,
    /// Where it is.
    pub place: Stretch,
    /// `RAM`, `device` or `SGI_base`.
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
    /// Whether its digest is right.
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

/// Takes an image apart.
pub fn inspect(image: &[u8]) -> Contents {
    let examined = examine(image);
    let mut contents = Contents { bytes: image.len(), ..Contents::default() };
    contents.window = examined.header.map(|header| header.window.into());
    let plan = examined.plan.as_ref().and_then(|bytes| Plan::decode(bytes.bytes()).ok());
    if let (Some(plan), Some(header)) = (plan, &examined.header) {
        let place = Span::new(header.window.base.0.saturating_add(header.plan_offset), header.plan_size);
        let version = plan.header.version;
        contents.plan = Some(PlanPart { version, place: place.into(), intact: examined.is_plan_intact });
        contents.tables = Some(TablesPart {
            place: plan.header.tables.into(),
            intact: examined.are_tables_intact,
            proven: examined.proof.map(|proof| proof.leaves),
        });
        contents.board = Some(board(&plan));
        contents.partitions =
            plan.partitions.iter().map(|partition| owner(image, &plan, partition, &examined)).collect();
        let free = plan.cpus.iter().filter(|cpu| cpu.partition == NO_PARTITION);
        contents.free_cpus = free.map(|cpu| cpu.mpidr).collect();
    }
    contents.faults = examined.faults;
    contents
}

/// What the first bytes of a piece look like.
pub(crate) fn kind_of(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xd0, 0x0d, 0xfe, 0xed, ..] => "device tree",
        [0x1f, 0x8b, ..] => "gzip",
        _ if bytes.starts_with(b"070701") => "cpio archive",
        _ if bytes.get(56..60) == Some(b"ARM\x64") => "arm64 Image",
        _ => "data",
    }
}

fn board(plan: &Plan<'_>) -> Board {
    let console = plan.board.console;
    Board {
        name: plan.board.name.to_string(),
        memory: plan.memory.iter().copied().map(Stretch::from).collect(),
        distributor: plan.board.distributor.into(),
        console: (!console.is_none()).then_some(console.base.0),
        heap: plan.board.heap.into(),
        cpus: plan.cpus.len(),
    }
}

fn owner(image: &[u8], plan: &Plan<'_>, partition: &Partition, examined: &Examined) -> Owner {
    let nodes = nodes(image, plan, partition);
    let regions = partition.regions.of(plan.regions).unwrap_or_default();
    let loads = partition.loads.of(plan.loads).unwrap_or_default();
    let intact = partition.loads.of(&examined.intact_loads).unwrap_or_default();
    let interrupts = partition.interrupts.of(plan.interrupts).unwrap_or_default();
    let cpus = partition.cpus.of(plan.cpus).unwrap_or_default();
    Owner {
        name: partition.name.to_string(),
        vmid: partition.vmid,
        entry: partition.entry.0,
        x0: partition.argument,
        virtual_uart: (partition.uart.0 != 0).then_some(partition.uart.0),
        virtual_uart_interrupt: (partition.uart_interrupt != 0).then_some(partition.uart_interrupt),
        cpus: cpus
            .iter()
            .map(|cpu| OwnedCpu { mpidr: cpu.mpidr, virtual_mpidr: cpu.virtual_mpidr })
            .collect(),
        regions: regions.iter().map(|it| region(it, &nodes)).collect(),
        loads: loads.iter().zip(intact).map(|(it, intact)| load(image, plan, it, *intact)).collect(),
        interrupts: interrupts
            .iter()
            .map(|it| OwnedInterrupt { intid: it.intid, trigger: trigger(it.trigger) })
            .collect(),
    }
}

fn region(region: &Region, nodes: &[Node]) -> OwnedRegion {
    let (kind, is_device) = match region.kind {
        RegionKind::Ram => ("RAM", false),
        RegionKind::Device => ("device", true),
        RegionKind::SgiFrame => ("SGI_base", false),
        RegionKind::CpuInterface => ("GICC", false),
    };
    let here = nodes.iter().filter(|node| is_device && node.registers.overlaps(&region.span));
    let mut nodes: Vec<String> = here.map(|node| node.path.clone()).collect();
    nodes.dedup();
    OwnedRegion { ipa: region.ipa.0, place: region.span.into(), kind, nodes }
}

fn load(image: &[u8], plan: &Plan<'_>, load: &Load, intact: bool) -> OwnedLoad {
    let source = load.bytes();
    OwnedLoad {
        kind: in_window(image, plan, source).map_or("data", kind_of),
        source: source.into(),
        in_place: load.is_in_place(&plan.board.window),
        destination: Stretch { base: load.destination.0, size: load.memory_size },
        intact,
    }
}

fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Level => "level",
        Trigger::Edge => "edge",
    }
}

impl From<Span> for Stretch {
    fn from(span: Span) -> Self {
        Self { base: span.base.0, size: span.size }
    }
}

impl From<Stretch> for Span {
    fn from(stretch: Stretch) -> Self {
        Self::new(stretch.base, stretch.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_told_by_their_first_bytes() {
        assert_eq!(kind_of(b"\xd0\x0d\xfe\xed"), "device tree");
        assert_eq!(kind_of(b"070701"), "cpio archive");
        assert_eq!(kind_of(&[]), "data");
    }

    #[test]
    fn what_is_no_image_has_a_fault_and_nothing_else() {
        let contents = inspect(b"no image");
        assert_eq!(contents.faults, ["it does not begin with an arm64 `Image` header"]);
        assert!(contents.window.is_none() && contents.plan.is_none());
    }
}
