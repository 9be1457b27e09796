//! What becomes of the interrupts that are measured.
//!
//! Whoever measures says by [`prepare`] what is to be done with the next ones; the function that takes them
//! notes when they came. One measurement is under way at a time.

use crate::{device, instruction};
use core::sync::atomic::{AtomicU64, Ordering};
use guest_rt::{cpu, gic, interrupt, timer};
use spin::Once;

/// How an SGI from another CPU is told apart: this one is answered.
pub(crate) const ECHO: u32 = 14;
/// The answer.
pub(crate) const ANSWER: u32 = 15;

static TIMER: AtomicU64 = AtomicU64::new(0);
static DEVICE: AtomicU64 = AtomicU64::new(0);
/// Where answers go, once somebody asks for them.
static HOME: Once<u64> = Once::new();
/// When the last one came, and how many have come since [`prepare`].
static ARRIVAL: AtomicU64 = AtomicU64::new(0);
static COUNT: AtomicU64 = AtomicU64::new(0);
/// As [`order`] has it.
static ORDER: AtomicU64 = AtomicU64::new(0);

/// `intid` is the timer's interrupt.
pub(crate) fn expect_timer(intid: u32) {
    TIMER.store(intid.into(), Ordering::Relaxed);
}

/// `intid` is the device's.
pub(crate) fn expect_device(intid: u32) {
    DEVICE.store(intid.into(), Ordering::Relaxed);
}

/// What comes as [`ECHO`] is answered to this CPU.
pub(crate) fn answer_here() {
    HOME.call_once(cpu::affinity);
}

/// Nothing has come yet.
pub(crate) fn prepare() {
    COUNT.store(0, Ordering::Relaxed);
}

/// Waits without sleeping until so many have come; when the last one did.
pub(crate) fn watch(count: u64) -> u64 {
    while COUNT.load(Ordering::Relaxed) < count {
        core::hint::black_box(());
    }
    ARRIVAL.load(Ordering::Relaxed)
}

/// As [`watch`], while another CPU has to do something for it.
pub(crate) fn watch_another(count: u64) -> u64 {
    while COUNT.load(Ordering::Acquire) < count {
        cpu::relax();
    }
    ARRIVAL.load(Ordering::Relaxed)
}

/// As [`watch`], asleep in between.
pub(crate) fn sleep(count: u64) -> u64 {
    interrupt::wait_until(|| COUNT.load(Ordering::Relaxed) >= count);
    ARRIVAL.load(Ordering::Relaxed)
}

/// The INTIDs of the last sixteen, four bits each, the last one lowest.
pub(crate) fn order() -> u64 {
    ORDER.load(Ordering::Relaxed)
}

/// Takes an interrupt.
pub(crate) fn take(intid: u32) {
    let arrival = instruction::arrival();
    let number = u64::from(intid);
    if number == TIMER.load(Ordering::Relaxed) {
        timer::stop();
    } else if number == DEVICE.load(Ordering::Relaxed) {
        device::quieten();
    } else if let (ECHO, Some(home)) = (intid, HOME.get()) {
        return gic::send_sgi(ANSWER, *home);
    }
    ORDER.store(ORDER.load(Ordering::Relaxed) << 4 | number & 0xf, Ordering::Relaxed);
    ARRIVAL.store(arrival, Ordering::Relaxed);
    COUNT.fetch_add(1, Ordering::Release);
}
