//! Every EL2 register that matters, as a whole value.
//!
//! Written whole on every CPU at every start, never read, modified and written: what firmware left behind
//! differs from board to board, and without EL3 most reset values are unknown. A bit whose feature the
//! CPU lacks is written as zero, and a register that the CPU lacks is not written at all.

mod fields;

use crate::bits::field;
use crate::id::ID_REGISTERS;
use bulkhead_plan::InterruptMode;
use fields::{cnthctl, cptr, hcr, hfgitr, icc_sre, ich_hcr, mdcr, mpam2, sctlr, spsr, tcr, zcr};

/// The features on which EL2's registers depend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    gicv3: bool,
    ras: bool,
    sve: bool,
    mpam: bool,
    amu: bool,
    csv2_2: bool,
    mte: bool,
    pauth: bool,
    fgt: bool,
    evt: bool,
    hcx: bool,
    lor: bool,
    pmu: bool,
    spe: bool,
    trace_filter: bool,
    hpmd: bool,
    hccd: bool,
    vhe: bool,
    fgt2: bool,
    e2h0_absent: bool,
}

/// The values; `None` where this CPU has no such register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    /// HCR_EL2 while a guest runs.
    pub hcr: u64,
    /// CPTR_EL2.
    pub cptr: u64,
    /// ZCR_EL2: guests use vectors as long as the CPU has them.
    pub zcr: Option<u64>,
    /// MDCR_EL2.
    pub mdcr: u64,
    /// CNTHCTL_EL2.
    pub cnthctl: u64,
    /// ICC_SRE_EL2 and ICC_SRE_EL1.
    pub icc_sre: Option<u64>,
    /// ICH_HCR_EL2.
    pub ich_hcr: Option<u64>,
    /// HCRX_EL2.
    pub hcrx: Option<u64>,
    /// HFGRTR_EL2, HFGWTR_EL2, HDFGRTR_EL2, HDFGWTR_EL2: all zero; HFGITR_EL2 is this.
    pub hfgitr: Option<u64>,
    /// HAFGRTR_EL2.
    pub hafgrtr: Option<u64>,
    /// MPAM2_EL2.
    pub mpam2: Option<u64>,
    /// TRFCR_EL2.
    pub trfcr: Option<u64>,
}

/// CPTR_EL2 while EL2 boots: it may use SIMD registers.
pub const CPTR_BOOT: u64 = cptr::RES1;
/// SCTLR_EL2 with the MMU off.
pub const SCTLR_OFF: u64 = sctlr::EL2_RES1;
/// SCTLR_EL2 as long as the boot tables are in use.
pub const SCTLR_BOOT: u64 = SCTLR_OFF | sctlr::M | sctlr::C | sctlr::SA | sctlr::I;
/// SCTLR_EL2 once EL2's final tables are in use: nothing that can be written is executed.
pub const SCTLR: u64 = SCTLR_BOOT | sctlr::WXN;
/// TCR_EL2 but for PS: 48 bits, 4 KiB, inner shareable, write-back walks.
pub const TCR: u64 = tcr::RES1 | tcr::SH0_INNER | tcr::ORGN0_WB | tcr::IRGN0_WB | tcr::T0SZ_48_BITS;
/// SPSR_EL2 of a guest that begins: EL1h, everything masked.
pub const PSTATE: u64 = spsr::D | spsr::A | spsr::I | spsr::F | spsr::EL1H;
/// SCTLR_EL1 of a guest that begins: MMU and caches off.
pub const SCTLR_EL1: u64 = sctlr::EL1_RES1;

impl Features {
    /// What the ID registers, in the order of their encodings, say.
    pub fn new(ids: &[u64; ID_REGISTERS]) -> Self {
        let at = |crm: usize, op2: usize| {
            let index = crm.wrapping_sub(1).wrapping_mul(8).wrapping_add(op2);
            ids.get(index).copied().unwrap_or(0)
        };
        let (pfr0, pfr1, dfr0) = (at(4, 0), at(4, 1), at(5, 0));
        let (isar1, isar2) = (at(6, 1), at(6, 2));
        let (mmfr0, mmfr1, mmfr2, mmfr4) = (at(7, 0), at(7, 1), at(7, 2), at(7, 4));
        let has = |value, lowest: u32| field(value, lowest.wrapping_add(3), lowest) != 0;
        let pmu_version = field(dfr0, 11, 8);
        Self {
            gicv3: has(pfr0, 24),
            ras: has(pfr0, 28),
            sve: has(pfr0, 32),
            mpam: has(pfr0, 40) || has(pfr1, 16),
            amu: has(pfr0, 44),
            csv2_2: field(pfr0, 59, 56) >= 2,
            mte: field(pfr1, 11, 8) >= 2,
            pauth: has(isar1, 4) || has(isar1, 8) || has(isar2, 12),
            fgt: has(mmfr0, 56),
            evt: has(mmfr2, 56),
            hcx: has(mmfr1, 40),
            lor: has(mmfr1, 16),
            pmu: pmu_version != 0 && pmu_version != 0xf,
            spe: has(dfr0, 32),
            trace_filter: has(dfr0, 40),
            hpmd: (4..0xf).contains(&pmu_version),
            hccd: (6..0xf).contains(&pmu_version),
            vhe: has(mmfr1, 8),
            fgt2: field(mmfr0, 59, 56) >= 2,
            e2h0_absent: has(mmfr4, 24),
        }
    }

    /// Whether EL2 cannot run here as this hypervisor does: HCR_EL2.E2H is always one.
    pub const fn forces_vhe(&self) -> bool {
        self.e2h0_absent
    }

    /// Whether the CPU has the interface of a GICv3, as system registers.
    pub const fn has_gicv3(&self) -> bool {
        self.gicv3
    }

    /// Whether the CPU has CNTHV_CTL_EL2.
    pub const fn has_vhe(&self) -> bool {
        self.vhe
    }

    /// Whether the CPU has the second set of fine-grained traps.
    pub const fn has_fgt2(&self) -> bool {
        self.fgt2
    }

    /// Whether the CPU has pointer authentication, and with it keys.
    pub const fn has_pauth(&self) -> bool {
        self.pauth
    }

    /// Whether the CPU has SCXTNUM_EL0 and SCXTNUM_EL1.
    pub const fn has_scxtnum(&self) -> bool {
        self.csv2_2
    }

    /// Whether the CPU has the PMU that the Arm ARM describes.
    pub const fn has_pmu(&self) -> bool {
        self.pmu
    }

    /// Whether the CPU has the RAS extension, and with it VDISR_EL2.
    pub const fn has_ras(&self) -> bool {
        self.ras
    }

    /// Whether the CPU has SVE, and with it longer vectors, predicates and ZCR_EL1.
    pub const fn has_sve(&self) -> bool {
        self.sve
    }

    /// Whether the CPU has the MPAM registers.
    pub const fn has_mpam(&self) -> bool {
        self.mpam
    }

    /// The values for a CPU with these features and `counters` event counters (PMCR_EL0.N), whose interrupts
    /// reach its partition by `mode`.
    pub fn values(&self, counters: u64, mode: InterruptMode) -> Values {
        let guard = |bits| if mode == InterruptMode::Guarded { bits } else { 0 };
        Values {
            hcr: self.hcr() | guard(hcr::TWI),
            cptr: cptr::RES1 | cptr::TTA | present(&[(!self.sve, cptr::TZ), (self.amu, cptr::TAM)]),
            zcr: self.sve.then_some(zcr::LEN),
            mdcr: self.mdcr(counters),
            cnthctl: cnthctl::EL1PCTEN | cnthctl::EL1PCEN,
            icc_sre: self.gicv3.then_some(icc_sre::SRE | icc_sre::DFB | icc_sre::DIB),
            ich_hcr: self.gicv3.then_some(ich_hcr::TC | guard(ich_hcr::TALL1)),
            hcrx: self.hcx.then_some(0),
            hfgitr: self.fgt.then_some(if self.evt { 0 } else { hfgitr::ICIALLUIS }),
            hafgrtr: (self.fgt && self.amu).then_some(0),
            mpam2: self.mpam.then_some(mpam2::TRAPMPAM0EL1 | mpam2::TRAPMPAM1EL1),
            trfcr: self.trace_filter.then_some(0),
        }
    }

    /// Interrupts are the guest's: IMO is zero. FP, SIMD and SVE are not trapped anywhere.
    fn hcr(&self) -> u64 {
        let always = hcr::VM
            | hcr::SWIO
            | hcr::PTW
            | hcr::FMO
            | hcr::AMO
            | hcr::TID3
            | hcr::TSC
            | hcr::TIDCP
            | hcr::TACR
            | hcr::RW;
        let optional = [
            (self.lor, hcr::TLOR),
            (self.ras, hcr::TERR),
            (self.pauth, hcr::APK | hcr::API),
            (self.evt, hcr::TICAB),
            (self.csv2_2, hcr::EN_SCXT),
            (self.mte, hcr::TID5),
        ];
        always | present(&optional)
    }

    /// EL2 does not count in the guest's counters, profiling and trace are nobody's, and the OS lock is EL2's.
    fn mdcr(&self, counters: u64) -> u64 {
        let counters = if self.pmu { counters & mdcr::HPMN } else { 0 };
        let optional = [
            (self.hpmd, mdcr::HPMD),
            (self.hccd, mdcr::HCCD),
            (self.trace_filter, mdcr::TTRF),
            (self.spe, mdcr::TPMS),
        ];
        mdcr::TDOSA | counters | present(&optional)
    }
}

/// The bits whose feature is there.
fn present(optional: &[(bool, u64)]) -> u64 {
    optional.iter().fold(0, |value, (has, bits)| if *has { value | bits } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(values: &[(usize, usize, u64)]) -> Features {
        let mut ids = [0; ID_REGISTERS];
        values.iter().for_each(|(crm, op2, value)| ids[(crm - 1) * 8 + op2] = *value);
        Features::new(&ids)
    }

    /// ID_AA64PFR0, DFR0 and MMFR1 of a Cortex-A53 r0p4 (its reference manual, §4.2.1).
    const CORTEX_A53: [(usize, usize, u64); 3] = [(4, 0, 0x0100_2222), (5, 0, 0x1030_5106), (7, 1, 0)];
    /// The same with RAS, PAuth, LOR, VHE, SPE, SVE, AMU, FGT, EVT and HCX.
    const LARGE: [(usize, usize, u64); 7] = [
        (4, 0, 0x0201_0011_1100_1112 | 1 << 44),
        (4, 1, 0x0120),
        (5, 0, 0x1_1030_5906 | 1 << 40),
        (6, 1, 0x10),
        (7, 0, 1 << 56),
        (7, 1, 1 << 16 | 1 << 40),
        (7, 2, 1 << 56),
    ];

    #[test]
    fn a_small_cpu_gets_what_it_has() {
        let values = features(&CORTEX_A53).values(6, InterruptMode::Direct);
        assert_eq!(values.hcr, 0x803c_002f);
        assert_eq!(values.cptr, 0x10_33ff);
        assert_eq!(values.mdcr, 1 << 10 | 6, "PMUv3 without EL2's own prohibition");
        assert_eq!((values.cnthctl, values.icc_sre, values.ich_hcr), (3, Some(7), Some(0x400)));
        let absent = [values.zcr, values.hcrx, values.hfgitr, values.hafgrtr, values.mpam2, values.trfcr];
        assert_eq!(absent, [None; 6]);
    }

    #[test]
    fn a_cpu_with_a_gicv2_has_no_registers_of_a_gicv3() {
        let values = features(&[(4, 0, 0x2222)]).values(6, InterruptMode::Guarded);
        assert_eq!((values.icc_sre, values.ich_hcr), (None, None));
        assert_eq!(values.hcr & 1 << 13, 1 << 13, "TWI");
    }

    #[test]
    fn mpam_vhe_and_forced_vhe_are_seen() {
        let features = features(&[(4, 0, 1 << 40), (7, 1, 1 << 8), (7, 4, 1 << 24)]);
        assert_eq!(features.values(0, InterruptMode::Direct).mpam2, Some(0b11 << 48));
        assert!(features.has_vhe() && features.forces_vhe());
    }

    #[test]
    fn a_large_cpu_gives_vectors_of_full_length_and_hides_the_rest() {
        let values = features(&LARGE).values(6, InterruptMode::Direct);
        assert_eq!(values.hcr, 0x803c_002f | 1 << 35 | 0b11 << 40 | 1 << 36 | 1 << 50 | 1 << 53);
        assert_eq!((values.cptr, values.zcr), (0x10_32ff | 1 << 30, Some(15)));
        assert_eq!(values.mdcr, 1 << 10 | 6 | 1 << 17 | 1 << 23 | 1 << 19 | 1 << 14);
        assert_eq!((values.hcrx, values.hfgitr, values.hafgrtr), (Some(0), Some(0), Some(0)));
    }

    #[test]
    fn interrupts_are_never_routed_to_el2() {
        for features in [features(&CORTEX_A53), features(&LARGE), features(&[])] {
            let hcr = features.values(31, InterruptMode::Direct).hcr;
            assert_eq!(hcr & 1 << 4, 0, "IMO");
            assert_eq!(hcr & (1 << 3 | 1 << 5), 1 << 3 | 1 << 5, "FMO, AMO");
            assert_eq!(hcr & (1 << 27 | 1 << 34), 0, "TGE, E2H");
        }
    }

    #[test]
    fn a_guard_adds_two_traps() {
        let [direct, guarded] =
            [InterruptMode::Direct, InterruptMode::Guarded].map(|mode| features(&LARGE).values(6, mode));
        assert_eq!(guarded.hcr ^ direct.hcr, 1 << 13, "TWI");
        assert_eq!((direct.ich_hcr, guarded.ich_hcr), (Some(1 << 10), Some(1 << 12 | 1 << 10)), "TALL1");
        assert_eq!(Values { hcr: direct.hcr, ich_hcr: direct.ich_hcr, ..guarded }, direct);
    }

    #[test]
    fn sctlr_forbids_writable_code_once_boot_is_over() {
        assert_eq!(SCTLR, 0x30cd_183d);
        assert_eq!(SCTLR & !SCTLR_BOOT, 1 << 19);
        assert_eq!(TCR, 0x8080_3510);
    }
}
