//! Watches over what is its own, and tells what has happened to it.
//!
//! It stands beside a partition that attacks. Every CPU takes the ticks of its own timer and looks at its own
//! private interrupts; the first one also looks at memory, at the interrupts of its devices and how they are
//! set up, and prints a beat: a line that ends in `well`, or says what was missed. It never ends by itself.
//! Boot arguments: `period-us=N`, the time between two ticks, 2000 if not given; `patience-ms=N` to restart
//! the partition that it controls whenever that has had the same life for so long, once it has begun again
//! by itself.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod clockwork;
mod devices;
mod memory;
mod orders;
mod private;

use clockwork::Clockwork;
use core::fmt;
use devices::Devices;
use guest_rt::{Machine, cpu, gic, interrupt, println, timer};
use orders::Orders;
use private::Private;

guest_rt::entry!(main);

/// Microseconds between two beats.
const BEAT: u64 = 50_000;

fn main(machine: &'static Machine) {
    memory::lay();
    interrupt::call(taken);
    let begin = timer::now();
    for index in 1..machine.cpus().len() {
        cpu::start(index, watch).expect("a CPU of one's own that is off can be started");
    }
    let mut private = open(machine, 0);
    let mut devices = Devices::open(machine);
    let mut orders = Orders::new(machine.number("patience-ms", 0));
    interrupt::unmask();
    for beat in 1.. {
        let time = begin + beat * timer::counts(BEAT);
        interrupt::wait_until(|| timer::now() >= time);
        let ticks = clockwork::all(machine.cpus().len());
        let seen = Seen { ticks, has_memory: memory::is_intact(), private: private.look() };
        let time = timer::nanoseconds(timer::now() - begin) / 1000;
        println!("beat {beat} of {time} us: {seen}, {}, {}", devices.look(), orders.look());
    }
}

/// What a further CPU does.
fn watch(machine: &'static Machine, index: usize) {
    let mut private = open(machine, index);
    interrupt::unmask();
    loop {
        let ticks = clockwork::of(index).count();
        interrupt::wait_until(|| clockwork::of(index).count() != ticks);
        private.look();
    }
}

/// Has this CPU take ticks from now on.
fn open(machine: &Machine, index: usize) -> Private {
    let mut own = gic::Private::open(machine);
    own.enable(machine.timer);
    clockwork::of(index).start(timer::counts(machine.number("period-us", 2000)).max(1));
    Private::new(own, machine)
}

/// Takes an interrupt of any kind, on any CPU.
fn taken(intid: u32) {
    if !devices::take(intid) {
        clockwork::of(cpu::index()).tick();
    }
}

/// What a beat tells of CPUs and memory.
struct Seen {
    ticks: Result<u64, Clockwork>,
    has_memory: bool,
    private: u64,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ticks {
            Ok(ticks) => write!(f, "{ticks} ticks")?,
            Err(clockwork) => write!(f, "ticks MISSED: {clockwork}")?,
        }
        f.write_str(if self.has_memory { ", memory well" } else { ", memory MISSED" })?;
        match self.private {
            0 => f.write_str(", private interrupts well"),
            strange => write!(f, ", private interrupts MISSED {strange} times"),
        }
    }
}
