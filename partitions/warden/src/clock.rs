//! Time that passes asleep.

use guest_rt::{Machine, gic, interrupt, timer};

/// Lets the timer wake this CPU.
pub(crate) fn open(machine: &Machine) {
    gic::Private::open(machine).enable(machine.timer);
    interrupt::call(|_| timer::stop());
    interrupt::unmask();
}

/// Sleeps so many milliseconds.
pub(crate) fn sleep(milliseconds: u64) {
    let end = timer::now() + timer::counts(1000 * milliseconds);
    timer::set_deadline(end);
    interrupt::wait_until(|| timer::now() >= end);
}
