//! Accesses to addresses that may not be there.
//!
//! The answer of the machine, an exception, becomes a value. [`read`] and [`write`] are single instructions of
//! 64 bits without writeback, whose syndrome tells a hypervisor everything about them; any other code goes
//! through [`call`].

use crate::cpu::Lock;
use crate::paging;
use aarch64_cpu::registers::{ESR_EL1, SPSR_EL1};
use core::arch::global_asm;
use core::fmt;
use tock_registers::register_bitfields;

/// What a probe went back with: EL1, its own stack pointer, everything masked.
const SPSR_EL1H: u64 = SPSR_EL1::D::Masked.value
    | SPSR_EL1::A::Masked.value
    | SPSR_EL1::I::Masked.value
    | SPSR_EL1::F::Masked.value
    | SPSR_EL1::M::EL1h.value;

global_asm!(include_str!("probe.S"), SPSR_EL1H = const SPSR_EL1H);

register_bitfields![u64,
    /// ISS of an abort (Arm ARM, ESR_EL1).
    ISS [
        /// DFSC or IFSC.
        STATUS OFFSET(0) NUMBITS(6) [SynchronousExternalAbort = 0b01_0000],
    ]
];

pub use crate::paging::Memory;

/// Taken by whoever uses what the identity map has to be changed for: the window, or the free entry.
static CHANGE: Lock<()> = Lock::new(());

/// The exception that a probe met with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// ESR_EL1.
    pub syndrome: u64,
    /// FAR_EL1.
    pub address: u64,
}

impl Fault {
    /// Whether the bus, or a hypervisor in its place, refused a load or store.
    pub fn is_external_data_abort(&self) -> bool {
        ESR_EL1::EC::DataAbortCurrentEL.matches_all(self.syndrome) && self.is_external()
    }

    /// Whether the bus, or a hypervisor in its place, refused the fetch of an instruction.
    pub fn is_external_instruction_abort(&self) -> bool {
        ESR_EL1::EC::InstrAbortCurrentEL.matches_all(self.syndrome) && self.is_external()
    }

    fn is_external(&self) -> bool {
        ISS::STATUS::SynchronousExternalAbort.matches_all(self.syndrome)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ESR {:#x}, FAR {:#x}", self.syndrome, self.address)
    }
}

/// What the functions of `probe.S` return: ESR and FAR, or zero and a value.
#[repr(C)]
struct Answer {
    syndrome: u64,
    value: u64,
}

impl From<Answer> for Result<u64, Fault> {
    fn from(Answer { syndrome, value }: Answer) -> Self {
        if syndrome == 0 { Ok(value) } else { Err(Fault { syndrome, address: value }) }
    }
}

unsafe extern "C" {
    fn guest_rt_probe_read(address: u64) -> Answer;
    fn guest_rt_probe_write(address: u64, value: u64) -> Answer;
    fn guest_rt_probe_execute(address: u64) -> Answer;
    fn guest_rt_probe_call(code: u64, registers: *mut [u64; 4]) -> Answer;
}

/// Loads the 64 bits at `address`.
///
/// # Safety
/// Loading must have no effect that breaks the guest, as it may where a device's registers are.
pub unsafe fn read(address: u64) -> Result<u64, Fault> {
    // SAFETY: a fault is caught; the effect of success is the caller's business.
    unsafe { guest_rt_probe_read(address) }.into()
}

/// Stores `value` in the 64 bits at `address`.
///
/// # Safety
/// Nothing of the guest may rely on what is at `address`.
pub unsafe fn write(address: u64, value: u64) -> Result<(), Fault> {
    // SAFETY: a fault is caught; the effect of success is the caller's business.
    let answer = unsafe { guest_rt_probe_write(address, value) };
    Result::from(answer).map(drop)
}

/// Calls the code at `address`, which is anywhere in the first 256 TiB and need not be executable in the
/// identity map; comes back when it returns or, whatever it did before, when it meets with an exception.
///
/// # Safety
/// Nothing can be promised about foreign code: the caller must have no reason to expect that it runs.
pub unsafe fn execute(address: u64) -> Result<(), Fault> {
    through_window(address, Memory::NonCacheable, |visible| {
        // SAFETY: a fault is caught; the effect of success is the caller's business.
        let answer = unsafe { guest_rt_probe_execute(visible) };
        Result::from(answer).map(drop).map_err(|fault| match fault {
            Fault { address: seen, syndrome } if seen == visible => Fault { address, syndrome },
            elsewhere => elsewhere,
        })
    })
}

/// Calls `code` with `registers` as its x0 to x3, which are then what it left there, at its return or at the
/// exception that it met with; it need not save any register.
///
/// # Safety
/// `code` must be executable and, if it returns at all, leave the guest and its stack able to go on.
pub unsafe fn call(code: u64, registers: &mut [u64; 4]) -> Result<(), Fault> {
    // SAFETY: a fault is caught, `registers` has room for four; the rest is the caller's business.
    let answer = unsafe { guest_rt_probe_call(code, registers) };
    Result::from(answer).map(drop)
}

/// Calls `look` with an address at which the page of `address`, below 256 TiB, and the one after it are seen as
/// `memory`.
pub fn through_window<T>(address: u64, memory: Memory, look: impl FnOnce(u64) -> T) -> T {
    let _only = CHANGE.lock();
    let seen = look(paging::open_window(address, memory));
    paging::close_window();
    seen
}

/// Calls `look` with the first address of a GiB that the descriptor in the root of the guest's own tables,
/// which is at `root`, decides about.
///
/// `descriptor` gets the address of the root and its own position there.
pub fn through_entry<T>(descriptor: impl FnOnce(u64, u64) -> u64, look: impl FnOnce(u64) -> T) -> T {
    let _only = CHANGE.lock();
    let seen = look(paging::lend_entry(descriptor));
    paging::restore_entry();
    seen
}
