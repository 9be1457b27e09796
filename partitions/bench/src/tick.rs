//! The timer's interrupt: from the programmed moment to the first instruction that it brings.

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
    row::measure::<14>("timer_busy", samples, || {
        number += 1;
        once(number, taken::watch)
    });
    row::measure::<15>("timer_wfi", samples, || {
        number += 1;
        once(number, taken::sleep)
    });
    interrupt::mask();
}

fn once(number: u64, wait: fn(u64) -> u64) -> u64 {
    taken::prepare();
    let deadline = instruction::count() + AHEAD + number % JITTER;
    timer::set_deadline(deadline);
    wait(1) - deadline
}
