//! The invariants on which isolation rests, as one page.
//!
//! They speak of the plan alone: who owns which physical bytes, CPUs, interrupts and identifiers. That
//! the stage-2 tables say the same as the plan is proven by `bulkhead-core`, from the tables' bytes.

mod gic;
#[cfg(test)]
mod tests;

use crate::address::{BLOCK, Ipa, PAGE, Pa, Span};
use crate::decode::Plan;
use crate::function::is_answered_by_el2;
use crate::limits;
use crate::record::{
    Conduit, Cpu, Interrupt, Load, NO_PARTITION, Name, Partition, Range, Region, RegionKind, Restart, Trigger,
};
use core::fmt;

/// A broken invariant: what is wrong, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The plan has no partition.
    NoPartition,
    /// The window, or something that must lie inside it, does not fit.
    Window,
    /// The partition's records are not those that the tables hold for it.
    Records(Name),
    /// The partition has no CPU, or shares one.
    Cpus(Name),
    /// Two CPUs are the same one, or would begin as one.
    DuplicateCpu(u64),
    /// A CPU is not the vCPU of its partition that its place says.
    Affinity(u64),
    /// The CPU of this affinity waits to be released where it must not.
    Release(u64),
    /// The partition's VMID is zero or another's.
    Vmid(Name),
    /// The partition's stage 2 has another form than the first one's.
    Translation(Name),
    /// A region is empty, unaligned, wraps or is out of order.
    Region(Name, Pa),
    /// RAM that the board does not have.
    NotRam(Name, Pa),
    /// A device where the board has RAM.
    NotDevice(Name, Pa),
    /// Memory of the hypervisor, or of the interrupt controller, in a partition.
    Private(Name, Pa),
    /// One byte in two regions.
    Shared(Name, Name, Pa),
    /// The hypervisor's UART is described as none that can be.
    Console,
    /// The interrupt controller is described as none that there is.
    Gic,
    /// A page of the interrupt controller that the partition may not have, or not there.
    GicPage(Name, Pa),
    /// A piece that does not go from the window into the partition's RAM, and does not lie there either.
    Load(Name),
    /// Its image lies in place, and it would begin again.
    NotPristine(Name),
    /// The entry point is not in the partition's RAM.
    Entry(Name),
    /// An interrupt that is no SPI, or has two owners.
    Interrupt(Name, u32),
    /// A step that would touch what is not a register of its own.
    Step(Name, Pa),
    /// A function of the firmware that is EL2's to answer.
    Function(Name, u32),
    /// It controls itself or a partition that there is not.
    Control(Name),
    /// It would begin again after longer than [`limits::RESTART_DELAY`].
    Delay(Name),
    /// The interrupt of a virtual UART that is not there, or not one that EL2 may raise.
    UartInterrupt(Name, u32),
}

/// Checks everything that a plan by itself can be right or wrong about.
pub fn verify(plan: &Plan<'_>) -> Result<(), Violation> {
    the_window_holds_all_of_the_hypervisor(plan)?;
    records_belong_to_one_partition(plan)?;
    the_console_is_a_uart(plan)?;
    gic::is_of_one_kind(plan)?;
    cpus_have_one_owner(plan)?;
    releases_are_the_hypervisors(plan)?;
    vmids_are_unique(plan)?;
    translation_has_one_form(plan)?;
    for partition in plan.partitions {
        regions_are_well_formed(plan, partition)?;
        regions_are_the_boards_to_give(plan, partition)?;
        loads_go_home(plan, partition)?;
        images_are_pristine(plan, partition)?;
        steps_touch_own_registers(plan, partition)?;
        functions_are_the_firmwares(plan, partition)?;
        restart_is_bounded(partition)?;
    }
    controllers_name_others(plan)?;
    memory_has_one_owner(plan)?;
    interrupts_have_one_owner(plan)?;
    virtual_uarts_raise_their_partitions_interrupt(plan)
}

fn the_window_holds_all_of_the_hypervisor(plan: &Plan<'_>) -> Result<(), Violation> {
    let window = &plan.board.window;
    let inside = window.contains(&plan.board.heap) && window.contains(&plan.header.tables);
    let aligned = window.base.is_aligned(BLOCK) && window.size.is_multiple_of(BLOCK) && window.size != 0;
    let pages = plan.header.tables.base.is_aligned(PAGE) && plan.board.heap.base.is_aligned(PAGE);
    let is_ram = plan.memory.iter().any(|ram| ram.contains(window));
    if inside && aligned && pages && is_ram { Ok(()) } else { Err(Violation::Window) }
}

fn the_console_is_a_uart(plan: &Plan<'_>) -> Result<(), Violation> {
    let console = &plan.board.console;
    let is_ram = plan.memory.iter().any(|ram| ram.overlaps(&console.page()));
    if console.is_sound() && !is_ram { Ok(()) } else { Err(Violation::Console) }
}

/// The ranges of the partitions follow each other and use up their tables, so no record has two owners.
fn records_belong_to_one_partition(plan: &Plan<'_>) -> Result<(), Violation> {
    let mut next = [0_u32; 6];
    for partition in plan.partitions {
        let Partition { cpus, regions, loads, interrupts, silence, functions, .. } = *partition;
        let ranges = [cpus, regions, loads, interrupts, silence, functions];
        for (next, Range { start, count }) in next.iter_mut().zip(ranges) {
            let end = start.checked_add(count).filter(|_| start == *next);
            *next = end.ok_or(Violation::Records(partition.name))?;
        }
    }
    let last = plan.partitions.last().ok_or(Violation::NoPartition)?;
    let owned = plan.cpus.iter().filter(|cpu| cpu.partition != NO_PARTITION).count();
    let [regions, loads] = [plan.regions.len(), plan.loads.len()];
    let [interrupts, steps, functions] = [plan.interrupts.len(), plan.steps.len(), plan.functions.len()];
    let sizes = [owned, regions, loads, interrupts, steps, functions];
    let complete = next.iter().zip(sizes).all(|(&next, size)| usize::try_from(next) == Ok(size));
    if complete { Ok(()) } else { Err(Violation::Records(last.name)) }
}

fn cpus_have_one_owner(plan: &Plan<'_>) -> Result<(), Violation> {
    for (index, partition) in (0_u32..).zip(plan.partitions) {
        let cpus = partition.cpus.of(plan.cpus).unwrap_or_default();
        if cpus.is_empty() || cpus.iter().any(|cpu| cpu.partition != index) {
            return Err(Violation::Cpus(partition.name));
        }
        let odd = (0..).zip(cpus).find(|(vcpu, cpu)| cpu.virtual_mpidr != u64::from(Cpu::affinity(*vcpu)));
        if let Some((_, cpu)) = odd {
            return Err(Violation::Affinity(cpu.mpidr));
        }
    }
    // What releases one of two CPUs that wait in one word releases both.
    let same = |(a, b): &(&Cpu, &Cpu)| a.mpidr == b.mpidr || a.release == b.release && a.release != Pa(0);
    match pairs(plan.cpus).find(same).map(|(cpu, _)| cpu).or(gic::shared_cpu(plan)) {
        Some(cpu) => Err(Violation::DuplicateCpu(cpu.mpidr)),
        None => Ok(()),
    }
}

/// Where a CPU waits to be released is nobody's memory, so EL2 alone says where it begins.
fn releases_are_the_hypervisors(plan: &Plan<'_>) -> Result<(), Violation> {
    let is_sound = |cpu: &&Cpu| match plan.board.conduit {
        Conduit::SpinTable if cpu.partition != NO_PARTITION => {
            let word = Span { base: cpu.release, size: 8 };
            let given = plan.regions.iter().map(|region| &region.span);
            cpu.release.is_aligned(8) && !plan.memory.iter().chain(given).any(|span| span.overlaps(&word))
        }
        _ => cpu.release == Pa(0),
    };
    let odd = plan.cpus.iter().find(|cpu| !is_sound(cpu));
    odd.map_or(Ok(()), |cpu| Err(Violation::Release(cpu.mpidr)))
}

fn vmids_are_unique(plan: &Plan<'_>) -> Result<(), Violation> {
    let widest = u32::try_from(limits::PARTITIONS).unwrap_or(u32::MAX);
    let unusable = plan.partitions.iter().find(|partition| partition.vmid == 0 || partition.vmid > widest);
    let twice = pairs(plan.partitions).find(|(a, b)| a.vmid == b.vmid).map(|(_, b)| b);
    match unusable.or(twice) {
        Some(partition) => Err(Violation::Vmid(partition.name)),
        None => Ok(()),
    }
}

/// A CPU of one partition invalidates for another under its own VTCR_EL2, so there is one for all.
fn translation_has_one_form(plan: &Plan<'_>) -> Result<(), Violation> {
    let differs = |(first, other): (&Partition, &Partition)| other.vtcr != first.vtcr;
    match pairs(plan.partitions).find(|pair| differs(*pair)) {
        Some((_, other)) => Err(Violation::Translation(other.name)),
        None => Ok(()),
    }
}

fn regions_are_well_formed(plan: &Plan<'_>, partition: &Partition) -> Result<(), Violation> {
    let mut free = Some(0);
    for region in regions(plan, partition) {
        let Region { ipa, span, .. } = region;
        let aligned = [ipa.0, span.base.0, span.size].iter().all(|value| value.is_multiple_of(PAGE));
        let rising = free.is_some_and(|free| free <= ipa.0);
        free = ipa.0.checked_add(span.size).filter(|end| end >> limits::IPA_BITS == 0);
        if !aligned || !rising || span.size == 0 || span.end().is_none() || free.is_none() {
            return Err(Violation::Region(partition.name, span.base));
        }
    }
    Ok(())
}

fn regions_are_the_boards_to_give(plan: &Plan<'_>, partition: &Partition) -> Result<(), Violation> {
    let heir = usize::try_from(plan.board.heir).ok().and_then(|heir| plan.partitions.get(heir));
    let is_heir = heir.is_some_and(|heir| heir.vmid == partition.vmid);
    let console = if is_heir { Span::default() } else { plan.board.console.page() };
    for region @ Region { span, kind, .. } in regions(plan, partition) {
        let in_ram = plan.memory.iter().any(|ram| ram.contains(span));
        let touches_ram = plan.memory.iter().any(|ram| ram.overlaps(span));
        match kind {
            RegionKind::SgiFrame | RegionKind::CpuInterface => {
                if !gic::is_given(plan, partition, region) {
                    return Err(Violation::GicPage(partition.name, span.base));
                }
            }
            _ if plan.board.window.overlaps(span)
                || console.overlaps(span)
                || gic::is_touched(plan, span) =>
            {
                return Err(Violation::Private(partition.name, span.base));
            }
            RegionKind::Ram if !in_ram => return Err(Violation::NotRam(partition.name, span.base)),
            RegionKind::Device if touches_ram => return Err(Violation::NotDevice(partition.name, span.base)),
            RegionKind::Ram | RegionKind::Device => {}
        }
    }
    Ok(())
}

fn loads_go_home(plan: &Plan<'_>, partition: &Partition) -> Result<(), Violation> {
    let holds = |first: u64, size: u64| {
        regions(plan, partition).iter().any(|region| {
            let home = Span { base: Pa(region.ipa.0), size: region.span.size };
            region.kind == RegionKind::Ram && home.contains(&Span::new(first, size))
        })
    };
    for load @ Load { size, destination, memory_size, .. } in loads(plan, partition) {
        let is_whole = if load.is_in_place(&plan.board.window) {
            size == memory_size && is_at_home(plan, partition, load)
        } else {
            size <= memory_size
        };
        if !is_whole || !holds(destination.0, *memory_size) {
            return Err(Violation::Load(partition.name));
        }
    }
    if holds(partition.entry.0, 4) { Ok(()) } else { Err(Violation::Entry(partition.name)) }
}

/// Whether the piece lies where the partition's stage 2 leads from its destination.
fn is_at_home(plan: &Plan<'_>, partition: &Partition, load: &Load) -> bool {
    regions(plan, partition).iter().any(|region| {
        let offset = load.destination.0.checked_sub(region.ipa.0);
        let is_there = offset.is_some() && offset == load.source.0.checked_sub(region.span.base.0);
        region.kind == RegionKind::Ram && is_there && region.span.contains(&load.bytes())
    })
}

/// A new life needs an image that the former one could not write.
fn images_are_pristine(plan: &Plan<'_>, partition: &Partition) -> Result<(), Violation> {
    let is_worn = |load: &Load| load.is_in_place(&plan.board.window);
    match partition.restart != Restart::Never && loads(plan, partition).iter().any(is_worn) {
        true => Err(Violation::NotPristine(partition.name)),
        false => Ok(()),
    }
}

/// A step is in a page of a device of the partition, or in one that no partition has: a reset controller.
fn steps_touch_own_registers(plan: &Plan<'_>, partition: &Partition) -> Result<(), Violation> {
    for step in partition.silence.of(plan.steps).unwrap_or_default() {
        let word = Span { base: step.address, size: 4 };
        let touches = |region: &Region| region.span.overlaps(&word);
        let is_foreign = plan.partitions.iter().any(|other| {
            let is_own = other.name == partition.name;
            regions(plan, other)
                .iter()
                .filter(|region| touches(region))
                .any(|region| !is_own || region.kind != RegionKind::Device)
        });
        let is_ram = plan.memory.iter().any(|ram| ram.overlaps(&word));
        let is_console = plan.board.console.page().overlaps(&word);
        if is_foreign || is_ram || is_console || gic::is_touched(plan, &word) || !step.address.is_aligned(4) {
            return Err(Violation::Step(partition.name, step.address));
        }
    }
    Ok(())
}

/// What EL2 answers itself never reaches the firmware, and nothing does where there is none.
fn functions_are_the_firmwares(plan: &Plan<'_>, partition: &Partition) -> Result<(), Violation> {
    let functions = partition.functions.of(plan.functions).unwrap_or_default();
    let has_firmware = plan.board.conduit == Conduit::Smc;
    match functions.iter().find(|function| !has_firmware || is_answered_by_el2(function.id)) {
        Some(function) => Err(Violation::Function(partition.name, function.id)),
        None => Ok(()),
    }
}

fn restart_is_bounded(partition: &Partition) -> Result<(), Violation> {
    let is_long = partition.restart == Restart::OnFault && partition.restart_delay > limits::RESTART_DELAY;
    if is_long { Err(Violation::Delay(partition.name)) } else { Ok(()) }
}

fn controllers_name_others(plan: &Plan<'_>) -> Result<(), Violation> {
    for (index, partition) in (0_u32..).zip(plan.partitions) {
        let known = u32::try_from(plan.partitions.len()).ok().and_then(|count| 1_u64.checked_shl(count));
        let is_known = known.is_some_and(|known| u64::from(partition.controls) < known);
        if !is_known || partition.controls.checked_shr(index).unwrap_or(0) & 1 != 0 {
            return Err(Violation::Control(partition.name));
        }
    }
    Ok(())
}

fn memory_has_one_owner(plan: &Plan<'_>) -> Result<(), Violation> {
    let owned = || {
        plan.partitions
            .iter()
            .flat_map(|owner| regions(plan, owner).iter().map(move |region| (owner, region)))
    };
    for (at, (owner, region)) in owned().enumerate() {
        for (other, rival) in owned().take(at) {
            if region.span.overlaps(&rival.span) && !gic::is_banked(region, rival) {
                return Err(Violation::Shared(other.name, owner.name, region.span.base));
            }
        }
    }
    Ok(())
}

fn interrupts_have_one_owner(plan: &Plan<'_>) -> Result<(), Violation> {
    let spis = limits::FIRST_SPI..=limits::LAST_SPI;
    let owned = || {
        plan.partitions.iter().flat_map(|owner| {
            let interrupts = owner.interrupts.of(plan.interrupts).unwrap_or_default();
            interrupts.iter().map(move |interrupt| (owner, interrupt.intid))
        })
    };
    for (at, (owner, intid)) in owned().enumerate() {
        if !spis.contains(&intid) || owned().take(at).any(|(_, other)| other == intid) {
            return Err(Violation::Interrupt(owner.name, intid));
        }
    }
    Ok(())
}

/// EL2 raises an interrupt by making it pending in the distributor, which is what an edge does: a line that
/// had a level would say otherwise.
fn virtual_uarts_raise_their_partitions_interrupt(plan: &Plan<'_>) -> Result<(), Violation> {
    for partition in plan.partitions.iter().filter(|partition| partition.uart_interrupt != 0) {
        let intid = partition.uart_interrupt;
        let own = partition.interrupts.of(plan.interrupts).unwrap_or_default();
        if partition.uart == Ipa(0) || !own.contains(&Interrupt { intid, trigger: Trigger::Edge }) {
            return Err(Violation::UartInterrupt(partition.name, intid));
        }
    }
    Ok(())
}

fn regions<'a>(plan: &Plan<'a>, partition: &Partition) -> &'a [Region] {
    partition.regions.of(plan.regions).unwrap_or_default()
}

fn loads<'a>(plan: &Plan<'a>, partition: &Partition) -> &'a [Load] {
    partition.loads.of(plan.loads).unwrap_or_default()
}

fn pairs<T>(items: &[T]) -> impl Iterator<Item = (&T, &T)> {
    let before = |at| items.iter().take(at);
    items.iter().enumerate().flat_map(move |(at, item)| before(at).map(move |earlier| (earlier, item)))
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPartition => f.write_str("there is no partition"),
            Self::Window => f.write_str("the hypervisor's window does not hold what is the hypervisor's"),
            Self::Records(who) => write!(f, "{who}: its records are not its own"),
            Self::Cpus(who) => write!(f, "{who}: it has no CPU of its own"),
            Self::DuplicateCpu(mpidr) => write!(f, "CPU {mpidr:#x} cannot be told from another"),
            Self::Affinity(mpidr) => write!(f, "CPU {mpidr:#x} is shown as another than its place says"),
            Self::Release(mpidr) => write!(f, "CPU {mpidr:#x} waits where not only the hypervisor writes"),
            Self::Vmid(who) => write!(f, "{who}: its VMID is not its own"),
            Self::Translation(who) => write!(f, "{who}: its stage 2 has a form of its own"),
            Self::Region(who, at) => write!(f, "{who}: the region at {at} is malformed"),
            Self::NotRam(who, at) => write!(f, "{who}: there is no RAM at {at}"),
            Self::NotDevice(who, at) => write!(f, "{who}: there is RAM and no device at {at}"),
            Self::Private(who, at) => write!(f, "{who}: what is at {at} belongs to the hypervisor"),
            Self::Shared(first, second, at) => write!(f, "{first} and {second} both own {at}"),
            Self::Console => f.write_str("the hypervisor's UART is none that can be"),
            Self::Gic => f.write_str("the interrupt controller is none that there is"),
            Self::GicPage(who, at) => write!(f, "{who}: {at} is no page of its CPUs' interrupts"),
            Self::Load(who) => write!(f, "{who}: its image does not fit its memory"),
            Self::NotPristine(who) => write!(f, "{who}: it would begin again, and its image lies in place"),
            Self::Entry(who) => write!(f, "{who}: it begins outside its memory"),
            Self::Interrupt(who, intid) => write!(f, "{who}: interrupt {intid} is not its own"),
            Self::Step(who, at) => write!(f, "{who}: the register at {at} silences no device of its own"),
            Self::Function(who, id) => write!(f, "{who}: function {id:#x} is not the firmware's"),
            Self::Control(who) => write!(f, "{who}: it controls what is no other partition"),
            Self::Delay(who) => write!(f, "{who}: it would begin again too late"),
            Self::UartInterrupt(who, intid) => {
                write!(f, "{who}: its virtual UART cannot raise interrupt {intid}")
            }
        }
    }
}
