//! The life of a CPU: it arrives, runs its guest, leaves.
//!
//! A CPU belongs to one partition as long as the board is on. Between two lives it is off, in the hands of
//! the firmware, and comes back by CPU_ON, to the same loop; or it waits at its berth.

use crate::act::{self, Flow};
use crate::berth;
use crate::control::{self, Identity};
use crate::entry::{clear_registers, on_own_stack};
use crate::firmware;
use crate::load;
use crate::mark::{self, Phase};
use crate::muster;
use crate::panic;
use crate::partition::Partition;
use crate::registers::defer_errors;
use crate::stop;
use crate::system::{self, System};
use crate::translation;
use crate::vcpu::{Frame, Vector, enter};
use aarch64_cpu::registers::{CNTP_CTL_EL0, CNTV_CTL_EL0, MPIDR_EL1};
use bulkhead_core::{Action, Entry, Fault, FaultKind, IdRegisters, Nature, REASONS, Reason, Stop, Why, el2};
use bulkhead_plan::{Conduit, Cpu as Planned};
use core::sync::atomic::{Ordering, fence};
use spin::Once;
use tock_registers::interfaces::{Readable, Writeable};

/// What a CPU keeps from one life to the next.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Cpu {
    /// The guest's registers.
    pub(crate) frame: Frame,
    /// Exits by reason.
    pub(crate) exits: [u64; REASONS],
    /// Whose CPU it is, for the quick path.
    pub(crate) seat: Option<Seat>,
    /// The ID registers that its guest is shown, for the quick path.
    pub(crate) ids: Option<&'static IdRegisters>,
}

/// Who a CPU works for, and as which vCPU.
#[derive(Clone, Copy)]
pub(crate) struct Seat {
    pub(crate) partition: &'static Partition,
    pub(crate) system: &'static System,
    pub(crate) vcpu: usize,
}

/// How a CPU leaves its guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It has called CPU_OFF.
    Off,
    /// Its partition is being stopped.
    Stop,
}

/// A CPU that the firmware has started: `index` is its position among the plan's CPUs. Where there is no
/// firmware it was released by boot, and nobody has started it yet.
pub(crate) extern "C" fn secondary(index: usize) -> ! {
    match system::get().map(|system| system.plan.board.conduit) {
        Some(Conduit::SpinTable) => wait(index),
        _ => live(index),
    }
}

/// The boot CPU turns into what the plan says that it is; `is_first` if its partition begins with it.
pub(crate) fn become_cpu(index: usize, is_first: bool) -> ! {
    // SAFETY: CPU `index` is this one, its stack is mapped and nobody else's, and nothing is left on this one.
    unsafe { on_own_stack(if is_first { live } else { wait }, index, index) }
}

/// Affinity of the CPU that executes this.
pub(crate) fn affinity() -> u64 {
    MPIDR_EL1.get() & 0xff_00ff_ffff
}

extern "C" fn live(index: usize) -> ! {
    let Some(seat) = seat(index) else { berth::sleep() };
    loop {
        be_on(seat, index);
        berth::rest(seat.system, index);
    }
}

extern "C" fn wait(index: usize) -> ! {
    if let Some(system) = system::get() {
        berth::rest(system, index);
    }
    live(index)
}

/// From one start to being off again: a life, or those that this CPU goes through without going off.
fn be_on(seat: Seat, index: usize) {
    let Seat { system, partition, vcpu } = seat;
    let (cpus, identities) = (system.cpus.get(index), system.identities.get(index));
    let (Some(slot), Some(identity), Some(planned)) = (cpus, identities, system.plan.cpus.get(index)) else {
        return;
    };
    loop {
        let mut cpu = slot.lock();
        cpu.seat = Some(seat);
        let departure = visit(seat, index, (planned, identity), &mut cpu);
        silence(system, index, planned);
        drop(cpu);
        if departure == Departure::Off || !stop::leave(system, partition, vcpu) {
            break;
        }
    }
    // What was sent to wake this CPU may have come when it had cleaned up: pending, it could wake a CPU that is
    // off.
    system.gic.forget_wake(index, planned);
}

/// Cleans up behind the guest: its errors out of the way, its interrupts closed and idle, its timers off.
fn silence(system: &System, index: usize, planned: &Planned) {
    defer_errors();
    CNTP_CTL_EL0.set(0);
    CNTV_CTL_EL0.set(0);
    system.gic.leave(index, planned);
}

/// Who the CPU at `index` works for, and as which vCPU.
fn seat(index: usize) -> Option<Seat> {
    let system = system::get()?;
    let planned = system.plan.cpus.get(index)?;
    let partition = system.partitions.get(usize::try_from(planned.partition).ok()?)?;
    let vcpu = index.checked_sub(partition.cpu_index(0))?;
    (planned.mpidr == affinity()).then_some(Seat { system, partition, vcpu })
}

/// From arrival to departure.
fn visit(
    seat: Seat,
    index: usize,
    (planned, identity): (&Planned, &'static Once<Identity>),
    cpu: &mut Cpu,
) -> Departure {
    mark::begin::<{ Phase::Arrive as u16 }>();
    let Seat { system, partition, vcpu } = seat;
    let mode = partition.compartment.partition.interrupt_mode;
    let identity = identity.call_once(|| Identity::of_this_cpu(mode));
    cpu.ids = Some(&identity.nature.ids);
    firmware::mitigate(&identity.nature.workarounds);
    translation::take(partition);
    control::configure_el2(identity, planned.virtual_mpidr);
    if let Err(why) = system.gic.arrive(index, planned) {
        stop::begin(system, partition, why);
        return Departure::Stop;
    }
    control::reset_el1(&identity.features);
    let is_birth = vcpu == 0 && !partition.is_loaded();
    if is_birth && !load(system, partition) {
        return Departure::Stop;
    }
    mark::begin::<{ Phase::Enter as u16 }>();
    let Some(entry) = arrive(partition, vcpu, is_birth) else { return Departure::Stop };
    begin(&mut cpu.frame, entry);
    run(system, partition, vcpu, cpu, &identity.nature)
}

/// Gives the partition its images for a life that begins; false if they are damaged.
#[cold]
#[inline(never)]
fn load(system: &System, partition: &Partition) -> bool {
    let planned = partition.compartment.partition;
    let is_sound = load::load(system, partition);
    control::clear_simd();
    if !muster::join(system, partition, is_sound) {
        stop::begin(system, partition, Why::Damaged);
        return false;
    }
    // Whoever began this life, or booted the board, may still be on its way off.
    stop::wait_for_others(system, partition, 0);
    partition.set_loaded();
    log::info!("{}: CPUs: {}, begins at {}", planned.name, planned.cpus.count, planned.entry);
    muster::tell(system, partition);
    true
}

/// vCPU `vcpu` comes to its partition: where it begins, if the partition is not being stopped. The root leads
/// to memory only in a life that has begun, so a stop cannot come in between: it would invalidate, on another
/// CPU, what that CPU may just be walking.
fn arrive(partition: &Partition, vcpu: usize, is_birth: bool) -> Option<Entry> {
    let mut power = partition.power.lock();
    let entry = power.arrive(vcpu)?;
    if is_birth {
        partition.root.restore();
        fence(Ordering::SeqCst);
        if panic::is_dying() {
            partition.root.clear();
            return None;
        }
    }
    Some(entry)
}

/// The loop from which everything hangs.
fn run(system: &System, partition: &Partition, vcpu: usize, cpu: &mut Cpu, nature: &Nature) -> Departure {
    while !partition.is_stopping() {
        let vector = enter(cpu);
        let (reason, action) = decide(partition, vcpu, cpu, nature, vector);
        cpu.count(reason);
        #[cfg(feature = "slower")]
        if reason == Reason::Call {
            crate::mark::waste();
        }
        #[cfg(feature = "broken")]
        crate::panic::fail_on_purpose();
        let flow = match action {
            Ok(action) => act::carry_out(system, partition, vcpu, &mut cpu.frame.registers, action),
            Err(kind) => Flow::Fail(kind),
        };
        match flow {
            Flow::Resume => {}
            Flow::Depart(departure) => return departure,
            Flow::Fail(kind) => return fail(system, partition, vcpu, cpu, kind),
        }
    }
    Departure::Stop
}

/// The guest has failed: what there is to know is kept, and its partition's life ends.
#[cold]
#[inline(never)]
fn fail(system: &System, partition: &Partition, vcpu: usize, cpu: &Cpu, kind: FaultKind) -> Departure {
    let restarts = partition.power.lock().restarts();
    let Frame { registers, syndrome, history, entries } = cpu.frame;
    let fault = Fault { kind, vcpu, restarts, registers, syndrome, history, entries };
    // The first fault is the one that tells something.
    if stop::begin(system, partition, Why::Fault(kind)) == Stop::Revoke {
        *partition.fault.lock() = Some(fault);
    }
    Departure::Stop
}

/// What an exit means, or why it is the partition's last.
fn decide(
    partition: &Partition,
    vcpu: usize,
    cpu: &mut Cpu,
    nature: &Nature,
    vector: Vector,
) -> (Reason, Result<Action, FaultKind>) {
    match vector {
        _ if partition.is_stopping() => (Reason::Stop, Ok(Action::Resume)),
        Vector::Synchronous => {
            let Frame { registers, syndrome, .. } = &mut cpu.frame;
            let (reason, action) = partition.compartment.on_exit(vcpu, nature, registers, syndrome);
            (reason, Ok(action))
        }
        Vector::Fiq => (Reason::Interrupt, partition.compartment.on_fiq().ok_or(FaultKind::Interrupt)),
        Vector::Irq => (Reason::Interrupt, Err(FaultKind::Interrupt)),
        Vector::SError => (Reason::SError, Err(FaultKind::SError)),
    }
}

impl Cpu {
    /// Counts an exit.
    #[inline]
    pub(crate) fn count(&mut self, reason: Reason) {
        if let Some(count) = self.exits.get_mut(reason as usize) {
            *count = count.wrapping_add(1);
        }
    }
}

/// Gives the frame the registers of a guest CPU that begins.
fn begin(frame: &mut Frame, entry: Entry) {
    // SAFETY: the frame is borrowed here.
    unsafe { clear_registers(frame) };
    frame.registers.pc = entry.address.0;
    frame.registers.pstate = el2::PSTATE;
    frame.registers.os_lock = 1;
    frame.registers.write(0, entry.context);
}
