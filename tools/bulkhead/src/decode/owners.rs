//! Which stretch of addresses is whose.
//!
//! Stretches nest: a device tree lies in a partition's memory, a device's registers on its page. The
//! smallest one that holds an address says most about it.

use crate::inspect::{kind_of, nodes};
use bulkhead_plan::{GicVersion, PAGE, Pa, Partition, Plan, Range, RegionKind, Span};
use bulkhead_verify::in_window;

/// Bytes of the frames of a redistributor.
const REDISTRIBUTOR: u64 = 0x2_0000;

/// Whose addresses are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    /// The board's.
    Physical,
    /// Those that the partition of this index sees.
    Partition(usize),
}

/// All stretches of a system.
#[derive(Debug, Default)]
pub(super) struct Owners {
    names: Vec<String>,
    stretches: Vec<(Space, Span, String)>,
}

impl Owners {
    /// What `plan` says, and the device trees in `image`.
    pub(super) fn new(image: &[u8], plan: &Plan<'_>) -> Self {
        let mut owners = Self::default();
        owners.add_hypervisor(plan);
        for (index, partition) in plan.partitions.iter().enumerate() {
            owners.names.push(partition.name.to_string());
            owners.add_partition(image, plan, partition, Space::Partition(index));
        }
        for memory in plan.memory {
            owners.add(Space::Physical, *memory, "nobody: RAM".to_owned());
        }
        owners
    }

    /// The addresses of the partition with this name.
    pub(super) fn space_of(&self, name: &str) -> Option<Space> {
        self.names.iter().position(|known| known == name).map(Space::Partition)
    }

    /// What lies at an address; what a partition does not see is looked for on the board.
    pub(super) fn at(&self, address: u64, space: Space) -> Option<String> {
        let byte = Span::new(address, 1);
        let here = self.stretches.iter().filter(|(of, span, _)| *of == space && span.contains(&byte));
        // Of two of one size the later one is the better known.
        match here.rev().min_by_key(|(_, span, _)| span.size) {
            Some((_, span, what)) if span.base.0 == address => Some(what.clone()),
            Some((_, span, what)) => Some(format!("{what} + {:#x}", address - span.base.0)),
            None if space == Space::Physical => None,
            None => self.at(address, Space::Physical).map(|what| format!("physical: {what}")),
        }
    }

    fn add(&mut self, space: Space, span: Span, what: String) {
        self.stretches.push((space, span, what));
    }

    fn add_hypervisor(&mut self, plan: &Plan<'_>) {
        let board = plan.board;
        let own = [(board.window, "window"), (board.heap, "heap"), (plan.header.tables, "stage-2 tables")];
        for (span, what) in own.into_iter().chain([(board.distributor, "distributor")]) {
            self.add(Space::Physical, span, format!("bulkhead: {what}"));
        }
        self.add(Space::Physical, board.console.page(), "bulkhead: console".to_owned());
        self.add(Space::Physical, board.cpu_interface, "bulkhead: GICC".to_owned());
        for cpu in plan.cpus.iter().filter(|_| board.gic == GicVersion::V3) {
            let frames = Span { base: cpu.redistributor, size: REDISTRIBUTOR };
            self.add(Space::Physical, frames, format!("bulkhead: redistributor of CPU {:#x}", cpu.mpidr));
        }
        for translator in plan.translators {
            self.add(Space::Physical, *translator, "bulkhead: ITS".to_owned());
        }
    }

    fn add_partition(&mut self, image: &[u8], plan: &Plan<'_>, partition: &Partition, own: Space) {
        let name = partition.name;
        for region in partition.regions.of(plan.regions).unwrap_or_default() {
            let what = match region.kind {
                RegionKind::Ram => "RAM",
                RegionKind::Device => "device",
                RegionKind::SgiFrame => "SGI_base",
                RegionKind::CpuInterface => "GICC",
            };
            let seen = Span { base: Pa(region.ipa.0), size: region.span.size };
            // What all have is nobody's in particular.
            if region.kind != RegionKind::CpuInterface {
                self.add(Space::Physical, region.span, format!("{name}: {what}"));
            }
            self.add(own, seen, format!("{name}: {what}"));
        }
        let devices = partition.regions.of(plan.regions).unwrap_or_default();
        for node in nodes(image, plan, partition) {
            self.add(own, node.registers, format!("{name}: {}", node.path));
            // A device is seen where it is.
            if devices.iter().any(|it| it.kind == RegionKind::Device && it.span.overlaps(&node.registers)) {
                self.add(Space::Physical, node.registers, format!("{name}: {}", node.path));
            }
        }
        for load in partition.loads.of(plan.loads).unwrap_or_default() {
            let source = Span { base: load.source, size: load.size };
            let kind = in_window(image, plan, source).map_or("data", kind_of);
            self.add(Space::Physical, source, format!("bulkhead: {kind} of {name}"));
            self.add(own, Span::new(load.destination.0, load.memory_size), format!("{name}: {kind}, loaded"));
        }
        self.add_trapped(plan, partition, own);
    }

    /// What a partition sees and EL2 plays.
    fn add_trapped(&mut self, plan: &Plan<'_>, partition: &Partition, own: Space) {
        let name = partition.name;
        let gic = plan.board.gic;
        let distributor = Span::new(partition.distributor.0, gic.distributor_size());
        self.add(own, distributor, format!("{name}: distributor"));
        let interface = Span::new(partition.cpu_interface.0, gic.cpu_interface_size());
        self.add(own, interface, format!("{name}: GICC"));
        let redistributors = if gic == GicVersion::V3 { partition.cpus } else { Range::default() };
        for (vcpu, _) in (0..).zip(redistributors.of(plan.cpus).unwrap_or_default()) {
            let base = partition.redistributors.0.saturating_add(vcpu * REDISTRIBUTOR);
            self.add(own, Span::new(base, REDISTRIBUTOR), format!("{name}: redistributor of vCPU {vcpu}"));
        }
        if partition.uart.0 != 0 {
            self.add(own, Span::new(partition.uart.0, PAGE), format!("{name}: virtual PL011"));
        }
    }
}
