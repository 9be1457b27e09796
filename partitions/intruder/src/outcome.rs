//! How an attack may end, and how it did.
//!
//! An [`Expected`] is written from the specification: it never asks what the hypervisor does. Where that
//! leaves a choice, all that it allows is listed.

use crate::attack::Left;
use core::fmt;
use guest_rt::probe::Fault;

/// What must come of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// No exception.
    Done,
    /// No exception, and this in the register that the attack reads.
    Value(u64),
    /// No such instruction: EC 0 (Arm ARM, ESR_EL1).
    Undefined,
    /// A read of x0 in the feature ID space, which names itself: EC 0x18 with this ISS (FEAT_IDST).
    Identification(u64),
    /// A data abort without a change of level: EC 0x25.
    Data(Abort),
    /// An instruction abort without a change of level, EC 0x21, with this IFSC.
    Fetch(u64),
    /// One of these.
    Any(&'static [Expected]),
}

/// What an abort says of itself (Arm ARM, ISS encoding for an exception from a Data Abort).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Abort {
    /// DFSC.
    pub(crate) status: u64,
    /// WnR, where the architecture says what it is.
    pub(crate) is_write: Option<bool>,
}

impl Abort {
    /// DFSC of a synchronous external abort, not on a walk.
    pub(crate) const EXTERNAL: u64 = 0b01_0000;
    /// DFSC of a synchronous external abort on a walk, at level 0; as what is expected, at any level. The
    /// hypervisor answers for a bus and does not read the guest's tables: what it knows is the level of its
    /// own.
    pub(crate) const ON_WALK: u64 = 0b01_0100;
    /// DFSC of an address size fault at level 0.
    pub(crate) const ADDRESS_SIZE: u64 = 0b00_0000;
    /// DFSC of a translation fault at level 0.
    pub(crate) const TRANSLATION: u64 = 0b00_0100;
    /// DFSC of an access flag fault at level 0.
    pub(crate) const ACCESS_FLAG: u64 = 0b00_1000;
    /// DFSC of a permission fault at level 0.
    pub(crate) const PERMISSION: u64 = 0b00_1100;
    /// DFSC of an alignment fault.
    pub(crate) const ALIGNMENT: u64 = 0b10_0001;
    /// DFSC of an exclusive or atomic access to memory that does not support it.
    pub(crate) const UNSUPPORTED: u64 = 0b11_0101;
}

/// What an attack looked at, which an abort must name in FAR_EL1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The first address.
    pub(crate) address: u64,
    /// How many.
    pub(crate) size: u64,
}

impl Expected {
    /// Whether this is one of the outcomes; the value of an attack is what it left in `register`.
    pub(crate) fn admits(&self, left: &Left, register: usize, place: Option<Place>) -> bool {
        match (self, left.fault) {
            (Self::Any(list), _) => list.iter().any(|expected| expected.admits(left, register, place)),
            (Self::Done, None) => true,
            (Self::Value(value), None) => left.registers[register] == *value,
            (Self::Undefined, Some(fault)) => fault.syndrome == IL,
            (Self::Identification(iss), Some(fault)) => fault.syndrome == SYSTEM << 26 | IL | iss,
            (Self::Data(abort), Some(fault)) => abort.is(&fault) && names(&fault, place),
            (Self::Fetch(status), Some(fault)) => {
                class(&fault) == FETCH && has_status(&fault, *status) && names(&fault, place)
            }
            _ => false,
        }
    }
}

/// ESR_EL1: EC of system registers, of aborts without a change of level, and IL.
const SYSTEM: u64 = 0x18;
const FETCH: u64 = 0x21;
const DATA: u64 = 0x25;
const IL: u64 = 1 << 25;
/// ISS: ISV, FnV, WnR.
const ISV: u64 = 1 << 24;
const FNV: u64 = 1 << 10;
const WNR: u64 = 1 << 6;

fn class(fault: &Fault) -> u64 {
    fault.syndrome >> 26
}

/// Whether DFSC or IFSC is `expected`.
fn has_status(fault: &Fault, expected: u64) -> bool {
    let level = if expected == Abort::ON_WALK { 3 } else { 0 };
    fault.syndrome & (0x3f & !level) == expected
}

/// Whether FAR_EL1 is valid and one of the addresses.
fn names(fault: &Fault, place: Option<Place>) -> bool {
    place.is_none_or(|place| {
        fault.syndrome & FNV == 0 && fault.address.wrapping_sub(place.address) < place.size
    })
}

impl Abort {
    /// Whether `fault` is such an abort. ISV is zero in whatever EL1 takes (Arm ARM, ESR_EL1).
    fn is(&self, fault: &Fault) -> bool {
        class(fault) == DATA
            && has_status(fault, self.status)
            && fault.syndrome & ISV == 0
            && self.is_write.is_none_or(|is_write| is_write == (fault.syndrome & WNR != 0))
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("no exception"),
            Self::Value(value) => write!(f, "{value:#x}"),
            Self::Undefined => f.write_str("UNDEFINED"),
            Self::Identification(iss) => write!(f, "EC 0x18, ISS {iss:#x}"),
            Self::Data(abort) => write!(f, "a data abort with status {:#x}", abort.status),
            Self::Fetch(status) => write!(f, "an abort of the fetch with status {status:#x}"),
            Self::Any(list) => list.iter().enumerate().try_for_each(|(number, expected)| {
                let or = if number == 0 { "" } else { " or " };
                write!(f, "{or}{expected}")
            }),
        }
    }
}
