//! Calls, and a register that says what the CPU is: the price of asking for something.

use crate::{instruction, row};

/// A number in the range of vendor services (DEN 0028 §6) that means nothing to anybody.
const NOTHING: u64 = 0xc600_7fff;
const PSCI_VERSION: u64 = 0x8400_0000;

/// The window of CPU_ON, which the CPU that is switched on closes.
pub(crate) const CPU_ON_WINDOW: u16 = 20;

/// Measures nothing at all, then calls.
pub(crate) fn measure(samples: u64) {
    row::measure::<1, _>("hvc_null", samples, || instruction::time_call(NOTHING));
    row::measure::<2, _>("psci_version", samples, || instruction::time_call(PSCI_VERSION));
    row::measure::<24, _>("id_read", samples, instruction::time_identification);
}
