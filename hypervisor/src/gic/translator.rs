//! Interrupt translation services: off, and nobody's.
//!
//! GICv3 §12.18. An ITS writes to the tables that it was given, by whomever, as long as it is enabled.

use super::wait;
use crate::mmio::Mmio;

const CTLR: u64 = 0x0;
const ENABLED: u32 = 1;
const QUIESCENT: u32 = 1 << 31;

/// Turns the ITS with these registers off. False if it does not come to rest.
pub(crate) fn silence(registers: Mmio) -> bool {
    registers.store(CTLR, 0);
    wait(|| registers.load(CTLR) & (ENABLED | QUIESCENT) == QUIESCENT)
}
