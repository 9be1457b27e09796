//! What the CPU says that it has.
//!
//! The intruder believes the ID registers as it reads them: what they do not show must not be there (Arm ARM
//! D1.2, D23.2), whatever the hardware has.

use crate::attack::Slots;
use crate::encoding::Encoding;

/// A feature: a field of an ID register that is at least so great.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Feature {
    crm: u32,
    op2: u32,
    lowest: u32,
    least: u64,
}

impl Feature {
    /// The field with its lowest bit at `lowest` of the register `S3_0_C0_C<crm>_<op2>`.
    pub(crate) const fn new(crm: u32, op2: u32, lowest: u32, least: u64) -> Self {
        Self { crm, op2, lowest, least }
    }

    /// Whether this CPU shows it.
    pub(crate) fn is_shown(&self) -> bool {
        let field = id(self.crm, self.op2) >> self.lowest & 0xf;
        // A field of all ones in the debug registers is a PMU that is not Arm's.
        field >= self.least && !(*self == PMU && field == 0xf)
    }
}

/// FEAT_LSE.
pub(crate) const LSE: Feature = Feature::new(6, 0, 20, 2);
/// FEAT_LRCPC.
pub(crate) const LRCPC: Feature = Feature::new(6, 1, 20, 1);
/// FEAT_PMUv3.
pub(crate) const PMU: Feature = Feature::new(5, 0, 8, 1);
/// FEAT_PMUv3p4.
pub(crate) const PMU_V3P4: Feature = Feature::new(5, 0, 8, 5);
/// FEAT_SVE.
pub(crate) const SVE: Feature = Feature::new(4, 0, 32, 1);
/// The system registers of a GICv3.
pub(crate) const GIC: Feature = Feature::new(4, 0, 24, 1);
/// FEAT_DIT.
pub(crate) const DIT: Feature = Feature::new(4, 0, 48, 1);
/// FEAT_CSV2_2.
pub(crate) const CSV2_2: Feature = Feature::new(4, 0, 56, 2);
/// FEAT_CSV2_1p2.
pub(crate) const CSV2_FRAC: Feature = Feature::new(4, 1, 32, 2);
/// FEAT_SSBS2, with the register SSBS.
pub(crate) const SSBS: Feature = Feature::new(4, 1, 4, 2);
/// FEAT_MTE.
pub(crate) const MTE: Feature = Feature::new(4, 1, 8, 1);
/// FEAT_NMI.
pub(crate) const NMI: Feature = Feature::new(4, 1, 36, 1);
/// FEAT_FlagM.
pub(crate) const FLAGM: Feature = Feature::new(6, 0, 52, 1);
/// FEAT_WFxT.
pub(crate) const WFXT: Feature = Feature::new(6, 2, 0, 2);
/// FEAT_RNG.
pub(crate) const RNG: Feature = Feature::new(6, 0, 60, 1);
/// FEAT_PAN.
pub(crate) const PAN: Feature = Feature::new(7, 1, 20, 1);
/// FEAT_UAO.
pub(crate) const UAO: Feature = Feature::new(7, 2, 4, 1);
/// FEAT_CCIDX.
pub(crate) const CCIDX: Feature = Feature::new(7, 2, 20, 1);
/// FEAT_RAS.
pub(crate) const RAS: Feature = Feature::new(4, 0, 28, 1);
/// FEAT_IDST.
pub(crate) const IDST: Feature = Feature::new(7, 2, 36, 1);
/// FEAT_SME.
pub(crate) const SME: Feature = Feature::new(4, 1, 24, 1);
/// FEAT_ECV.
pub(crate) const ECV: Feature = Feature::new(7, 0, 60, 1);
/// FEAT_PAuth: any of its algorithms.
pub(crate) const PAUTH: &[Feature] =
    &[Feature::new(6, 1, 4, 1), Feature::new(6, 1, 8, 1), Feature::new(6, 2, 12, 1)];

/// The value of the ID register `S3_0_C0_C<crm>_<op2>`.
pub(crate) fn id(crm: u32, op2: u32) -> u64 {
    Slots::the().run_one(Encoding::new(3, 0, 0, crm, op2).read(), [0; 4]).registers[0]
}

/// Bits of a physical address, from ID_AA64MMFR0_EL1.PARange, as far as a descriptor of 48 bits goes.
pub(crate) fn physical_bits() -> u32 {
    match id(7, 0) & 0xf {
        0 => 32,
        1 => 36,
        2 => 40,
        3 => 42,
        4 => 44,
        _ => 48,
    }
}
