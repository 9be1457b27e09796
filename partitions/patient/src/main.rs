//! Looks for traces of its former life, leaves some, and falls.
//!
//! A life has to begin on a machine that seems never to have been used: memory, registers, interrupts. The
//! patient cannot remember a former life, which is the point; it says `begins clean`, or what it has found.
//! Then it soils all that on all of its CPUs and falls as the boot argument `fall=` says, one of [`Fall`]. Its
//! last CPU, if it has more than one, is a herald: it starts when the others are about to fall, so that whoever
//! controls the patient sees, by the CPUs that are in it, that the time has come.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod fall;
mod interface;
mod interrupts;
mod raw;
mod registers;
mod traces;

use core::sync::atomic::{AtomicUsize, Ordering};
use fall::Fall;
use guest_rt::{Machine, cpu, gic, println};
use raw::Stretch;

guest_rt::entry!(main);

/// CPUs that have looked at themselves, and such as have soiled themselves.
static CLEAN: AtomicUsize = AtomicUsize::new(0);
static SOILED: AtomicUsize = AtomicUsize::new(0);
/// Whether all have looked, and whether all may fall.
static MAY_SOIL: AtomicUsize = AtomicUsize::new(0);
static MAY_FALL: AtomicUsize = AtomicUsize::new(0);

fn main(machine: &'static Machine) {
    let fall = Fall::of(machine);
    let herald = machine.cpus().len() - 1;
    let falling = herald.max(1);
    Stretch::all(machine).for_each(|stretch| traces::in_memory(&stretch));
    look(machine, 0);
    interrupts::look_at_shared(machine);
    (1..falling).for_each(|index| start(index, live));
    wait_for(&CLEAN, falling);
    match traces::count() {
        0 => println!("patient: begins clean"),
        count => println!("patient: begins with {count} TRACES of a former life"),
    }
    Stretch::all(machine).for_each(|stretch| stretch.soil());
    MAY_SOIL.store(1, Ordering::Release);
    interrupts::soil_shared(machine);
    soil(machine, 0);
    wait_for(&SOILED, falling);
    println!("patient: falls by {fall}");
    if herald != 0 {
        start(herald, announce);
    }
    MAY_FALL.store(1, Ordering::Release);
    fall.fall(machine, 0);
}

/// What every further CPU that falls does.
fn live(machine: &'static Machine, index: usize) {
    look(machine, index);
    wait_for(&MAY_SOIL, 1);
    soil(machine, index);
    wait_for(&MAY_FALL, 1);
    Fall::of(machine).fall(machine, index);
}

/// What the herald does: it can be woken whatever the others do.
fn announce(machine: &'static Machine, _: usize) {
    gic::Private::open(machine);
    raw::sleep();
}

fn look(machine: &Machine, index: usize) {
    registers::look();
    interrupts::look(machine, index);
    CLEAN.fetch_add(1, Ordering::AcqRel);
}

fn soil(machine: &Machine, index: usize) {
    interrupts::soil(machine, index);
    registers::soil();
    SOILED.fetch_add(1, Ordering::AcqRel);
}

fn start(index: usize, main: cpu::Main) {
    if let Err(error) = cpu::start(index, main) {
        panic!("CPU {index} of one's own cannot be started: {error}");
    }
}

fn wait_for(number: &AtomicUsize, goal: usize) {
    while number.load(Ordering::Acquire) < goal {
        cpu::relax();
    }
}
