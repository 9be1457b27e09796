//! Measures how late periodic ticks come.
//!
//! It stands for a control loop beside which other partitions may do what they like: every tick must come,
//! and nothing it keeps in memory may change. A pattern is laid down before the first tick and looked at
//! after the last. Boot arguments: `ticks=N`, `period-us=M`, both 1000 if not given; `idle=psci` to sleep by
//! CPU_SUSPEND instead of WFI.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod clockwork;
mod pattern;

use guest_rt::{Machine, gic, interrupt, println, psci, timer};

guest_rt::entry!(main);

fn main(machine: &'static Machine) {
    let ticks = machine.number("ticks", 1000);
    let period = machine.number("period-us", 1000);
    pattern::lay();
    println!("ticker: pattern at {}", pattern::span());
    println!("ticker: {ticks} ticks of {period} us");
    gic::Private::open(machine).enable(machine.timer);
    interrupt::call(clockwork::tick);
    let sleep = if machine.argument("idle") == Some("psci") { standby } else { aarch64_cpu::asm::wfi };
    run(ticks, timer::counts(period).max(1), sleep);
    report(ticks);
    println!("ticker: done");
}

/// Lets the clockwork run, and says when a quarter of the way is behind it.
fn run(ticks: u64, period: u64, sleep: fn()) {
    clockwork::start(ticks, period);
    interrupt::unmask();
    for quarter in 1..=4 {
        let goal = ticks * quarter / 4;
        interrupt::sleep_until(sleep, || clockwork::count() >= goal);
        println!("ticker: {} of {ticks}", clockwork::count());
    }
}

/// Sleeps by PSCI.
fn standby() {
    psci::cpu_standby().expect("CPU_SUSPEND of a partition is standby");
}

fn report(ticks: u64) {
    let [least, mean, most] = clockwork::lateness().map(timer::nanoseconds);
    let lost = clockwork::due().saturating_sub(clockwork::count());
    println!("ticker: {ticks} ticks, lost {lost}, late min {least} ns mean {mean} ns max {most} ns");
    match pattern::damage() {
        None => println!("ticker: pattern intact"),
        Some(address) => println!("ticker: pattern DAMAGED at {address:#x}"),
    }
}
