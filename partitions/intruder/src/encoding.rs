//! The numbers that name a system register, and the instructions that reach it.
//!
//! Arm ARM C6.2 (MRS, MSR register): `1101010100 L o0 op1 CRn CRm op2 Rt` with a one before op0's low bit.

use core::fmt;

/// `S<op0>_<op1>_C<crn>_C<crm>_<op2>`, packed as in the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Encoding(u32);

impl Encoding {
    /// The register of these numbers; `op0` is 2 or 3.
    pub(crate) const fn new(op0: u32, op1: u32, crn: u32, crm: u32, op2: u32) -> Self {
        Self(op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2)
    }

    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (2 << 14..4 << 14).map(Self)
    }

    /// This one and those that follow.
    pub(crate) fn and_following(self) -> impl Iterator<Item = Self> {
        (self.0..).map(Self)
    }

    /// How far it is beyond `other`.
    pub(crate) fn beyond(self, other: Self) -> Option<u32> {
        self.0.checked_sub(other.0)
    }

    /// The encoding `count` further on.
    pub(crate) const fn plus(self, count: u32) -> Self {
        Self(self.0 + count)
    }

    /// `MRS x0, …`.
    pub(crate) const fn read(self) -> u32 {
        0xd530_0000 | (self.0 & 0x7fff) << 5
    }

    /// `MSR …, x0`.
    pub(crate) const fn write(self) -> u32 {
        0xd510_0000 | (self.0 & 0x7fff) << 5
    }

    /// Whether it is one of the ID registers of group 3, which are read as zero where none is allocated (Arm
    /// ARM D23.1, reserved encodings).
    pub(crate) const fn is_identification(self) -> bool {
        self.0 >> 7 == 3 << 7 && matches!(self.0 >> 3 & 15, 1..=7)
    }

    /// Whether it lies in the feature ID space, where a read that is UNDEFINED names itself (FEAT_IDST, Arm ARM
    /// D23.1.1).
    pub(crate) const fn is_feature_space(self) -> bool {
        let (op0_op1, crn, crm) = (self.0 >> 11, self.0 >> 7 & 15, self.0 >> 3 & 15);
        matches!(op0_op1, 0o30 | 0o31 | 0o33) && crn == 0 && crm < 8
    }

    /// The ISS of a read into x0 (Arm ARM, ESR_EL1, ISS encoding for EC 0x18).
    pub(crate) const fn syndrome_of_read(self) -> u64 {
        let Self(bits) = self;
        let (op0, op1, crn, crm, op2) =
            (bits >> 14, bits >> 11 & 7, bits >> 7 & 15, bits >> 3 & 15, bits & 7);
        (op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | crm << 1 | 1) as u64
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bits) = self;
        let (op0, op1, op2) = (bits >> 14, bits >> 11 & 7, bits & 7);
        let (crn, crm) = (bits >> 7 & 15, bits >> 3 & 15);
        write!(f, "S{op0}_{op1}_C{crn}_C{crm}_{op2}")
    }
}
