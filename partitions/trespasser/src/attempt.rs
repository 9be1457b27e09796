//! The attempts: this file's unsafe code is what isolation must withstand.
//!
//! A write leaves an instruction behind that returns: where it succeeds, the jump that follows comes back
//! and is told from one that was refused.

#![allow(unsafe_code)]

use core::fmt;
use guest_rt::probe::{self, Fault};

/// Two instructions `RET`.
const TRACE: u64 = 0xd65f_03c0_d65f_03c0;

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    /// A load of 64 bits.
    Read,
    /// A store of 64 bits.
    Write,
    /// A fetch of an instruction.
    Jump,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Jump => "jump",
        })
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// As it must: by a synchronous external abort.
    Refused,
    /// As it must not.
    Succeeded,
    /// By an exception that says something else.
    Other(Fault),
}

impl Outcome {
    /// Whether it ended as it must.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("external abort"),
            Self::Succeeded => f.write_str("SUCCEEDED"),
            Self::Other(fault) => write!(f, "another fault, {fault}"),
        }
    }
}

impl Access {
    /// Tries it with `address`, which is not the guest's own and a multiple of 8.
    pub(crate) fn attempt(self, address: u64) -> Outcome {
        let result = match self {
            // SAFETY: the address belongs to somebody else, so nothing of this guest changes.
            Self::Read => unsafe { probe::read(address) }.map(drop),
            // SAFETY: as above.
            Self::Write => unsafe { probe::write(address, TRACE) },
            // SAFETY: nothing is expected to run there; if it does, isolation has failed, this guest too.
            Self::Jump => unsafe { probe::execute(address) },
        };
        match result {
            Ok(()) => Outcome::Succeeded,
            Err(fault) if self.is_refused_by(&fault, address) => Outcome::Refused,
            Err(fault) => Outcome::Other(fault),
        }
    }

    /// Whether `fault` says that this access was refused, and not that foreign code ran into something.
    fn is_refused_by(self, fault: &Fault, address: u64) -> bool {
        let expected = match self {
            Self::Read | Self::Write => fault.is_external_data_abort(),
            Self::Jump => fault.is_external_instruction_abort(),
        };
        expected && fault.address == address
    }
}
