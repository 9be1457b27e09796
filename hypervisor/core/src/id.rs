//! What a guest reads of its CPU's features: the truth about what is left.
//!
//! Trapped by `HCR_EL2.TID3`: the ID registers of group 3 (op0 3, op1 0, CRn 0, CRm 1 to 7). Each has a
//! mask of the fields that a guest may use without EL2's doing; a field that this table does not name,
//! because it needs EL2 or because it was not born yet, reads zero. Arm ARM D23.2.

use crate::bits::field;

/// How many ID registers are trapped: 7 values of CRm, 8 of op2.
pub const ID_REGISTERS: usize = 56;

/// The ID registers of one CPU as its guest reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRegisters([u64; ID_REGISTERS]);

impl IdRegisters {
    /// Hides from `hardware`, which is in the order of the encodings, what is not for guests.
    pub fn sanitise(hardware: &[u64; ID_REGISTERS]) -> Self {
        let mut shown = [0; ID_REGISTERS];
        for ((shown, &value), index) in shown.iter_mut().zip(hardware).zip(0..) {
            *shown = visible(index, value);
        }
        Self(shown)
    }

    /// The register at `index` in the order of the encodings.
    pub fn value(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or(0)
    }
}

/// Fields of four bits, by the position of their lowest bit.
const fn fields(lowest_bits: &[u32]) -> u64 {
    let mut mask = 0;
    let mut rest = lowest_bits;
    while let [lowest, tail @ ..] = rest {
        mask |= 0xf_u64.wrapping_shl(*lowest);
        rest = tail;
    }
    mask
}

/// FP, AdvSIMD, EL0, EL1, GIC, SVE, DIT, CSV2, CSV3. Not EL2, EL3, RAS, SEL2, MPAM, AMU, RME.
const PFR0: u64 = fields(&[0, 4, 16, 20, 24, 32, 48, 56, 60]);
/// BT, SSBS, CSV2_frac. Not MTE, SME, RNDR_trap, NMI, GCS.
const PFR1: u64 = fields(&[0, 4, 32]);
/// SVEver, AES, BitPerm, BF16, B16B16, SHA3, SM4, I8MM, F32MM, F64MM: instructions, which need nothing of EL2.
const ZFR0: u64 = fields(&[0, 4, 16, 20, 24, 32, 40, 44, 52, 56]);
/// DebugVer, PMUVer, BRPs, WRPs, CTX_CMPs. Not trace, SPE, TRBE, BRBE, MTPMU.
const DFR0: u64 = fields(&[0, 8, 12, 20, 28]);
/// DoubleLock: there is none.
const NO_DOUBLE_LOCK: u64 = 0xf << 36;
/// All but TME.
const ISAR0: u64 = !fields(&[0, 24]);
/// All but LS64 (needs HCRX_EL2) and XS.
const ISAR1: u64 = !fields(&[56, 60]);
/// WFxT, RPRES, GPA3, APA3, BC, PAC_frac, CLRBHB, RPRFM, CSSC. Not MOPS (needs HCRX_EL2).
const ISAR2: u64 = fields(&[0, 4, 8, 12, 20, 24, 28, 48, 52]);
/// PARange, ASIDBits, TGran16, TGran64, TGran4, ExS. Not FGT, ECV, nor BigEnd: devices of EL2 are little-endian.
const MMFR0: u64 = fields(&[0, 4, 20, 24, 28, 44]);
/// HAFDBS, HPDS, PAN, SpecSEI, ETS, AFP, nTLBPA. Not VH, VMIDBits, LO, XNX, TWED, HCX.
const MMFR1: u64 = fields(&[0, 12, 20, 24, 36, 44, 48]);
/// CnP, UAO, LSM, IESB, VARange, CCIDX, ST, AT, IDS, TTL, BBM, E0PD. Not NV, FWB, EVT.
const MMFR2: u64 = fields(&[0, 4, 8, 12, 16, 20, 28, 32, 36, 48, 52, 60]);
/// Every field but RAS and AMU.
const PFR0_AARCH32: u64 = 0xffff_ffff & !fields(&[20, 28]);
/// Every field but Virtualization and Security.
const PFR1_AARCH32: u64 = 0xffff_ffff & !fields(&[4, 12]);
/// CopDbg, CopSDbg, MMapDbg, MProfDbg, PerfMon. Not trace.
const DFR0_AARCH32: u64 = fields(&[0, 4, 8, 20, 24]);
/// CSV3 and SSBS. Not RAS_frac.
const PFR2_AARCH32: u64 = fields(&[0, 4]);
/// A 32-bit register of AArch32 that says nothing about EL2.
const AARCH32: u64 = 0xffff_ffff;

fn visible(index: usize, value: u64) -> u64 {
    let (crm, op2) = (index.wrapping_div(8).wrapping_add(1), index.wrapping_rem(8));
    match (crm, op2) {
        (1, 0) => value & PFR0_AARCH32,
        (1, 1) => value & PFR1_AARCH32,
        (1, 2) => capped(value & DFR0_AARCH32, 24, 8),
        (3, 4) => value & PFR2_AARCH32,
        (1..=3, _) => value & AARCH32,
        (4, 0) => capped(value & PFR0, 4, 1),
        (4, 1) => capped(value & PFR1, 32, 1),
        (4, 4) => value & ZFR0,
        (5, 0) => pmu(value & DFR0) | NO_DOUBLE_LOCK,
        (6, 0) => value & ISAR0,
        (6, 1) => value & ISAR1,
        (6, 2) => value & ISAR2,
        (7, 0) => value & MMFR0,
        (7, 1) => capped(value & MMFR1, 0, 2),
        (7, 2) => value & MMFR2,
        _ => 0,
    }
}

/// `value` with the field at `lowest` no greater than `most`.
fn capped(value: u64, lowest: u32, most: u64) -> u64 {
    let found = field(value, lowest.wrapping_add(3), lowest);
    value & !fields(&[lowest]) | found.min(most).wrapping_shl(lowest)
}

/// PMUVer up to 8 (PMUv3 for Armv8.8); 0xf is a PMU that is not Arm's and stays as it is.
fn pmu(value: u64) -> u64 {
    if field(value, 11, 8) == 0xf { value } else { capped(value, 8, 8) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(crm: usize, op2: usize, value: u64) -> u64 {
        visible((crm - 1) * 8 + op2, value)
    }

    #[test]
    fn fields_lie_where_the_manual_has_them() {
        assert_eq!(fields(&[0, 60]), 0xf000_0000_0000_000f);
    }

    #[test]
    fn sve_is_shown_and_el2_el3_ras_and_amu_are_hidden() {
        // Cortex-A710: EL0 to EL3, FP16, GIC, RAS, SVE, AMU, DIT, CSV2, CSV3.
        assert_eq!(shown(4, 0, 0x1211_1111_2111_1112), 0x1201_0001_0111_0012);
        assert_eq!(shown(4, 4, u64::MAX), 0x0ff0_ff0f_0fff_00ff, "ID_AA64ZFR0_EL1");
        assert_eq!(shown(4, 5, u64::MAX), 0, "ID_AA64SMFR0_EL1");
    }

    #[test]
    fn el1_is_aarch64_only() {
        assert_eq!(shown(4, 0, 0x22), 0x12);
        assert_eq!(shown(4, 0, 0x11), 0x11);
        assert_eq!(field(shown(4, 0, 0x0020_0000), 23, 20), 2, "AdvSIMD keeps what it says");
    }

    #[test]
    fn tracing_and_profiling_are_hidden_and_the_pmu_is_shown() {
        assert_eq!(shown(5, 0, u64::MAX) & fields(&[4, 32, 40, 44, 48, 52]), 0);
        assert_eq!(field(shown(5, 0, 0x0900), 11, 8), 8);
        assert_eq!(field(shown(5, 0, 0x0400), 11, 8), 4);
        assert_eq!(field(shown(5, 0, 0x0f00), 11, 8), 0xf);
    }

    #[test]
    fn no_double_lock_is_shown() {
        assert_eq!([0, u64::MAX].map(|value| field(shown(5, 0, value), 39, 36)), [0xf; 2]);
    }

    #[test]
    fn what_no_manual_names_yet_reads_zero() {
        for (crm, op2) in [(4, 2), (4, 3), (4, 6), (5, 1), (5, 2), (6, 3), (6, 7), (7, 3), (7, 4), (7, 7)] {
            assert_eq!(shown(crm, op2, u64::MAX), 0, "CRm {crm}, op2 {op2}");
        }
    }
}
