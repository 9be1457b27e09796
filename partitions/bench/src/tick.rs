//! The timer's interrupt: from the programmed moment to the first instruction that it brings.
//!
//! WFI may end for any reason (Arm ARM D1.7.2); where it ends before its interrupt, that is not what is measured,
//! and it is done again.

use crate::{instruction, row, taken};
use guest_rt::gic::Private;
use guest_rt::{Machine, interrupt, timer};

/// How far ahead the timer is set, so that whoever waits is waiting when it comes.
const AHEAD: u64 = 2000;
/// Deadlines differ by up to this, so that they do not always hit the same instruction.
const JITTER: u64 = 61;

/// Measures, awake and asleep.
pub(crate) fn measure(machine: &'static Machine, private: &mut Private, samples: u64) {
    taken::expect_timer(machine.timer);
    private.enable(machine.timer);
    interrupt::unmask();
    let mut number = 0;
    row::measure::<14, _>("timer_busy", samples, || {
        number += 1;
        let deadline = set(number);
        taken::watch(1) - deadline
    });
    interrupt::mask();
    row::measure::<15, _>("timer_wfi", samples, || {
        number += 1;
        let deadline = set(number);
        let slept = instruction::sleep();
        interrupt::unmask();
        let late = taken::watch(1) - deadline;
        interrupt::mask();
        slept.then_some(late)
    });
}

/// Sets the timer for the time with this number; returns the deadline.
fn set(number: u64) -> u64 {
    taken::prepare();
    let deadline = instruction::count() + AHEAD + number % JITTER;
    timer::set_deadline(deadline);
    deadline
}
