//! The fields of EL2's registers that are ever set, by the names of the manual.
//!
//! Arm ARM D23 and GICv3 §12. The tests of the whole values, next door, pin every position.

/// HCR_EL2.
pub(super) mod hcr {
    pub(crate) const VM: u64 = 1;
    pub(crate) const SWIO: u64 = 1 << 1;
    pub(crate) const PTW: u64 = 1 << 2;
    pub(crate) const FMO: u64 = 1 << 3;
    pub(crate) const AMO: u64 = 1 << 5;
    pub(crate) const TWI: u64 = 1 << 13;
    pub(crate) const TID3: u64 = 1 << 18;
    pub(crate) const TSC: u64 = 1 << 19;
    pub(crate) const TIDCP: u64 = 1 << 20;
    pub(crate) const TACR: u64 = 1 << 21;
    pub(crate) const RW: u64 = 1 << 31;
    pub(crate) const TLOR: u64 = 1 << 35;
    pub(crate) const TERR: u64 = 1 << 36;
    pub(crate) const APK: u64 = 1 << 40;
    pub(crate) const API: u64 = 1 << 41;
    pub(crate) const TICAB: u64 = 1 << 50;
    pub(crate) const EN_SCXT: u64 = 1 << 53;
    pub(crate) const TID5: u64 = 1 << 58;
}

/// CPTR_EL2 with HCR_EL2.E2H = 0; RES1 includes TSM, which traps SME. TZ is RES1 on a CPU without SVE.
pub(super) mod cptr {
    pub(crate) const RES1: u64 = 0x32ff;
    pub(crate) const TZ: u64 = 1 << 8;
    pub(crate) const TTA: u64 = 1 << 20;
    pub(crate) const TAM: u64 = 1 << 30;
}

/// ZCR_EL2.
pub(super) mod zcr {
    pub(crate) const LEN: u64 = 0xf;
}

/// MDCR_EL2.
pub(super) mod mdcr {
    pub(crate) const HPMN: u64 = 0x1f;
    pub(crate) const TDOSA: u64 = 1 << 10;
    pub(crate) const TPMS: u64 = 1 << 14;
    pub(crate) const HPMD: u64 = 1 << 17;
    pub(crate) const TTRF: u64 = 1 << 19;
    pub(crate) const HCCD: u64 = 1 << 23;
}

/// CNTHCTL_EL2 with HCR_EL2.E2H = 0.
pub(super) mod cnthctl {
    pub(crate) const EL1PCTEN: u64 = 1;
    pub(crate) const EL1PCEN: u64 = 1 << 1;
}

/// ICC_SRE_EL2; Enable stays zero, so that a guest cannot leave system register mode.
pub(super) mod icc_sre {
    pub(crate) const SRE: u64 = 1;
    pub(crate) const DFB: u64 = 1 << 1;
    pub(crate) const DIB: u64 = 1 << 2;
}

/// ICH_HCR_EL2.
pub(super) mod ich_hcr {
    pub(crate) const TC: u64 = 1 << 10;
    pub(crate) const TALL1: u64 = 1 << 12;
}

/// HFGITR_EL2.
pub(super) mod hfgitr {
    pub(crate) const ICIALLUIS: u64 = 1;
}

/// MPAM2_EL2.
pub(super) mod mpam2 {
    pub(crate) const TRAPMPAM1EL1: u64 = 1 << 48;
    pub(crate) const TRAPMPAM0EL1: u64 = 1 << 49;
}

/// SCTLR_EL2 and SCTLR_EL1.
pub(super) mod sctlr {
    pub(crate) const EL2_RES1: u64 = 0x30c5_0830;
    pub(crate) const EL1_RES1: u64 = 0x30d0_0800;
    pub(crate) const M: u64 = 1;
    pub(crate) const C: u64 = 1 << 2;
    pub(crate) const SA: u64 = 1 << 3;
    pub(crate) const I: u64 = 1 << 12;
    pub(crate) const WXN: u64 = 1 << 19;
}

/// TCR_EL2 with HCR_EL2.E2H = 0.
pub(super) mod tcr {
    pub(crate) const T0SZ_48_BITS: u64 = 16;
    pub(crate) const IRGN0_WB: u64 = 1 << 8;
    pub(crate) const ORGN0_WB: u64 = 1 << 10;
    pub(crate) const SH0_INNER: u64 = 3 << 12;
    pub(crate) const RES1: u64 = 1 << 31 | 1 << 23;
}

/// SPSR_EL2.
pub(super) mod spsr {
    pub(crate) const EL1H: u64 = 0b0101;
    pub(crate) const F: u64 = 1 << 6;
    pub(crate) const I: u64 = 1 << 7;
    pub(crate) const A: u64 = 1 << 8;
    pub(crate) const D: u64 = 1 << 9;
}
