//! How a life of a partition ends, and another begins.
//!
//! EL2 has no interrupt of its own to call another CPU with. So it takes the partition's memory away:
//! whatever its CPUs do next faults into EL2, which sees that the partition is stopping. In this order:
//! 1. mark the partition as stopping, 2. clear its stage-2 root, 3. make every CPU forget what it has walked,
//! 4. wake those that sleep, by an interrupt that nothing masks but the CPU itself, and one event.
//!
//! Each CPU cleans up after itself on its way out. The last one does the rest: devices silent, SPIs as if
//! never used, a new life or none. It waits for nobody but CPUs of its own partition that are on their way to
//! the firmware, and never without an end.

use crate::berth;
use crate::console;
use crate::cpu::affinity;
use crate::firmware::{self, Answer};
use crate::partition::Partition;
use crate::pause;
use crate::silence;
use crate::system::System;
use crate::totals::Totals;
use crate::translation;
use aarch64_cpu::asm::{barrier, sev};
use bulkhead_core::{Next, Phase, Power, PowerState, Renewal, Stop, Why};
use core::sync::atomic::{AtomicUsize, Ordering};

/// Milliseconds after which a CPU counts as one that cannot be woken, and as one that the firmware does not turn
/// off. Nobody waits for them but the partition itself; they are long, because a CPU may be a thread of a busy
/// machine.
const WAKING: u64 = 1000;
const TURNING_OFF: u64 = 10_000;

static STOPPED: AtomicUsize = AtomicUsize::new(0);

/// Ends the life of `partition`, from one of its own CPUs or from one that controls it.
///
/// Its power state is locked until its memory is revoked and its CPUs are woken, so that none of them can
/// leave before and begin a new life that this would still be taking away. That is at most 8192 stores to the
/// root, two invalidations, and an interrupt with its six accesses for each CPU.
pub(crate) fn begin(system: &System, partition: &Partition, why: Why) -> Stop {
    let mut power = partition.power.lock();
    let stop = power.stop(why.cause(), &partition.policy);
    if stop == Stop::Revoke {
        *partition.why.lock() = why;
        partition.since.store(pause::now(), Ordering::Relaxed);
        partition.set_stopping(true);
        partition.root.clear();
        translation::forget(partition);
        wake(system, partition, &power);
    }
    stop
}

/// vCPU `vcpu`, cleaned up, leaves a partition that is stopping. True if it begins the next life.
pub(crate) fn leave(system: &System, partition: &Partition, vcpu: usize) -> bool {
    // Before it leaves: whoever is last forgets it, for the next life.
    let is_first = !partition.is_watched.swap(true, Ordering::AcqRel);
    let is_last = partition.power.lock().leave(vcpu);
    if is_last {
        return end(system, partition, vcpu);
    }
    if is_first {
        pause::until(WAKING, || partition.power.lock().phase() != Phase::Stopping);
        report_sleepers(partition);
    }
    false
}

/// Says once which CPUs have not left a partition that has been stopping for a while: they sleep, with all
/// interrupts masked at the GIC, and stay off until something wakes them.
pub(crate) fn report_sleepers(partition: &Partition) {
    let (phase, asleep) = {
        let power = partition.power.lock();
        (power.phase(), power.entered())
    };
    let since = partition.since.load(Ordering::Relaxed);
    let is_late = phase == Phase::Stopping && pause::has_passed(WAKING, since);
    if is_late && asleep != 0 && !partition.is_reported.swap(true, Ordering::AcqRel) {
        log::warn!("{}: stopping; its CPUs {asleep:#b} (by bit) cannot be woken", partition.name);
    }
}

/// A partition whose first CPU cannot be started ends before it begins.
pub(crate) fn start_first(system: &System, partition: &Partition) -> bool {
    let answer = berth::start(system, partition.cpu_index(0));
    if !answer.is_success() {
        let mut power = partition.power.lock();
        power.abandon(answer == Answer::ALREADY_ON);
        STOPPED.fetch_add(1, Ordering::AcqRel);
        drop(power);
        log::error!("{}: {}", partition.name, Why::NotStarted(answer.code()));
        turn_off_if_all_are(system);
    }
    answer.is_success()
}

/// EL2 has failed, and nothing turns the board off: no partition keeps its memory, and whoever comes to EL2
/// stays. The power states are not locked for that: who has failed may hold them.
pub(crate) fn revoke_all(system: &System) {
    for partition in &system.partitions {
        partition.set_stopping(true);
        partition.root.clear();
        translation::forget(partition);
    }
}

/// A partition that is off is about to begin; its power state is locked.
pub(crate) fn is_no_longer_off(partition: &Partition) {
    partition.set_stopping(false);
    STOPPED.fetch_sub(1, Ordering::AcqRel);
}

/// Wakes whoever is inside and may sleep. Called with the power state locked: a CPU that has left is not
/// disturbed, and one that is yet to leave clears what is sent here before its next life.
fn wake(system: &System, partition: &Partition, power: &Power) {
    let others = partition.compartment.cpus.iter().enumerate().filter(|(_, cpu)| cpu.mpidr != affinity());
    for (vcpu, cpu) in others.filter(|(vcpu, _)| power.state(*vcpu) == PowerState::On) {
        system.gic.wake(partition.cpu_index(vcpu), cpu);
    }
    barrier::isb(barrier::SY);
    barrier::dsb(barrier::SY);
    sev();
}

/// The last CPU out ends the life. True if it begins the next one. By itself, for what it needs would be set up each
/// time a CPU begins.
#[cold]
#[inline(never)]
fn end(system: &System, partition: &Partition, vcpu: usize) -> bool {
    let silenced = silence::devices(system, partition);
    system.distributor.quiesce(&partition.compartment);
    partition.forget_life();
    console::carry_rest(partition);
    let (why, fault) = (*partition.why.lock(), *partition.fault.lock());
    if let Some(fault) = fault.filter(|_| why.is_fault()) {
        fault.say(|line| log::warn!("{}: {line}", partition.name));
    }
    log::info!("{}: {why}; {}", partition.name, Totals::take(system, partition));
    if let Err(register) = silenced {
        log::error!("{}: its device does not fall silent (register {register})", partition.name);
        partition.power.lock().condemn();
    }
    wait_for_others(system, partition, vcpu);
    system.gic.quiesce_private(partition.cpu_index(0), partition.compartment.cpus);
    wait_for_its_time(partition);
    let (renewal, restarts) = {
        let mut power = partition.power.lock();
        let renewal = power.renew(vcpu, partition.entry);
        // With the lock held: nobody can have begun to stop the new life, or to start one.
        partition.set_stopping(renewal == Renewal::Off);
        STOPPED.fetch_add(usize::from(renewal == Renewal::Off), Ordering::AcqRel);
        (renewal, power.restarts())
    };
    if renewal == Renewal::Off {
        turn_off_if_all_are(system);
        return false;
    }
    log::info!("{}: begins again, restart {restarts}", partition.name);
    if renewal == Renewal::There {
        start_first(system, partition);
    }
    renewal == Renewal::Here
}

/// Waits until all CPUs but this one are off: a new life must not see that they were ever on.
pub(crate) fn wait_for_others(system: &System, partition: &Partition, vcpu: usize) {
    let all_are_off = pause::until(TURNING_OFF, || {
        let mut power = partition.power.lock();
        let leaving = power.leaving();
        for other in 0..partition.compartment.cpus.len() {
            if leaving >> other & 1 != 0 && berth::is_off(system, partition.cpu_index(other)) {
                power.is_off(other);
            }
        }
        power.leaving() == 0
    });
    if !all_are_off {
        let mut power = partition.power.lock();
        let leaving = power.leaving();
        if leaving & 1 != 0 && vcpu != 0 {
            power.give_up();
        }
        drop(power);
        log::warn!("{}: the firmware does not turn its CPUs {leaving:#b} (by bit) off", partition.name);
    }
}

/// Waits as long as the policy says, unless an order says that there is nothing to wait for.
fn wait_for_its_time(partition: &Partition) {
    let (delay, next) = {
        let power = partition.power.lock();
        (power.delay(&partition.policy), power.next())
    };
    if next == Next::Restart && delay != 0 {
        log::info!("{}: begins again in {delay} ms", partition.name);
        pause::until(delay, || {
            let power = partition.power.lock();
            power.next() == Next::Off || power.delay(&partition.policy) == 0
        });
    }
}

/// Once all partitions are off, nobody could start one any more.
fn turn_off_if_all_are(system: &System) {
    if STOPPED.load(Ordering::Acquire) == system.partitions.len() {
        log::info!("every partition has stopped: off");
        firmware::system_off();
        log::warn!("nothing turns this board off");
    }
}
