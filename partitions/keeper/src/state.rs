//! The registers of a CPU, as they are before and after an instruction.
//!
//! Values are made so that no two are alike, in one state or in two: what is found in the wrong place was either
//! moved there or left there by an earlier exit.

use core::fmt;

/// General-purpose registers that have a value; the last number is that of the zero register.
pub(crate) const REGISTERS: usize = 31;
/// The registers that an instruction can name, one in each turn.
pub(crate) const TURNS: usize = REGISTERS + 1;

/// What `raw.S` loads and stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct State {
    /// x0 to x30.
    pub(crate) x: [u64; REGISTERS],
    /// SP, which is SP_EL1.
    pub(crate) sp: u64,
    /// SP_EL0.
    pub(crate) sp_el0: u64,
    /// Where the CPU is.
    pub(crate) pc: u64,
    /// Its state, as SPSR_EL1 has it.
    pub(crate) pstate: u64,
    /// Number of the vector through which it came here.
    pub(crate) vector: u64,
    /// ESR_EL1 by then.
    pub(crate) syndrome: u64,
    /// The stack to come back to.
    pub(crate) stack: u64,
    /// v0 to v31.
    pub(crate) v: [u128; 32],
}

/// The name of a register: what it is, and its number if there are several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name(&'static str, Option<usize>);

impl State {
    /// State number `number`.
    pub(crate) fn new(number: u64) -> Self {
        let mut values = (number << 8..).map(|value| value.wrapping_mul(SPREAD));
        let mut next = || values.next().unwrap_or_default();
        Self {
            x: core::array::from_fn(|_| next()),
            sp: next(),
            sp_el0: next(),
            v: core::array::from_fn(|_| u128::from(next()) << 64 | u128::from(next())),
            pc: 0,
            pstate: 0,
            vector: 0,
            syndrome: 0,
            stack: 0,
        }
    }

    /// The registers that are not the same in `other`, with what they hold in both. Of the syndrome only its
    /// class matters, of the stack nothing.
    pub(crate) fn differences(&self, other: &Self) -> impl Iterator<Item = (Name, u128, u128)> {
        let pairs = self.values().zip(other.values()).map(|((name, value), (_, other))| (name, value, other));
        pairs.filter(|(_, value, other)| value != other)
    }

    fn values(&self) -> impl Iterator<Item = (Name, u128)> {
        let general = self.x.map(u128::from).into_iter().enumerate();
        let vectors = self.v.into_iter().enumerate();
        let single = [
            ("SP", self.sp),
            ("SP_EL0", self.sp_el0),
            ("PC", self.pc),
            ("PSTATE", self.pstate),
            ("the vector", self.vector),
            ("the class", self.syndrome >> CLASS),
        ];
        let general = general.map(|(number, value)| (Name("x", Some(number)), value));
        let vectors = vectors.map(|(number, value)| (Name("v", Some(number)), value));
        let single = single.into_iter().map(|(name, value)| (Name(name, None), u128::from(value)));
        general.chain(vectors).chain(single)
    }
}

/// Odd, so that no two multiples are alike.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Where ESR_EL1.EC begins.
pub(crate) const CLASS: u32 = 26;

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, number) = self;
        f.write_str(name)?;
        number.map_or(Ok(()), |number| write!(f, "{number}"))
    }
}
