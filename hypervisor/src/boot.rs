//! From the first line of Rust to the first guest, in the order in which it happens.
//!
//! Everything is checked before any partition begins: there is no half-booted machine. What is wrong is
//! said in one line, then the board is off.

mod refusal;

use crate::berth::{self, Place};
use crate::console;
use crate::control;
use crate::cpu::{self, Cpu};
use crate::entry::{self, BOOT_PAGES, secondary_entry};
use crate::firmware;
use crate::gic::Gic;
use crate::hash::sha256;
use crate::heap;
use crate::image::{Window, boot_header, parts};
use crate::maps::{self, Maps, Room};
use crate::mark::{self, Phase};
use crate::muster;
use crate::panic::stop_the_board;
use crate::partition::{Partition, Root};
use crate::stop;
use crate::system::{self, System};
use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{ID_AA64MMFR0_EL1, SCTLR_EL2};
use alloc::vec::Vec;
use bulkhead_core::handoff::{self, HEADER};
use bulkhead_core::sight::{Ground, STACK, Sight, WHILE};
use bulkhead_core::stage1::Tables;
use bulkhead_core::{el2, stage2};
use bulkhead_plan::limits::PARTITIONS;
use bulkhead_plan::{BootHeader, Conduit, Load, NO_PARTITION, PAGE, Pa, Plan, Span};
use refusal::Refusal;
use spin::{Mutex, Once};
use tock_registers::interfaces::{Readable, Writeable};

/// The boot CPU, with the MMU on: `fdt` is what the firmware has left in x0.
pub(crate) extern "C" fn boot(fdt: u64) -> ! {
    mark::begin::<{ Phase::Plan as u16 }>();
    control::permit_simd();
    let Some(header) = boot_header() else { stop_the_board() };
    firmware::reach_by(header.conduit);
    if header.console.is_sound() {
        // SAFETY: it is; the boot tables map the UART, and so do EL2's own.
        unsafe { console::start(&header.console) };
    }
    match prepare(header, fdt) {
        Ok(system) => start(system),
        Err(refusal) => refuse(&refusal),
    }
}

fn prepare(header: &'static BootHeader, fdt: u64) -> Result<&'static System, Refusal> {
    let features = control::features();
    if features.forces_vhe() {
        return Err(Refusal::Cpu);
    }
    let window = Window::new(header.window);
    let plan = read_plan(header, &window)?;
    mark::begin::<{ Phase::Maps as u16 }>();
    let mut room = Room::new(window, header.heap);
    let boot_tables = room.take(BOOT_PAGES * PAGE, PAGE).ok_or(Refusal::Memory)?;
    let stacks = room.take(plan.cpus.len() as u64 * STACK, PAGE).ok_or(Refusal::Memory)?;
    let mut roots = [Span::default(); PARTITIONS];
    for (root, partition) in roots.iter_mut().zip(plan.partitions) {
        let size = u64::from(partition.root_pages) * PAGE;
        *root = room.take(size, size).ok_or(Refusal::Memory)?;
    }
    let maps = open_eyes(header, &plan, stacks.base, fdt, &mut room)?;
    room.into_heap();
    Room::new(window, boot_tables).into_heap();
    mark::begin::<{ Phase::Interrupts as u16 }>();
    let gic = Gic::take(&plan, features.has_gicv3()).map_err(Refusal::Gic)?;
    mark::begin::<{ Phase::Publish as u16 }>();
    publish(plan, &window, &roots, maps, gic)
}

/// Decodes and verifies the plan, and with it the stage-2 tables.
fn read_plan(header: &BootHeader, window: &Window) -> Result<Plan<'static>, Refusal> {
    let place = Span::new(header.window.base.0.wrapping_add(header.plan_offset), header.plan_size);
    // SAFETY: nobody writes to the image.
    let bytes = unsafe { window.bytes(place) }.ok_or(Refusal::Memory)?;
    let plan = Plan::decode(bytes).map_err(Refusal::NoPlan)?;
    if sha256(plan.digested()) != plan.header.digest {
        return Err(Refusal::Damaged("the plan"));
    }
    let up_to = |size| Span { base: header.window.base, size };
    let (kept, file) = (up_to(header.image_size), up_to(header.file_size));
    let is_there = |load: &Load| match load.is_in_place(&header.window) {
        true => file.contains(&load.bytes()),
        false => kept.contains(&load.bytes()),
    };
    let board = plan.board;
    if (board.window, board.heap, board.console, board.conduit)
        != (header.window, header.heap, header.console, header.conduit)
        || !plan.loads.iter().all(is_there)
        || !kept.contains(&plan.header.tables)
    {
        return Err(Refusal::Damaged("the boot header"));
    }
    bulkhead_plan::verify(&plan).map_err(Refusal::Unsound)?;
    let physical_bits = ID_AA64MMFR0_EL1.read(ID_AA64MMFR0_EL1::PARange);
    if let Some(unfit) = plan.partitions.iter().find(|partition| !stage2::suits(partition, physical_bits)) {
        return Err(Refusal::Translation(unfit.name));
    }
    // SAFETY: as above.
    let tables = unsafe { window.bytes(plan.header.tables) }.ok_or(Refusal::Memory)?;
    if sha256(tables) != plan.header.tables_digest {
        return Err(Refusal::Damaged("the package of stage-2 tables"));
    }
    Ok(plan)
}

/// Builds EL2's own tables in `room`, begins to use them, and looks at the firmware's device tree.
fn open_eyes(
    header: &BootHeader,
    plan: &Plan<'_>,
    stacks: Pa,
    fdt: u64,
    room: &mut Room,
) -> Result<Maps, Refusal> {
    let (pages, base) = room.pages().ok_or(Refusal::Memory)?;
    let mut tables = Tables::new(pages, base);
    let ground = Ground { header, parts: parts(), stacks };
    let sight = Sight::build(plan, &ground, &mut tables).map_err(Refusal::Maps)?;
    let kept = tables.used() as u64 * PAGE;
    // SAFETY: the steady root maps the image, its data and the heap where the boot tables have them.
    unsafe { maps::switch_to(tables.address(sight.steady)) };
    SCTLR_EL2.set(el2::SCTLR);
    barrier::isb(barrier::SY);
    mark::begin::<{ Phase::Board as u16 }>();
    compare_board(plan, fdt, &sight, &mut tables)?;
    mark::begin::<{ Phase::Maps as u16 }>();
    room.take(kept, PAGE).ok_or(Refusal::Memory)?;
    Ok(Maps { steady: tables.address(sight.steady), loads: sight.loads.map(|root| tables.address(root)) })
}

/// Compares the plan with the device tree at physical address `fdt`, if there is one.
fn compare_board(plan: &Plan<'_>, fdt: u64, sight: &Sight, tables: &mut Tables<'_>) -> Result<(), Refusal> {
    let mut look = |size: usize, judge: &mut dyn FnMut(&[u8])| {
        let span = Span::new(fdt, size as u64);
        let root = sight.and(span, tables).map_err(Refusal::Maps)?;
        maps::while_seeing(tables.address(root), || {
            // SAFETY: the root maps these bytes read-only, and nobody else is on.
            judge(unsafe { core::slice::from_raw_parts((WHILE + fdt) as *const u8, size) });
        });
        Ok(())
    };
    let is_possible = fdt != 0 && fdt.is_multiple_of(8) && fdt < WHILE;
    let mut size = None;
    if is_possible {
        look(HEADER, &mut |bytes| size = handoff::size(bytes))?;
    }
    let Some(size) = size else {
        log::info!("the firmware has left no device tree: going by the plan alone");
        return Ok(());
    };
    let mut verdict = Ok(());
    look(size, &mut |bytes| verdict = handoff::compare(plan, bytes, Span::new(fdt, size as u64)))?;
    verdict.map_err(Refusal::Board)
}

/// Makes partitions and CPUs, and seals the heap behind them.
fn publish(
    plan: Plan<'static>,
    window: &Window,
    roots: &[Span; PARTITIONS],
    maps: Maps,
    gic: Gic,
) -> Result<&'static System, Refusal> {
    let mut partitions = Vec::with_capacity(plan.partitions.len());
    for ((index, planned), place) in plan.partitions.iter().enumerate().zip(roots) {
        // SAFETY: the place was taken from the heap's room for this root alone.
        let root = unsafe { Root::new(planned, window, *place) }.ok_or(Refusal::Memory)?;
        partitions.push(Partition::new(&plan, planned, index, root));
    }
    let owned = plan.cpus.iter().filter(|cpu| cpu.partition != NO_PARTITION).count();
    let cpus = (0..owned).map(|_| Mutex::new(Cpu::default())).collect();
    let berths = (0..owned).map(|_| Place::default()).collect();
    let identities = (0..owned).map(|_| Once::new()).collect();
    entry::tell_root(maps.steady);
    let secondary_entry = window.physical_address(secondary_entry as *const () as u64);
    let system = system::publish(System {
        plan,
        partitions,
        cpus,
        berths,
        identities,
        maps,
        distributor: gic.distributor(),
        gic,
        secondary_entry,
    });
    heap::seal();
    Ok(system)
}

/// Starts the first CPU of every partition; this CPU turns into its own, if it is one of them.
fn start(system: &'static System) -> ! {
    mark::begin::<{ Phase::Start as u16 }>();
    let (used, total) = heap::usage();
    let board = &system.plan.board;
    log::info!(
        "{} on {}: {} partitions, {used} of {total} bytes of heap",
        VERSION,
        board.name,
        system.partitions.len()
    );
    if board.conduit == Conduit::SpinTable
        && let Err(mpidr) = berth::release_all(system)
    {
        refuse(&Refusal::Absent(mpidr));
    }
    let own = system.plan.cpus.iter().position(|cpu| cpu.mpidr == cpu::affinity());
    for partition in &system.partitions {
        let first = partition.cpu_index(0);
        if own != Some(first) {
            let is_coming = stop::start_first(system, partition);
            if !is_coming {
                muster::excuse();
            }
        }
    }
    let is_first = |own| system.partitions.iter().any(|partition| partition.cpu_index(0) == own);
    match own.filter(|own| *own < system.cpus.len()) {
        Some(own) => cpu::become_cpu(own, is_first(own)),
        None => berth::go(),
    }
}

const VERSION: &str = concat!("bulkhead ", env!("CARGO_PKG_VERSION"));

fn refuse(refusal: &Refusal) -> ! {
    log::error!("not booted: {refusal}");
    stop_the_board()
}
