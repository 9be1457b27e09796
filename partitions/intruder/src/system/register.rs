//! What the architecture says of a system register.

use crate::encoding::Encoding;
use crate::features::Feature;

/// A row of the table: some registers whose encodings follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Register {
    /// The first.
    pub(super) first: Encoding,
    /// How many.
    pub(super) count: u32,
    /// What EL1 may do with it.
    pub(super) access: Access,
    /// When it exists.
    pub(super) when: When,
    /// What is known of a value read.
    pub(super) reads: Option<u64>,
    /// Whether the intruder itself needs it as it is, so that it is written with nothing else.
    pub(super) is_needed: bool,
}

/// What EL1 may do with a register that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Reading and writing.
    ReadWrite,
    /// Reading; a write is UNDEFINED.
    Read,
    /// Writing; a read is UNDEFINED.
    Write,
}

/// When a register exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// In every CPU of AArch64; those of a GICv3, in every CPU that shows one.
    Always,
    /// If the ID registers show one of these.
    Shown(&'static [Feature]),
    /// As far as they show one of these; but the architecture has no trap for it at EL2, so that a CPU may
    /// have it without saying so.
    Open(&'static [Feature]),
    /// The architecture leaves it to the CPU whether it is UNDEFINED; or it does not, and QEMU 10.0 lacks it.
    Either,
}

const fn row(first: [u32; 5], count: u32, access: Access) -> Register {
    let [op0, op1, crn, crm, op2] = first;
    let first = Encoding::new(op0, op1, crn, crm, op2);
    Register { first, count, access, when: When::Always, reads: None, is_needed: false }
}

/// Registers from `first` on that are read and written.
pub(super) const fn rw(first: [u32; 5], count: u32) -> Register {
    row(first, count, Access::ReadWrite)
}

/// Registers from `first` on that are read.
pub(super) const fn ro(first: [u32; 5], count: u32) -> Register {
    row(first, count, Access::Read)
}

/// Registers from `first` on that are written.
pub(super) const fn wo(first: [u32; 5], count: u32) -> Register {
    row(first, count, Access::Write)
}

impl Register {
    /// The same, if the ID registers show one of `features`.
    pub(super) const fn shown(self, features: &'static [Feature]) -> Self {
        Self { when: When::Shown(features), ..self }
    }

    /// The same, where EL2 has no way to hide it.
    pub(super) const fn open(self, features: &'static [Feature]) -> Self {
        Self { when: When::Open(features), ..self }
    }

    /// The same, which need not exist.
    pub(super) const fn either(self) -> Self {
        Self { when: When::Either, ..self }
    }

    /// The same, which every CPU has and QEMU 10.0 has not.
    pub(super) const fn not_in_qemu(self) -> Self {
        self.either()
    }

    /// The same, whose value is known.
    pub(super) const fn reads(self, value: u64) -> Self {
        Self { reads: Some(value), ..self }
    }

    /// The same, without which the intruder cannot go on.
    pub(super) const fn needed(self) -> Self {
        Self { is_needed: true, ..self }
    }

    /// Whether `encoding` is one of these.
    pub(super) fn contains(&self, encoding: Encoding) -> bool {
        (self.first..self.first.plus(self.count)).contains(&encoding)
    }
}
