//! Makes the map of a finished system.
//!
//! The plan is walked, not the wish: an address is in the map because it is in the image.

use super::{Core, Device, HYPERVISOR, Kind, Line, Map, Registers, Seen, Statement, Stretch, View};
use crate::assemble::Content;
use crate::board::{Gic, STRIDE, Wire, joined, never_masters, wire_text, without};
use crate::diagnostic::{Place, Report, Site};
use crate::expand::{Device as Owned, Partition as Wished, System};
use crate::tree::NodeId;
use bulkhead_plan::{
    Cpu, GicVersion, Interrupt, NO_PARTITION, PAGE, Partition, Plan, Region, RegionKind, Span, Trigger,
};

/// Bytes of a redistributor's frame.
const FRAME: u64 = 0x1_0000;

/// What a map is made from.
#[derive(Clone, Copy)]
struct Survey<'a> {
    system: &'a System<'a>,
    plan: &'a Plan<'a>,
    report: &'a Report,
}

/// The map of a system whose image has this plan and these contents.
pub(crate) fn survey(system: &System<'_>, plan: &Plan<'_>, contents: &[Content], report: &Report) -> Map {
    let survey = Survey { system, plan, report };
    Map {
        system: system.wish.name.clone(),
        board: plan.board.name.to_string(),
        physical: survey.physical(contents),
        partitions: survey.each().map(|(planned, wished)| survey.view(planned, wished)).collect(),
        interrupts: survey.each().flat_map(|(planned, wished)| survey.lines(planned, wished)).collect(),
        cpus: plan.cpus.iter().map(|cpu| survey.core(cpu)).collect(),
        devices: survey.devices(),
        statements: survey.statements(),
    }
}

impl<'a> Survey<'a> {
    /// Each partition as planned and as wished for.
    fn each(self) -> impl Iterator<Item = (&'a Partition, &'a Wished<'a>)> {
        self.plan.partitions.iter().zip(&self.system.partitions)
    }

    fn place(self, site: &Site) -> Place {
        self.report.place(site)
    }

    fn path(self, node: NodeId) -> String {
        self.system.board.tree.node(node).path.clone()
    }

    fn physical(self, contents: &[Content]) -> Vec<Stretch> {
        let mut all = self.hypervisors(contents);
        for (planned, wished) in self.each() {
            let regions = planned.regions.of(self.plan.regions).unwrap_or_default();
            for region in regions.iter().filter(|region| region.kind != RegionKind::CpuInterface) {
                all.push(self.owned(region, planned, wished));
            }
        }
        let nobody = |span| Stretch { owner: None, ..self.own(span, Kind::Memory, "free memory", &[]) };
        all.extend(self.free().into_iter().map(nobody));
        all.sort_by_key(|stretch| (stretch.base, stretch.size));
        all
    }

    /// What the hypervisor has for itself.
    fn hypervisors(self, contents: &[Content]) -> Vec<Stretch> {
        let (board, file) = (self.plan.board, &self.system.wish.board);
        let tree = &file.device_tree.site;
        let window = &file.window.site;
        let mut all: Vec<Stretch> =
            contents.iter().map(|it| self.own(it.span, Kind::Memory, &it.what, &[window])).collect();
        all.push(self.own(board.distributor, Kind::Interrupts, "distributor", &[tree]));
        if board.gic == GicVersion::V2 {
            // Of the same page every CPU has its own registers, so its owner is the one who hands it out.
            all.push(self.own(board.cpu_interface, Kind::Interrupts, "CPU interface, banked", &[tree]));
        }
        for span in self.plan.translators {
            all.push(self.own(*span, Kind::Interrupts, "ITS", &[tree]));
        }
        for span in self.redistributors() {
            all.push(self.own(span, Kind::Interrupts, "redistributors", &[tree]));
        }
        if !board.console.is_none() && board.heir == NO_PARTITION {
            let sites: Vec<&Site> = file.console.iter().map(|console| &console.site).collect();
            all.push(self.own(board.console.page(), Kind::Device, "console", &sites));
        }
        all
    }

    fn own(self, span: Span, kind: Kind, what: &str, sites: &[&Site]) -> Stretch {
        Stretch {
            base: span.base.0,
            size: span.size,
            owner: Some(HYPERVISOR.to_owned()),
            kind,
            what: what.to_owned(),
            written: sites.iter().map(|site| self.place(site)).collect(),
        }
    }

    /// The redistributors without the pages that partitions have.
    fn redistributors(self) -> Vec<Span> {
        let cpus = self.plan.cpus.iter().filter(|_| self.plan.board.gic == GicVersion::V3);
        let frames = cpus.map(|cpu| Span { base: cpu.redistributor, size: STRIDE });
        let pages = self.plan.regions.iter().filter(|region| region.kind == RegionKind::SgiFrame);
        pages.fold(joined(frames.collect()), |rest, page| {
            rest.into_iter().flat_map(|span| without(span, page.span)).collect()
        })
    }

    /// RAM of nobody.
    fn free(self) -> Vec<Span> {
        let taken = self.plan.regions.iter().map(|region| region.span).chain([self.plan.board.window]);
        taken.fold(self.plan.memory.to_vec(), |free, taken| {
            free.into_iter().flat_map(|span| without(span, taken)).collect()
        })
    }

    fn owned(self, region: &Region, planned: &Partition, wished: &Wished<'_>) -> Stretch {
        let inside = self.inside(region, wished);
        let nodes: Vec<String> = inside.iter().map(|device| self.path(device.node)).collect();
        let mut sites: Vec<&Site> = inside.iter().map(|device| device.site).collect();
        sites.dedup();
        let wish = wished.wish;
        let (kind, what, sites) = match region.kind {
            RegionKind::Ram if wished.in_place => {
                let sites = [Some(&wish.memory.site), wish.in_place.as_ref().map(|key| &key.site)];
                (Kind::Memory, "memory, image in place".to_owned(), sites.into_iter().flatten().collect())
            }
            RegionKind::Ram => (Kind::Memory, "memory".to_owned(), vec![&wish.memory.site]),
            RegionKind::Device => (Kind::Device, nodes.join(", "), sites),
            RegionKind::SgiFrame => {
                (Kind::Interrupts, "SGI_base of its CPU".to_owned(), vec![&wish.cpus.site])
            }
            RegionKind::CpuInterface => (Kind::Interrupts, "GICC".to_owned(), vec![&wish.cpus.site]),
        };
        Stretch { owner: Some(planned.name.to_string()), ..self.own(region.span, kind, &what, &sites) }
    }

    /// The devices whose registers lie in a region.
    fn inside<'w>(self, region: &Region, wished: &'w Wished<'_>) -> Vec<&'w Owned<'w>> {
        let is_here = |device: &&Owned<'_>| device.registers.iter().any(|it| it.overlaps(&region.span));
        let devices = wished.devices.iter().filter(|_| region.kind == RegionKind::Device);
        devices.filter(is_here).collect()
    }

    fn view(self, planned: &Partition, wished: &Wished<'_>) -> View {
        let mut seen: Vec<Seen> = Vec::new();
        for region in planned.regions.of(self.plan.regions).unwrap_or_default() {
            let kind = match region.kind {
                RegionKind::Ram => "RAM",
                RegionKind::Device => "device",
                RegionKind::SgiFrame => "SGI_base",
                RegionKind::CpuInterface => "GICC",
            };
            let nodes = self.inside(region, wished).iter().map(|device| self.path(device.node)).collect();
            let physical = Some(region.span.base.0);
            seen.push(Seen {
                ipa: region.ipa.0,
                size: region.span.size,
                physical,
                kind,
                nodes,
                interrupt: None,
            });
        }
        let answered =
            |ipa, size, kind| Seen { ipa, size, physical: None, kind, nodes: Vec::new(), interrupt: None };
        let gic = self.plan.board.gic;
        seen.push(answered(planned.distributor.0, gic.distributor_size(), "distributor"));
        match gic {
            GicVersion::V2 => {
                let mapped = if wished.is_guarded() { 0 } else { PAGE };
                let (base, size) = (planned.cpu_interface.0 + mapped, gic.cpu_interface_size() - mapped);
                seen.push(answered(base, size, "CPU interface"));
            }
            GicVersion::V3 => seen.extend((0..).zip(&wished.cpus).map(|(vcpu, _)| {
                let base = planned.redistributors.0.saturating_add(vcpu * STRIDE);
                answered(base, FRAME, "redistributor")
            })),
        }
        if planned.uart.0 != 0 {
            let interrupt = (planned.uart_interrupt != 0).then_some(planned.uart_interrupt);
            seen.push(Seen { interrupt, ..answered(planned.uart.0, PAGE, "virtual PL011") });
        }
        seen.sort_by_key(|seen| seen.ipa);
        View {
            name: planned.name.to_string(),
            vmid: planned.vmid,
            entry: planned.entry.0,
            x0: planned.argument,
            image: wished.wish.image.value.clone(),
            bootargs: wished.wish.bootargs.as_ref().map(|bootargs| bootargs.value.clone()),
            seen,
            written: self.place(&wished.wish.name.site),
        }
    }

    fn lines(self, planned: &Partition, wished: &Wished<'_>) -> Vec<Line> {
        let owned = planned.interrupts.of(self.plan.interrupts).unwrap_or_default();
        let line = |interrupt: &Interrupt| {
            let raises = |device: &&Owned<'_>| device.interrupts.iter().any(|it| it.intid == interrupt.intid);
            let devices: Vec<&Owned<'_>> = wished.devices.iter().filter(raises).collect();
            Line {
                intid: interrupt.intid,
                wire: wire_text(interrupt.intid),
                trigger: match interrupt.trigger {
                    Trigger::Level => "level",
                    Trigger::Edge => "edge",
                },
                owner: planned.name.to_string(),
                devices: devices.iter().map(|device| self.path(device.node)).collect(),
                written: devices.iter().map(|device| self.place(device.site)).collect(),
            }
        };
        owned.iter().map(line).collect()
    }

    fn core(self, cpu: &Cpu) -> Core {
        let board = self.system.board;
        let number = board.cpus.iter().position(|known| known.mpidr == cpu.mpidr).unwrap_or(0);
        let owner = usize::try_from(cpu.partition).ok().filter(|_| cpu.partition != NO_PARTITION);
        let wished = owner.and_then(|index| self.system.partitions.get(index));
        let site = wished.and_then(|it| it.cpus.iter().find(|(index, _)| *index == number));
        Core {
            number,
            mpidr: cpu.mpidr,
            owner: wished.map(|it| it.name().to_owned()),
            virtual_mpidr: cpu.virtual_mpidr,
            unusable: board.cpus.get(number).and_then(|known| known.unusable.clone()),
            written: site.map(|(_, site)| self.place(site)),
        }
    }

    fn devices(self) -> Vec<Device> {
        let tree = &self.system.board.tree;
        tree.ids().filter(|id| !tree.node(*id).compatible().is_empty()).map(|id| self.device(id)).collect()
    }

    fn device(self, id: NodeId) -> Device {
        let board = self.system.board;
        let owners = self.system.partitions.iter();
        let owner = owners.flat_map(|it| it.devices.iter().map(move |device| (it, device)));
        let owner = owner.into_iter().find(|(_, device)| device.node == id);
        let left = self.system.partitions.iter().flat_map(|it| &it.left).find(|(node, _)| *node == id);
        let is_console = board.is_console(id);
        let is_gic = board.gic.node == id;
        let own = (is_console || is_gic).then(|| HYPERVISOR.to_owned());
        let wished = self.system.wish.board.console.as_ref();
        let site = wished.filter(|_| is_console).map(|console| &console.site);
        let why = match owner {
            Some(_) => None,
            None if !board.tree.is_enabled(id) => Some("disabled in the board's device tree".to_owned()),
            None => board.why_reserved(id).map(str::to_owned).or(left.as_ref().map(|(_, why)| why.clone())),
        };
        let registers = board.tree.registers(id).unwrap_or_default();
        Device {
            path: self.path(id),
            compatible: board.tree.node(id).compatible().into_iter().map(str::to_owned).collect(),
            owner: owner.map(|(partition, _)| partition.name().to_owned()).or(own),
            was_left: owner.is_none() && left.is_some(),
            why,
            master: owner.map_or(!never_masters(&board.tree, id), |(_, device)| device.is_master),
            registers: registers
                .iter()
                .map(|span| Registers { base: span.base.0, size: span.size })
                .collect(),
            interrupts: self.intids(id),
            written: owner.map(|(_, device)| device.site).or(site).map(|site| self.place(site)),
        }
    }

    fn intids(self, id: NodeId) -> Vec<u32> {
        let board = self.system.board;
        let lines = board.tree.lines(id).unwrap_or_default().into_iter();
        let own = lines.filter(|line| line.controller == board.gic.node);
        own.filter_map(|line| match Gic::wire(&line.specifier)? {
            Wire::Spi(intid, _) => Some(intid),
            Wire::Ppi(_) => None,
        })
        .collect()
    }

    /// What was accepted, then what was declared.
    fn statements(self) -> Vec<Statement> {
        let accepted = self.report.accepted().map(|(finding, acceptance)| Statement {
            partition: finding.partitions().join(", "),
            device: finding.device().unwrap_or_default().to_owned(),
            what: format!("{}: {}", acceptance.code.text(), finding.title()),
            reason: acceptance.reason.value.clone(),
            written: self.place(&acceptance.site),
        });
        let declared = self.system.partitions.iter().flat_map(|wished| {
            wished.wish.declare.iter().map(|declaration| Statement {
                partition: wished.name().to_owned(),
                device: declaration.device.value.clone(),
                what: match declaration.bus_master.value {
                    true => "writes memory by itself".to_owned(),
                    false => "never writes memory by itself".to_owned(),
                },
                reason: declaration.reason.value.clone(),
                written: self.place(&declaration.device.site),
            })
        });
        accepted.chain(declared).collect()
    }
}
