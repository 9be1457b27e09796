//! The ticks of every CPU.
//!
//! A deadline is the one before plus a period, so a tick that comes late does not delay the next, and one that is
//! overdue is caught up. None is lost if the ticks taken are the time gone by divided by the period. Only the
//! CPU itself writes its own, so that relaxed atomics do.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use guest_rt::{cpu, timer};

/// How long overdue ticks may take to be caught up, in microseconds: the machine may be a simulated one whose
/// host has better things to do.
const PATIENCE: u64 = 10_000_000;

/// The ticks of one CPU.
#[derive(Debug)]
pub(crate) struct Clockwork {
    begin: AtomicU64,
    period: AtomicU64,
    count: AtomicU64,
}

static CLOCKWORKS: [Clockwork; cpu::MOST] = [const { Clockwork::new() }; cpu::MOST];

/// That of the CPU `index`.
pub(crate) fn of(index: usize) -> &'static Clockwork {
    &CLOCKWORKS[index]
}

/// The ticks of the first `cpus` CPUs together, once all that are due have been taken; or the one that has lost
/// some, or has taken more than there were.
pub(crate) fn all(cpus: usize) -> Result<u64, Clockwork> {
    let mut sum = 0;
    for clockwork in &CLOCKWORKS[..cpus] {
        if !clockwork.is_right() {
            return Err(clockwork.snapshot());
        }
        sum += clockwork.count();
    }
    Ok(sum)
}

impl Clockwork {
    const fn new() -> Self {
        Self { begin: AtomicU64::new(0), period: AtomicU64::new(0), count: AtomicU64::new(0) }
    }

    /// Begins, on its own CPU.
    pub(crate) fn start(&self, period: u64) {
        let begin = timer::now();
        self.begin.store(begin, Ordering::Relaxed);
        timer::set_deadline(begin + period);
        // Last: whoever sees a period sees where it began.
        self.period.store(period, Ordering::Release);
    }

    /// Takes an interrupt of the timer, on its own CPU; one that comes without a deadline counts for nothing.
    pub(crate) fn tick(&self) {
        if timer::is_due() {
            self.count.fetch_add(1, Ordering::Relaxed);
            timer::set_deadline(timer::deadline() + self.period.load(Ordering::Relaxed));
        }
    }

    /// Ticks taken.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether all ticks that are due have been taken, or are before patience ends, and no more than those.
    fn is_right(&self) -> bool {
        let now = timer::now();
        let due = self.due(now);
        while self.count() < due {
            if timer::now() - now > timer::counts(PATIENCE) {
                return false;
            }
            cpu::relax();
        }
        let count = self.count();
        count <= self.due(timer::now())
    }

    /// Ticks that should have come until `now`.
    fn due(&self, now: u64) -> u64 {
        match self.period.load(Ordering::Acquire) {
            0 => 0,
            period => (now - self.begin.load(Ordering::Relaxed)) / period,
        }
    }

    fn snapshot(&self) -> Self {
        let copy = |value: &AtomicU64| AtomicU64::new(value.load(Ordering::Relaxed));
        Self { begin: copy(&self.begin), period: copy(&self.period), count: copy(&self.count) }
    }
}

impl fmt::Display for Clockwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.count(), self.due(timer::now()))
    }
}
