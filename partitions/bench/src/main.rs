//! Measures what operations cost, the same way on the bare machine and in a partition.
//!
//! Time is the count of the virtual timer. On a machine where it counts instructions (QEMU with `-icount
//! shift=0` and a timer of 1 GHz) results are exact; on a board they are time. Each row prints its name, the
//! number of its window (`guest_rt::mark`), how often it was measured, sum and greatest value, and the spread.
//! Boot arguments: `samples=N`, how often (default 100); `clock=ADDRESS` and `clock-interrupt=INTID`, a PL031
//! that can interrupt; without it its rows are left out. Rows that need a second CPU are left out where there
//! is none.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod call;
mod controller;
mod device;
mod instruction;
mod memory;
mod row;
mod signal;
mod spread;
mod taken;
mod tick;

use guest_rt::{Machine, interrupt, println};

guest_rt::entry!(main);

/// Measurements of a row, unless the boot arguments say otherwise.
const SAMPLES: u64 = 100;

fn main(machine: &'static Machine) {
    let begun = instruction::count();
    let samples = machine.number("samples", SAMPLES);
    instruction::take_vectors();
    interrupt::call(taken::take);
    println!("bench: {} CPUs, {samples} samples, main at {begun}", machine.cpus().len());
    let mut private = guest_rt::gic::Private::open(machine);
    call::measure(samples);
    controller::measure(machine, &mut private, samples);
    memory::measure(machine, samples);
    tick::measure(machine, &mut private, samples);
    device::measure(machine, samples);
    signal::measure(machine, &mut private, samples);
    println!("bench: done");
}
