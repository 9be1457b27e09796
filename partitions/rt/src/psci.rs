//! Calls to the Power State Coordination Interface (PSCI, Arm DEN 0022).
//!
//! The device tree says whether by HVC or by SMC. Function identifiers and errors are those of PSCI 1.1 §5.1
//! and §5.2.2.

use core::arch::asm;
use core::fmt;
use spin::Once;

const VERSION: u64 = 0x8400_0000;
const CPU_SUSPEND: u64 = 0xc400_0001;
const CPU_OFF: u64 = 0x8400_0002;
const CPU_ON: u64 = 0xc400_0003;
const AFFINITY_INFO: u64 = 0xc400_0004;
const SYSTEM_OFF: u64 = 0x8400_0008;
const SYSTEM_RESET: u64 = 0x8400_0009;

static CONDUIT: Once<Conduit> = Once::new();

/// The instruction that makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduit {
    /// `HVC`.
    Hvc,
    /// `SMC`.
    Smc,
}

/// The error that a call returned, a negative number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub i64);

impl Error {
    /// There is no such call, or nobody to call.
    pub const NOT_SUPPORTED: Self = Self(-1);
    /// There is no such CPU.
    pub const INVALID_PARAMETERS: Self = Self(-2);
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            -1 => "NOT_SUPPORTED",
            -2 => "INVALID_PARAMETERS",
            -3 => "DENIED",
            -4 => "ALREADY_ON",
            -5 => "ON_PENDING",
            -6 => "INTERNAL_FAILURE",
            -9 => "INVALID_ADDRESS",
            _ => "unknown error",
        };
        write!(f, "{name} ({})", self.0)
    }
}

/// The power state of a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// It runs.
    On,
    /// It does not.
    Off,
    /// It is about to run.
    OnPending,
}

/// The version, major and minor.
pub fn version() -> Result<(u64, u64), Error> {
    let version = call(VERSION, [0; 3])?;
    Ok((version >> 16, version & 0xffff))
}

/// Switches on the CPU of this affinity; it begins at `entry` with `context` in x0, its MMU off.
///
/// # Safety
/// At `entry` must be code that expects that.
pub(crate) unsafe fn cpu_on(affinity: u64, entry: u64, context: u64) -> Result<(), Error> {
    call(CPU_ON, [affinity, entry, context]).map(drop)
}

/// Puts this CPU into standby until an interrupt is pending, masked or not: power state 0 (§5.4.2).
pub fn cpu_standby() -> Result<(), Error> {
    call(CPU_SUSPEND, [0; 3]).map(drop)
}

/// Switches this CPU off.
pub fn cpu_off() -> ! {
    let _ = call(CPU_OFF, [0; 3]);
    stop()
}

/// Whether the CPU of this affinity is on.
pub fn affinity_info(affinity: u64) -> Result<Affinity, Error> {
    match call(AFFINITY_INFO, [affinity, 0, 0])? {
        0 => Ok(Affinity::On),
        1 => Ok(Affinity::Off),
        _ => Ok(Affinity::OnPending),
    }
}

/// Switches off the machine, which for a partition is the partition.
pub fn system_off() -> ! {
    let _ = call(SYSTEM_OFF, [0; 3]);
    stop()
}

/// Resets the machine, which for a partition is the partition.
pub fn system_reset() -> ! {
    let _ = call(SYSTEM_RESET, [0; 3]);
    stop()
}

/// From now on, calls go this way.
pub(crate) fn choose(conduit: Conduit) {
    CONDUIT.call_once(|| conduit);
}

/// Makes a call whose one result is 32 bits wide, sign extended or not; negative numbers are errors.
fn call(function: u64, arguments: [u64; 3]) -> Result<u64, Error> {
    match call_for_words(function, arguments)?[0].cast_signed() << 32 >> 32 {
        error if error < 0 => Err(Error(error)),
        value => Ok(value.cast_unsigned()),
    }
}

/// Makes a call by the SMC calling convention, which returns x0 to x4; without a conduit it is not
/// supported.
pub(crate) fn call_for_words(function: u64, [a, b, c]: [u64; 3]) -> Result<[u64; 5], Error> {
    let mut x = [function, a, b, c, 0];
    match CONDUIT.get() {
        // SAFETY: the convention leaves memory and the registers that are not named here alone.
        Some(Conduit::Hvc) => unsafe {
            asm!("hvc #0", inout("x0") x[0], inout("x1") x[1], inout("x2") x[2], inout("x3") x[3],
                inout("x4") x[4], clobber_abi("C"), options(nostack));
        },
        // SAFETY: as above.
        Some(Conduit::Smc) => unsafe {
            asm!("smc #0", inout("x0") x[0], inout("x1") x[1], inout("x2") x[2], inout("x3") x[3],
                inout("x4") x[4], clobber_abi("C"), options(nostack));
        },
        None => return Err(Error::NOT_SUPPORTED),
    }
    Ok(x)
}

/// The call that should not have returned did.
fn stop() -> ! {
    loop {
        aarch64_cpu::asm::wfe();
    }
}
