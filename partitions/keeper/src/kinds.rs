//! What each kind of instruction does.
//!
//! How the bits of a load become those of a register is the Arm ARM's; all else is that of what it is about.

use crate::board::Board;
use crate::place::Place;
use crate::taking::{Fill, Taking};
use core::fmt;

/// An instruction that is tried.
pub(crate) struct Instruction {
    /// As the assembler reads it.
    pub(crate) text: &'static str,
    pub(crate) kind: Kind,
    /// Where it exists.
    pub(crate) on: On,
}

/// The interrupt controller that an instruction is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Any,
    Gicv2,
    Gicv3,
}

/// What an instruction does.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Nothing that is seen here.
    Nothing,
    /// It waits until an interrupt is pending.
    Waits,
    /// It ends in an exception of this class, with this address in its base register.
    Refused(u64, Place),
    /// A call of this function with this argument, which gives these words from x0 on.
    Call(u32, fn() -> u64, &'static [u64]),
    /// Its operand is filled with this.
    Reads(Fill),
    /// Its operand is taken for this.
    Writes(Taking),
    /// The word here is a register that fills its operand with this.
    ReadsAt(Place, Fill),
    /// The word here is a register that takes its operand for this.
    WritesAt(Place, Taking),
    /// Its operand is filled with what is here, extended like that.
    Loads(Place, fn(u64) -> u64),
    /// Its operand is stored here.
    Stores(Place),
}

impl Instruction {
    /// Whether it can be tried on `board`.
    pub(crate) fn is_for(&self, board: &Board) -> bool {
        self.on != if board.has_gicv2() { On::Gicv3 } else { On::Gicv2 }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(function, ..) => write!(f, "function {function:#x}"),
            Self::Refused(_, place)
            | Self::ReadsAt(place, _)
            | Self::WritesAt(place, _)
            | Self::Loads(place, _)
            | Self::Stores(place) => write!(f, "{place:?}"),
            Self::Nothing | Self::Waits | Self::Reads(_) | Self::Writes(_) => f.write_str("register"),
        }
    }
}

pub(crate) const fn byte(value: u64) -> u64 {
    value & 0xff
}

pub(crate) const fn half(value: u64) -> u64 {
    value & 0xffff
}

pub(crate) const fn word(value: u64) -> u64 {
    value & 0xffff_ffff
}

pub(crate) const fn signed_byte(value: u64) -> u64 {
    signed(value, 8)
}

pub(crate) const fn signed_half(value: u64) -> u64 {
    signed(value, 16)
}

pub(crate) const fn signed_word(value: u64) -> u64 {
    signed(value, 32)
}

/// The lowest `bits` bits of `value`, as a signed number.
const fn signed(value: u64, bits: u32) -> u64 {
    let spare = u64::BITS - bits;
    (value.cast_signed() << spare >> spare).cast_unsigned()
}
