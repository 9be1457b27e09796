//! CPUs are started and turned off here: by the firmware, or where they wait at EL2.
//!
//! Some firmware refuses CPU_OFF, and a board without PSCI has its CPUs in a spin table until boot takes them
//! out of there, once. Such a CPU waits by WFE, with everything masked and none of a guest left on it, and goes
//! into its next life when it is called: the order first, then the event, and the CPU looks before it sleeps.

use crate::cache;
use crate::cpu;
use crate::entry::{self, released_entry};
use crate::firmware::{self, Answer};
use crate::image::Window;
use crate::maps;
use crate::pause;
use crate::system::System;
use aarch64_cpu::asm::{barrier, sev, wfe};
use aarch64_cpu::registers::CNTKCTL_EL1;
use bulkhead_core::berth::{Berth, Change};
use bulkhead_core::sight::WHILE;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tock_registers::interfaces::Writeable;

/// Milliseconds in which a CPU that is released comes. They are long, because it may be a thread of a busy machine.
const PATIENCE: u64 = 10_000;

/// Where one CPU waits.
#[derive(Default)]
pub(crate) struct Place(AtomicU32);

impl Place {
    /// Whether its CPU waits, and nobody has called it.
    fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire) == Berth::Waiting as u32
    }

    /// Makes a change, if it is possible.
    fn make(&self, Change(from, to): Change) -> bool {
        self.0.compare_exchange(from as u32, to as u32, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// Starts the CPU at `index` of the plan.
pub(crate) fn start(system: &System, index: usize) -> Answer {
    let Some(cpu) = system.plan.cpus.get(index) else { return Answer::ALREADY_ON };
    let answer = firmware::cpu_on(cpu.mpidr, system.secondary_entry.0, index as u64);
    let calls = || system.berths.get(index).is_some_and(|place| place.make(Change::CALL));
    if answer.is_success() || !calls() {
        return answer;
    }
    barrier::dsb(barrier::ISHST);
    sev();
    Answer::SUCCESS
}

/// Whether the CPU at `index` of the plan is off: the firmware has it, or it waits.
pub(crate) fn is_off(system: &System, index: usize) -> bool {
    let firmware_has_it = system.plan.cpus.get(index).is_some_and(|cpu| firmware::is_off(cpu.mpidr));
    firmware_has_it || system.berths.get(index).is_some_and(Place::is_taken)
}

/// Turns this CPU, at `index` of the plan, off; returns if it is to live again and nobody has turned it off.
pub(crate) fn rest(system: &System, index: usize) {
    #[cfg(feature = "late-cpu-off")]
    pause::until(500, || false);
    firmware::cpu_off();
    let Some(place) = system.berths.get(index) else { sleep() };
    // The events that its guest has wanted of the timer would go on waking it.
    CNTKCTL_EL1.set(0);
    place.make(Change::ENTER);
    while !place.make(Change::LEAVE) {
        wfe();
    }
}

/// Turns this CPU, which is nobody's, off.
pub(crate) fn go() -> ! {
    firmware::cpu_off();
    sleep()
}

/// Sleeps for ever.
pub(crate) fn sleep() -> ! {
    loop {
        wfe();
    }
}

/// Takes every CPU that has an owner out of its spin table, one after the other; they come to rest. The
/// affinity of one that does not come, if there is one.
pub(crate) fn release_all(system: &System) -> Result<(), u64> {
    let entry = Window::new(system.plan.board.window).physical_address(released_entry as *const () as u64);
    for (index, (cpu, place)) in system.plan.cpus.iter().zip(&system.berths).enumerate() {
        let root = usize::try_from(cpu.partition).ok().and_then(|owner| system.maps.loads.get(owner));
        let Some(root) = root.filter(|_| cpu.mpidr != cpu::affinity()) else { continue };
        entry::tell_released(index);
        maps::while_seeing(*root, || {
            let address = WHILE + cpu.release.0;
            // SAFETY: the root maps the page, and `verify` has checked that the word is aligned and in nothing that
            // is given away.
            let word = unsafe { &*(address as *const AtomicU64) };
            word.store(entry.0, Ordering::Release);
            cache::clean_and_invalidate(address, 8);
        });
        sev();
        if !pause::until(PATIENCE, || place.is_taken()) {
            return Err(cpu.mpidr);
        }
    }
    Ok(())
}
