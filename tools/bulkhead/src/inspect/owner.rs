//! What the plan of an image says of a partition.
//!
//! All of it: whoever compares two images by what is collected here would not be told of what is not.

use super::{
    Node, OwnedCpu, OwnedInterrupt, OwnedLoad, OwnedRegion, Owner, Restart, SilenceStep, Stretch, kind_of,
    name_of, nodes,
};
use bulkhead_plan::{
    Conduit, Cpu, GicVersion, InterruptMode, Load, Partition, Plan, Region, RegionKind, Restart as Planned,
    Step, StepKind, Trigger,
};
use bulkhead_verify::{Digest, Examined, in_window};

pub(super) fn owner(image: &[u8], plan: &Plan<'_>, partition: &Partition, examined: &Examined) -> Owner {
    let nodes = nodes(image, plan, partition);
    let regions = partition.regions.of(plan.regions).unwrap_or_default();
    let loads = partition.loads.of(plan.loads).unwrap_or_default();
    let intact = partition.loads.of(&examined.intact_loads).unwrap_or_default();
    let interrupts = partition.interrupts.of(plan.interrupts).unwrap_or_default();
    let functions = partition.functions.of(plan.functions).unwrap_or_default();
    let address = |address: u64| (address != 0).then_some(address);
    Owner {
        name: partition.name.to_string(),
        vmid: partition.vmid,
        entry: partition.entry.0,
        x0: partition.argument,
        // VTCR_EL2.T0SZ (Arm ARM D24.2.208).
        address_bits: 64 - (partition.vtcr & 0x3f),
        root: partition.root.0,
        root_pages: partition.root_pages,
        distributor: partition.distributor.0,
        redistributors: address(partition.redistributors.0),
        cpu_interface: address(partition.cpu_interface.0),
        virtual_uart: address(partition.uart.0),
        virtual_uart_interrupt: (partition.uart_interrupt != 0).then_some(partition.uart_interrupt),
        cpus: partition.cpus.of(plan.cpus).unwrap_or_default().iter().map(|it| cpu(plan, it)).collect(),
        regions: regions.iter().map(|it| region(it, &nodes)).collect(),
        loads: loads.iter().zip(intact).map(|(it, intact)| load(image, plan, it, *intact)).collect(),
        interrupts: interrupts
            .iter()
            .map(|it| OwnedInterrupt { intid: it.intid, trigger: trigger(it.trigger) })
            .collect(),
        interrupt_mode: match partition.interrupt_mode {
            InterruptMode::Direct => "direct",
            InterruptMode::Guarded => "guarded",
        },
        restart: restart(partition),
        silence: partition.silence.of(plan.steps).unwrap_or_default().iter().map(step).collect(),
        controls: controls(plan, partition),
        firmware_calls: functions.iter().map(|function| function.id).collect(),
    }
}

fn cpu(plan: &Plan<'_>, cpu: &Cpu) -> OwnedCpu {
    let (gic, conduit) = (plan.board.gic, plan.board.conduit);
    OwnedCpu {
        mpidr: cpu.mpidr,
        virtual_mpidr: cpu.virtual_mpidr,
        redistributor: (gic == GicVersion::V3).then_some(cpu.redistributor.0),
        interface: (gic == GicVersion::V2).then_some(cpu.interface),
        release: (conduit == Conduit::SpinTable).then_some(cpu.release.0),
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
        sha256: Digest::hex(&load.digest),
        intact,
    }
}

fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Level => "level",
        Trigger::Edge => "edge",
    }
}

fn restart(partition: &Partition) -> Restart {
    match partition.restart {
        Planned::Never => Restart::Never,
        Planned::OnRequest => Restart::OnRequest,
        Planned::OnFault => {
            Restart::OnFault { max_restarts: partition.max_restarts, delay_ms: partition.restart_delay }
        }
    }
}

fn step(step: &Step) -> SilenceStep {
    let kind = match step.kind {
        StepKind::Write => "write",
        StepKind::Await => "await",
    };
    SilenceStep { kind, register: step.address.0, value: step.value, mask: step.mask }
}

fn controls(plan: &Plan<'_>, partition: &Partition) -> Vec<String> {
    let is_controlled = |index: &u32| partition.controls >> index & 1 == 1;
    (0..u32::BITS).filter(is_controlled).map(|index| name_of(plan, index)).collect()
}
