//! The ticks themselves.
//!
//! A deadline is the one before plus a period, as the timer's own register has it: a tick that comes late
//! does not delay the next, and ticks that are overdue are caught up one by one. Only the interrupt writes,
//! so that relaxed atomics do.

use core::sync::atomic::{AtomicU64, Ordering};
use guest_rt::{interrupt, timer};

static GOAL: AtomicU64 = AtomicU64::new(0);
static PERIOD: AtomicU64 = AtomicU64::new(1);
static BEGIN: AtomicU64 = AtomicU64::new(0);
static COUNT: AtomicU64 = AtomicU64::new(0);
static LEAST: AtomicU64 = AtomicU64::new(u64::MAX);
static TOTAL: AtomicU64 = AtomicU64::new(0);
static MOST: AtomicU64 = AtomicU64::new(0);

/// Sets the first of `ticks` deadlines, a `period` of timer counts from now.
pub(crate) fn start(ticks: u64, period: u64) {
    let begin = timer::now();
    GOAL.store(ticks, Ordering::Relaxed);
    PERIOD.store(period, Ordering::Relaxed);
    BEGIN.store(begin, Ordering::Relaxed);
    if ticks > 0 {
        timer::set_deadline(begin + period);
    }
}

/// Takes an interrupt; one that comes although no deadline is past counts for nothing.
pub(crate) fn tick(_intid: u32) {
    let now = timer::now();
    if !timer::is_due() {
        return;
    }
    let deadline = timer::deadline();
    note(now.saturating_sub(deadline));
    if count() < GOAL.load(Ordering::Relaxed) {
        timer::set_deadline(deadline + PERIOD.load(Ordering::Relaxed));
    } else {
        timer::stop();
    }
}

/// Ticks so far.
pub(crate) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// The ticks that should have come, and those that have: the periods from the beginning to the deadline that
/// is next, or was the last, and the ticks until then. No tick comes in between.
pub(crate) fn due_and_count() -> (u64, u64) {
    interrupt::mask();
    let (deadline, count) = (timer::deadline(), count());
    interrupt::unmask();
    let is_over = count >= GOAL.load(Ordering::Relaxed);
    let elapsed = deadline.saturating_sub(BEGIN.load(Ordering::Relaxed));
    let deadlines = elapsed / PERIOD.load(Ordering::Relaxed);
    (deadlines.saturating_sub(u64::from(!is_over)), count)
}

/// Least, mean and greatest lateness in timer counts; zero if there was no tick.
pub(crate) fn lateness() -> [u64; 3] {
    let mean = TOTAL.load(Ordering::Relaxed).checked_div(count()).unwrap_or(0);
    [LEAST.load(Ordering::Relaxed).min(mean), mean, MOST.load(Ordering::Relaxed)]
}

fn note(late: u64) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    LEAST.fetch_min(late, Ordering::Relaxed);
    TOTAL.fetch_add(late, Ordering::Relaxed);
    MOST.fetch_max(late, Ordering::Relaxed);
}
