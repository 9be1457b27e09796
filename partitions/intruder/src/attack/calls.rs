//! The instructions that call a higher exception level.

use super::instructions;

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// By an instruction with an immediate of zero, as the SMC calling convention has it (DEN 0028 §2.9).
    Convention,
    /// By one with another immediate, which is no call of that convention.
    Other,
}

instructions! { CALLS: Call = intruder_calls, [
    "hvc #0" => Call::Convention,
    "smc #0" => Call::Convention,
    "hvc #1" => Call::Other,
    "smc #1" => Call::Other,
    "hvc #0xffff" => Call::Other,
    "smc #0xffff" => Call::Other,
] }
