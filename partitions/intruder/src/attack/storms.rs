//! Instructions that a CPU can be at for ever.

use super::instructions;

/// What it does by one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storm {
    /// Meets with an exception of its own.
    Undefined,
    /// Loads from the address in x0.
    Load,
    /// Stores x1 at the address in x0.
    Store,
    /// Calls the function in x0.
    Call,
    /// Invalidates the translations of all CPUs.
    Invalidation,
    /// Writes x0 to ICC_SGI1R_EL1.
    Sgi,
}

instructions! { STORMS: Storm = intruder_storms, [
    "udf #0" => Storm::Undefined,
    "ldr x1, [x0]" => Storm::Load,
    "str w1, [x0]" => Storm::Store,
    "hvc #0" => Storm::Call,
    "tlbi vmalle1is" => Storm::Invalidation,
    "msr s3_0_c12_c11_5, x0" => Storm::Sgi,
] }
