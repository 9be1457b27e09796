//! A guest's registers, and the only way down to it.
//!
//! [`enter`] looks like a function call that returns: what happens in between is the guest's life.

use crate::cpu::Cpu;
use crate::entry::enter_guest;
use bulkhead_core::{History, Registers, Syndrome};

/// What `vectors.S` saves and restores.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Frame {
    /// The guest's registers.
    pub(crate) registers: Registers,
    /// Why EL2 was entered.
    pub(crate) syndrome: Syndrome,
    /// Entries through the vectors, counted by the vectors.
    pub(crate) entries: u64,
    /// The last of them, kept by the vectors.
    pub(crate) history: History,
}

/// By which vector EL2 was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Vector {
    /// A synchronous exception.
    Synchronous,
    /// An IRQ: they are the guest's, so none is taken here.
    Irq,
    /// An FIQ: group 0 of a GICv3 is off, so only a GICv2 sends one, if its guest has asked for it.
    Fiq,
    /// An SError that was pending or that the guest caused.
    SError,
}

/// Runs the guest of this CPU until it leaves by an exit that the quick path does not answer.
pub(crate) fn enter(cpu: &mut Cpu) -> Vector {
    // SAFETY: the CPU's state is exclusively borrowed for as long as the guest runs, and `cpu::run`, the only
    // caller, has set up this CPU's EL2 registers, so that the guest sees its own memory and nothing else.
    let kind = unsafe { enter_guest((&raw mut *cpu).cast()) };
    match kind {
        0 => Vector::Synchronous,
        1 => Vector::Irq,
        2 => Vector::Fiq,
        _ => Vector::SError,
    }
}
