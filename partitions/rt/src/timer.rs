//! The virtual timer.
//!
//! It is that of the Arm ARM's generic timer, so counts are the same on every CPU. Deadlines are absolute,
//! so that being late once does not make the next deadline late.

use aarch64_cpu::asm::barrier::{SY, isb};
use aarch64_cpu::registers::{CNTFRQ_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVCT_EL0};
use tock_registers::interfaces::{Readable, Writeable};

/// Counts per second.
pub fn frequency() -> u64 {
    CNTFRQ_EL0.get()
}

/// The count.
pub fn now() -> u64 {
    // Without it the counter may be read ahead of what comes before.
    isb(SY);
    CNTVCT_EL0.get()
}

/// Raises the timer's interrupt from `count` on.
pub fn set_deadline(count: u64) {
    CNTV_CVAL_EL0.set(count);
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::SET);
    isb(SY);
}

/// The deadline as the timer has it.
pub fn deadline() -> u64 {
    CNTV_CVAL_EL0.get()
}

/// Whether the deadline is past.
pub fn is_due() -> bool {
    CNTV_CTL_EL0.is_set(CNTV_CTL_EL0::ISTATUS)
}

/// Raises no more interrupts.
pub fn stop() {
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::CLEAR);
    isb(SY);
}

/// The nanoseconds of so many counts.
pub fn nanoseconds(counts: u64) -> u64 {
    let nanoseconds = u128::from(counts) * 1_000_000_000 / u128::from(frequency().max(1));
    u64::try_from(nanoseconds).unwrap_or(u64::MAX)
}

/// The counts of so many microseconds.
pub fn counts(microseconds: u64) -> u64 {
    let counts = u128::from(microseconds) * u128::from(frequency()) / 1_000_000;
    u64::try_from(counts).unwrap_or(u64::MAX)
}
