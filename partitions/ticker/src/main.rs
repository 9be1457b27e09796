//! Measures how late periodic ticks come.
//!
//! It stands for a control loop beside which other partitions may do what they like: every tick must come,
//! and nothing it keeps in memory may change. A pattern is laid down before the first tick and looked at
//! after the last. Boot arguments: `ticks=N`, `period-us=M`, both 1000 if not given; `report=K` to report after
//! every K ticks instead of every quarter of them; `idle=psci` to sleep by CPU_SUSPEND instead of WFI; `fiqs=F` to
//! ask a GICv2 at each of the first F ticks to send the next one as an FIQ.
//! While it does nothing but tick, window 1 is open for whoever counts.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod clockwork;
mod pattern;

use core::sync::atomic::{AtomicU64, Ordering};
use guest_rt::{Machine, gic, interrupt, mark, println, psci, timer};

guest_rt::entry!(main);

/// The window that is open while it ticks.
const TICKING: u16 = 1;

/// Ticks that are to be followed by an FIQ.
static FIQS: AtomicU64 = AtomicU64::new(0);

fn main(machine: &'static Machine) {
    let ticks = machine.number("ticks", 1000);
    let period = machine.number("period-us", 1000);
    pattern::lay();
    println!("ticker: pattern at {}", pattern::span());
    println!("ticker: {ticks} ticks of {period} us");
    gic::Private::open(machine).enable(machine.timer);
    FIQS.store(machine.number("fiqs", 0), Ordering::Relaxed);
    interrupt::call(tick);
    let sleep = if machine.argument("idle") == Some("psci") { standby } else { aarch64_cpu::asm::wfi };
    let step = machine.number("report", ticks.div_ceil(4)).max(1);
    clockwork::start(ticks, timer::counts(period).max(1));
    interrupt::unmask();
    run(ticks, step, sleep);
    report(ticks);
    println!("ticker: done");
}

fn tick(intid: u32) {
    clockwork::tick(intid);
    if clockwork::count() <= FIQS.load(Ordering::Relaxed) {
        gic::ask_for_fiqs();
    }
}

/// Lets the clockwork run, and says after every `step` ticks how it is.
fn run(ticks: u64, step: u64, sleep: fn()) {
    let mut goal = 0;
    while goal < ticks {
        goal = goal.saturating_add(step).min(ticks);
        mark::begin::<TICKING>();
        interrupt::sleep_until(sleep, || clockwork::count() >= goal);
        mark::end::<TICKING>();
        println!("ticker: {} of {ticks}, lost {}, pattern {}", clockwork::count(), lost(), pattern::state());
    }
}

/// Sleeps by PSCI.
fn standby() {
    psci::cpu_standby().expect("CPU_SUSPEND of a partition is standby");
}

fn report(ticks: u64) {
    let [least, mean, most] = clockwork::lateness().map(timer::nanoseconds);
    let lost = lost();
    println!("ticker: {ticks} ticks, lost {lost}, late min {least} ns mean {mean} ns max {most} ns");
    println!("ticker: pattern {}", pattern::state());
}

/// Ticks that should have come and did not.
fn lost() -> u64 {
    let (due, count) = clockwork::due_and_count();
    due.saturating_sub(count)
}
