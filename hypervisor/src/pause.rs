//! Waiting at EL2, with an end: for something near, or for time to pass.
//!
//! EL2 has no timer interrupt. The event stream of the generic timer wakes it from WFE often enough to look
//! at the counter (Arm ARM D12.2.4). It belongs to EL2 for the wait only.

use aarch64_cpu::asm::{barrier, wfe};
use aarch64_cpu::registers::{CNTFRQ_EL0, CNTHCTL_EL2, CNTPCT_EL0};
use tock_registers::interfaces::{Readable, Writeable};

/// The counter, from which waits are measured.
pub(crate) fn now() -> u64 {
    CNTPCT_EL0.get()
}

/// How far the counter counts in a second.
pub(crate) fn a_second() -> u64 {
    CNTFRQ_EL0.get()
}

/// Whether so many milliseconds have passed since the counter was `start`.
pub(crate) fn has_passed(milliseconds: u64, start: u64) -> bool {
    let product = |a: u64, b: u64| u128::from(a).wrapping_mul(b.into());
    product(now().wrapping_sub(start), 1000) >= product(CNTFRQ_EL0.get(), milliseconds)
}

/// Waits until `is_over`, for at most so many milliseconds. Whether it was over.
pub(crate) fn until(milliseconds: u64, mut is_over: impl FnMut() -> bool) -> bool {
    let start = now();
    let own = CNTHCTL_EL2.get();
    // An event whenever bit 13 of the counter rises: every 16384 ticks.
    CNTHCTL_EL2.set(own & !EVENT_INTERVAL | EVENT_ENABLE | 13 << EVENT_INTERVAL.trailing_zeros());
    barrier::isb(barrier::SY);
    let over = loop {
        if is_over() {
            break true;
        }
        if has_passed(milliseconds, start) {
            break false;
        }
        wfe();
    };
    CNTHCTL_EL2.set(own);
    barrier::isb(barrier::SY);
    over
}

/// CNTHCTL_EL2.EVNTEN and CNTHCTL_EL2.EVNTI.
const EVENT_ENABLE: u64 = 1 << 2;
const EVENT_INTERVAL: u64 = 0xf << 4;
