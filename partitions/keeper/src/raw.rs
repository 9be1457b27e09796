//! The raw instructions: those that are tried, and those that prepare for them.
//!
//! All unsafe code of the keeper is here. What is tried changes what its operand names and nothing that compiled
//! code relies on; the rest are registers of one's own CPU interface.

#![allow(unsafe_code)]

use crate::state::{State, TURNS};
use core::arch::asm;

/// The number of the register with the address of a load or store.
pub(crate) const BASE: usize = 29;
/// Of that for which the operand is [`BASE`].
pub(crate) const OTHER_BASE: usize = 28;

/// Assembles the instructions of a table, each for every turn.
macro_rules! instructions {
    ($name:ident: [$($on:path => [$($text:literal => $kind:expr,)*],)*]) => {
        /// The instructions themselves.
        #[allow(unsafe_code)]
        mod slots {
            core::arch::global_asm!(
                include_str!("raw.S"),
                ".global keeper_slots",
                "keeper_slots:",
                $($($text,)*)*
                ".text",
                BASE = const $crate::raw::BASE,
                OTHER_BASE = const $crate::raw::OTHER_BASE,
                PC = const core::mem::offset_of!($crate::state::State, pc),
                SP = const core::mem::offset_of!($crate::state::State, sp),
                STACK = const core::mem::offset_of!($crate::state::State, stack),
                SYNDROME = const core::mem::offset_of!($crate::state::State, syndrome),
                TURNS = const $crate::state::TURNS,
                V = const core::mem::offset_of!($crate::state::State, v),
                VECTOR = const core::mem::offset_of!($crate::state::State, vector),
                X = const core::mem::offset_of!($crate::state::State, x),
            );
        }
        /// A table of instructions.
        pub(crate) static $name: &[$crate::kinds::Instruction] =
            &[$($($crate::kinds::Instruction { text: $text, kind: $kind, on: $on },)*)*];
    };
}
pub(crate) use instructions;

unsafe extern "C" {
    fn keeper_run(state: *mut State);
    fn keeper_slots();
}

/// Where instruction `number` of the table is for `turn`.
pub(crate) fn slot(number: usize, turn: usize) -> u64 {
    const SLOT: usize = 8;
    keeper_slots as *const () as u64 + (SLOT * (number * TURNS + turn)) as u64
}

/// What becomes of this state, which is at a [`slot`].
pub(crate) fn run(mut state: State) -> State {
    // SAFETY: of what the CPU needs to come back everything is in the state, which nobody else knows. What the
    // instructions of the table change, no compiled code relies on.
    unsafe { keeper_run(&raw mut state) };
    state
}

/// A register of the CPU interface.
#[derive(Clone, Copy)]
pub(crate) struct Register {
    /// Reads it.
    pub(crate) read: fn() -> u64,
    /// Writes it.
    pub(crate) write: fn(u64),
}

macro_rules! read {
    ($name:literal) => {
        || {
            let value: u64;
            // SAFETY: at most makes an interrupt active, which is masked.
            unsafe { asm!(concat!("mrs {}, ", $name), "dsb sy", out(reg) value, options(nostack)) };
            value
        }
    };
}

macro_rules! write {
    ($name:literal) => {
        |value| {
            // SAFETY: changes which interrupt comes, and all are masked.
            unsafe { asm!(concat!("msr ", $name, ", {}"), "isb", in(reg) value, options(nostack)) }
        }
    };
}

macro_rules! register {
    ($name:literal) => {
        Register { read: read!($name), write: write!($name) }
    };
}

pub(crate) const PRIORITY_MASK: Register = register!("icc_pmr_el1");
pub(crate) const CONTROL: Register = register!("icc_ctlr_el1");
pub(crate) const BINARY_POINT: Register = register!("icc_bpr1_el1");
pub(crate) const GROUP_ENABLE: Register = register!("icc_igrpen1_el1");
pub(crate) const ACTIVE_PRIORITIES: Register = register!("icc_ap1r0_el1");

/// Written as OSLAR_EL1 and read as OSLSR_EL1.
pub(crate) const OS_LOCK: Register = Register { read: read!("oslsr_el1"), write: write!("oslar_el1") };

/// Reads ICC_RPR_EL1, and ICC_IAR1_EL1; writes ICC_EOIR1_EL1.
pub(crate) const RUNNING_PRIORITY: fn() -> u64 = read!("icc_rpr_el1");
/// See [`RUNNING_PRIORITY`].
pub(crate) const ACKNOWLEDGE: fn() -> u64 = read!("icc_iar1_el1");
/// See [`RUNNING_PRIORITY`].
pub(crate) const END: fn(u64) = write!("icc_eoir1_el1");
