//! Orders to other partitions, for one that controls some.
//!
//! They are Bulkhead's own calls; numbers and values are those of `bulkhead-abi`, which also says what they do.

use bulkhead_abi as abi;
use core::arch::asm;

pub use bulkhead_abi::State;

/// What a call returned instead of a result: a negative number of `bulkhead-abi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub i64);

/// The state of the controlled partition `number`, and how often it has begun again since it was started.
pub fn state(number: u64) -> Result<(State, u64), Refusal> {
    let [_, state, restarts, _] = call(abi::PARTITION_STATE, number)?;
    State::new(state).map(|state| (state, restarts)).ok_or(Refusal(abi::NOT_SUPPORTED))
}

/// Starts the controlled partition `number` anew.
pub fn restart(number: u64) -> Result<(), Refusal> {
    call(abi::PARTITION_RESTART, number).map(drop)
}

fn call(function: u32, number: u64) -> Result<[u64; 4], Refusal> {
    let (mut x0, mut x1, mut x2, mut x3) = (u64::from(function), number, 0, 0);
    // SAFETY: the convention leaves memory and the registers that are not named here alone.
    unsafe {
        asm!("hvc #0", inout("x0") x0, inout("x1") x1, inout("x2") x2, inout("x3") x3,
            clobber_abi("C"), options(nostack));
    }
    match x0.cast_signed() {
        refusal if refusal < 0 => Err(Refusal(refusal)),
        _ => Ok([x0, x1, x2, x3]),
    }
}
