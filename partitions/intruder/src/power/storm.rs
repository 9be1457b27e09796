//! CPUs that are switched on by several others at once while they switch themselves off.
//!
//! PSCI 1.1 §5.6 and §6.6: of racing calls one succeeds, the others are told that the CPU is on, or about
//! to be; a CPU that was started arrives exactly once.

use super::{ALREADY_ON, SUCCESS};
use crate::tally::Tally;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use guest_rt::{Machine, cpu, psci, timer};

/// Rounds by each CPU.
const ROUNDS: u64 = 200;
/// How long the last CPU may take to switch itself off, in milliseconds.
const PATIENCE: u64 = 10_000;
const ON_PENDING: i64 = -5;

/// How often CPUs were started, and arrived.
static STARTED: AtomicU64 = AtomicU64::new(0);
static ARRIVED: AtomicU64 = AtomicU64::new(0);
/// Answers that no call may give.
static WRONG: AtomicU64 = AtomicU64::new(0);
/// CPUs that still switch others on.
static BUSY: AtomicUsize = AtomicUsize::new(0);

/// All but the last CPU switch the last one on, over and over.
pub(super) fn attack(tally: &mut Tally, machine: &'static Machine) {
    let last = machine.cpus().len() - 1;
    if last == 0 {
        return;
    }
    BUSY.store(last, Ordering::Release);
    for helper in 1..last {
        let started = cpu::start(helper, starter);
        tally.judge(started.is_ok(), format_args!("start of CPU {helper} for a storm: {started:?}"));
    }
    starter(machine, 0);
    let is_over = wait(|| BUSY.load(Ordering::Acquire) == 0 && (1..=last).all(|cpu| is_off(machine, cpu)));
    tally.judge(is_over, format_args!("a storm of CPU_ON and CPU_OFF does not end"));
    let [started, arrived, wrong] = [&STARTED, &ARRIVED, &WRONG].map(|count| count.load(Ordering::Acquire));
    tally.judge(wrong == 0, format_args!("{wrong} answers to racing calls that none may give"));
    tally.judge(
        started == arrived && started > 0,
        format_args!("a CPU was started {started} times and arrived {arrived} times"),
    );
}

/// Switches the last CPU on as often as it can.
fn starter(machine: &'static Machine, _: usize) {
    let last = machine.cpus().len() - 1;
    for _ in 0..ROUNDS {
        let answer = cpu::start(last, arrive).map_or_else(|error| error.0, |()| SUCCESS);
        match answer {
            SUCCESS => drop(STARTED.fetch_add(1, Ordering::AcqRel)),
            ALREADY_ON | ON_PENDING => cpu::relax(),
            _ => drop(WRONG.fetch_add(1, Ordering::AcqRel)),
        }
        // What the others see is one of the three states, whichever.
        if psci::affinity_info(machine.cpus()[last]).is_err() {
            WRONG.fetch_add(1, Ordering::AcqRel);
        }
    }
    BUSY.fetch_sub(1, Ordering::AcqRel);
}

/// What the last CPU does: it has come, tells the first one that it is on, and goes.
fn arrive(machine: &'static Machine, _: usize) {
    ARRIVED.fetch_add(1, Ordering::AcqRel);
    if cpu::start(0, arrive) != Err(psci::Error(ALREADY_ON))
        || psci::affinity_info(machine.cpus()[0]).is_err()
    {
        WRONG.fetch_add(1, Ordering::AcqRel);
    }
}

fn is_off(machine: &Machine, cpu: usize) -> bool {
    psci::affinity_info(machine.cpus()[cpu]) == Ok(psci::Affinity::Off)
}

/// Waits until it is so; says whether it was.
fn wait(until: impl Fn() -> bool) -> bool {
    let end = timer::now() + timer::counts(PATIENCE * 1000);
    while !until() {
        if timer::now() > end {
            return false;
        }
        cpu::relax();
    }
    true
}
