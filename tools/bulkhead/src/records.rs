//! Puts what was decided into the plan's records.
//!
//! Nothing is decided here any more: the form of the records is `bulkhead-plan`'s, their order is the one
//! that its invariants ask for.

use crate::allocate::Space;
use crate::board::{Board, Version};
use crate::expand::{Partition as Planned, System};
use crate::tables::vtcr;
use crate::wake::wake;
use crate::wire::{Records, small};
use bulkhead_plan::{
    Board as BoardRecord, Conduit, Console, Cpu, Function, GicVersion, Interrupt, InterruptMode, Ipa, Load,
    NO_PARTITION, Name, Pa, Partition, Range, Span, Trigger,
};

/// What the image says of one partition.
#[derive(Debug)]
pub(crate) struct Placement {
    /// Physical address of its stage-2 root.
    pub(crate) root: u64,
    /// Where its first CPU begins.
    pub(crate) entry: u64,
    /// What its first CPU finds in x0.
    pub(crate) argument: u64,
    /// What is loaded.
    pub(crate) loads: Vec<Load>,
}

/// What the hypervisor keeps for itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    /// All of it.
    pub(crate) window: Span,
    /// The memory of its boot allocator, inside the window.
    pub(crate) heap: Span,
}

/// All records of the plan.
pub(crate) fn records(system: &System<'_>, spaces: &[Space], placements: &[Placement], own: Own) -> Records {
    let mut records = Records {
        board: board(system, spaces, own),
        memory: system.board.memory.clone(),
        translators: system.board.gic.translators.clone(),
        cpus: Vec::new(),
        partitions: Vec::new(),
        regions: Vec::new(),
        loads: Vec::new(),
        interrupts: Vec::new(),
        steps: Vec::new(),
        functions: Vec::new(),
    };
    for ((partition, space), placement) in system.partitions.iter().zip(spaces).zip(placements) {
        let index = small(records.partitions.len());
        let owned = (0..).zip(&partition.cpus);
        let cpus =
            owned.map(|(vcpu, (cpu, _))| cpu_record(system.board, *cpu, Some((index, Cpu::affinity(vcpu)))));
        let raised = space.uart.and_then(|uart| uart.interrupt);
        let edge = raised.map(|intid| Interrupt { intid, trigger: Trigger::Edge });
        let wired = partition.devices.iter().flat_map(|device| device.interrupts.iter().copied());
        let mut interrupts: Vec<Interrupt> = wired.chain(edge).collect();
        interrupts.sort_by_key(|interrupt| interrupt.intid);
        interrupts.dedup_by_key(|interrupt| interrupt.intid);
        records.partitions.push(Partition {
            name: Name::new(partition.name()).unwrap_or(Name([0; bulkhead_plan::limits::NAME])),
            root: Pa(placement.root),
            vtcr: vtcr(physical_bits(system.board)),
            entry: Ipa(placement.entry),
            argument: placement.argument,
            distributor: space.distributor,
            redistributors: space.redistributors,
            cpu_interface: space.cpu_interface,
            uart: space.uart.map_or(Ipa(0), |uart| uart.base),
            cpus: append(&mut records.cpus, cpus),
            regions: append(&mut records.regions, space.regions.iter().copied()),
            loads: append(&mut records.loads, placement.loads.iter().copied()),
            interrupts: append(&mut records.interrupts, interrupts),
            silence: append(&mut records.steps, partition.life.silence.iter().copied()),
            functions: append(&mut records.functions, functions(partition)),
            vmid: index + 1,
            root_pages: 1,
            interrupt_mode: interrupt_mode(partition),
            restart: partition.life.restart,
            max_restarts: partition.life.max_restarts,
            restart_delay: partition.life.restart_delay,
            controls: partition.life.controls,
            uart_interrupt: raised.unwrap_or(0),
        });
    }
    let is_owned = |index| system.partitions.iter().any(|it| it.cpus.iter().any(|(cpu, _)| *cpu == index));
    let free = (0..system.board.cpus.len()).filter(|index| !is_owned(*index));
    records.cpus.extend(free.map(|index| cpu_record(system.board, index, None)));
    records
}

/// The hypervisor's UART as the plan writes it.
pub(crate) fn console(board: &Board) -> Console {
    board.console.map_or(Console::NONE, |console| console.sender)
}

/// The partition that owns the hypervisor's console.
fn heir(system: &System<'_>) -> u32 {
    let owns =
        |partition: &Planned<'_>| system.board.console.is_some_and(|console| partition.owns(console.node));
    system.partitions.iter().position(owns).map_or(NO_PARTITION, small)
}

/// The way to the firmware as the plan writes it. A board without one was refused.
pub(crate) fn conduit(board: &Board) -> Conduit {
    board.conduit.unwrap_or(Conduit::Smc)
}

fn board(system: &System<'_>, spaces: &[Space], own: Own) -> BoardRecord {
    let board = system.board;
    BoardRecord {
        name: Name::new(&board.name).unwrap_or(Name([0; bulkhead_plan::limits::NAME])),
        window: own.window,
        heap: own.heap,
        distributor: board.gic.distributor,
        cpu_interface: board.gic.cpu_interface.map_or(Span::default(), |interface| interface.place),
        console: console(board),
        gic: match board.gic.version {
            Version::V2 => GicVersion::V2,
            Version::V3 => GicVersion::V3,
        },
        conduit: conduit(board),
        wake: wake(system, spaces).unwrap_or(0),
        heir: heir(system),
    }
}

fn cpu_record(board: &Board, index: usize, owner: Option<(u32, u32)>) -> Cpu {
    let cpu = &board.cpus[index];
    let (partition, virtual_mpidr) = owner.unwrap_or((NO_PARTITION, 0));
    Cpu {
        mpidr: cpu.mpidr,
        redistributor: cpu.redistributor.unwrap_or(Pa(0)),
        virtual_mpidr: u64::from(virtual_mpidr),
        partition,
        interface: if board.gic.version == Version::V2 { cpu.interface } else { 0 },
        release: cpu.release.filter(|_| owner.is_some()).unwrap_or(Pa(0)),
    }
}

fn interrupt_mode(partition: &Planned<'_>) -> InterruptMode {
    if partition.is_guarded() { InterruptMode::Guarded } else { InterruptMode::Direct }
}

fn functions(partition: &Planned<'_>) -> impl Iterator<Item = Function> {
    partition.life.functions.iter().map(|id| Function { id: *id, reserved: 0 })
}

/// Bits of the highest address that a table can lead to.
fn physical_bits(board: &Board) -> u32 {
    let highest = board.memory.iter().filter_map(Span::end).max().unwrap_or(0);
    64 - highest.saturating_sub(1).leading_zeros()
}

fn append<T>(table: &mut Vec<T>, records: impl IntoIterator<Item = T>) -> Range {
    let start = table.len();
    table.extend(records);
    Range { start: small(start), count: small(table.len() - start) }
}
