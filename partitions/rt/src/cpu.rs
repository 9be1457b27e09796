//! The CPUs of the machine.
//!
//! A CPU is named by its index among the CPUs of the device tree. The first that boots is whichever the
//! boot protocol starts; the others are off until [`start`].

use crate::machine::{self, Machine};
use crate::psci;
use aarch64_cpu::registers::{CurrentEL, MPIDR_EL1};
use core::arch::asm;
use spin::RelaxStrategy;
use spin::mutex::SpinMutex;
use tock_registers::interfaces::Readable;

/// Most CPUs: each has its stack in the image.
pub const MOST: usize = 8;

/// What a CPU runs, given the machine and its own index.
pub type Main = fn(&'static Machine, usize);

/// A lock whose waiting CPUs [`relax`].
pub(crate) type Lock<T> = SpinMutex<T, Relaxed>;

/// How a CPU waits for a [`Lock`].
pub(crate) struct Relaxed;

impl RelaxStrategy for Relaxed {
    fn relax() {
        relax();
    }
}

/// What [`start`] has left for each CPU.
static MAINS: Lock<[Option<Main>; MOST]> = Lock::new([None; MOST]);

unsafe extern "C" {
    fn guest_rt_secondary();
}

/// Switches on the CPU `index`, which calls `main` with its index and is switched off when that returns.
///
/// If others do the same at that moment, it calls the `main` of one of them.
pub fn start(index: usize, main: Main) -> Result<(), psci::Error> {
    let cpus = machine::known().map(Machine::cpus).unwrap_or_default();
    let affinity = *cpus.get(index).ok_or(psci::Error::INVALID_PARAMETERS)?;
    MAINS.lock()[index] = Some(main);
    let entry = guest_rt_secondary as *const () as u64;
    // SAFETY: what is there expects its index, sets up its own stack and MMU, and finds its `main`.
    unsafe { psci::cpu_on(affinity, entry, index as u64) }
}

/// The index of the CPU that asks.
pub fn index() -> usize {
    let own = affinity();
    let cpus = machine::known().map(Machine::cpus).unwrap_or_default();
    cpus.iter().position(|cpu| *cpu == own).unwrap_or(0)
}

/// The affinity of the CPU that asks: its MPIDR_EL1 without what is not affinity, as the device tree and
/// PSCI have it.
pub fn affinity() -> u64 {
    let fields = [MPIDR_EL1::Aff0, MPIDR_EL1::Aff1, MPIDR_EL1::Aff2, MPIDR_EL1::Aff3];
    fields.iter().map(|field| mpidr() & (field.mask << field.shift)).sum()
}

/// MPIDR_EL1 of the CPU that asks.
pub fn mpidr() -> u64 {
    MPIDR_EL1.get()
}

/// The exception level of the code that asks.
pub fn exception_level() -> u64 {
    CurrentEL.read(CurrentEL::EL)
}

/// To be called wherever something is asked for again and again: lets whoever is asked proceed.
pub fn relax() {
    // `YIELD` and not the `ISB` of `core::hint::spin_loop`: simulated CPUs that share a thread change at it.
    // SAFETY: a hint.
    unsafe { asm!("yield", options(nomem, nostack, preserves_flags)) }
}

/// Runs what [`start`] left for the CPU `index`.
pub(crate) fn run(index: usize) {
    let main = MAINS.lock().get(index).copied().flatten();
    if let (Some(main), Some(machine)) = (main, machine::known()) {
        main(machine, index);
    }
}
