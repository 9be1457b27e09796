//! ID registers: what a guest must not be told that it has.
//!
//! There is no EL2 and no EL3 for it, and what is shared or needs EL2's doing is not shown: RAS, AMU, MPAM,
//! MTE, SME, trace, profiling, virtualisation. The attack on each field is to find it set.

use crate::features;
use crate::tally::Tally;

/// A field of four bits of `S3_0_C0_C<crm>_<op2>` that reads zero.
struct Hidden(u32, u32, u32, &'static str);

/// The fields (Arm ARM D23.2), by register.
const HIDDEN: &[Hidden] = &[
    Hidden(4, 0, 8, "EL2"),
    Hidden(4, 0, 12, "EL3"),
    Hidden(4, 0, 28, "RAS"),
    Hidden(4, 0, 36, "SEL2"),
    Hidden(4, 0, 40, "MPAM"),
    Hidden(4, 0, 44, "AMU"),
    Hidden(4, 0, 52, "RME"),
    Hidden(4, 1, 8, "MTE"),
    Hidden(4, 1, 12, "RAS_frac"),
    Hidden(4, 1, 16, "MPAM_frac"),
    Hidden(4, 1, 24, "SME"),
    Hidden(4, 1, 36, "NMI"),
    Hidden(4, 1, 44, "GCS"),
    Hidden(4, 1, 48, "THE"),
    Hidden(5, 0, 4, "TraceVer"),
    Hidden(5, 0, 32, "PMSVer"),
    Hidden(5, 0, 40, "TraceFilt"),
    Hidden(5, 0, 44, "TraceBuffer"),
    Hidden(5, 0, 48, "MTPMU"),
    Hidden(5, 0, 52, "BRBE"),
    Hidden(7, 0, 56, "FGT"),
    Hidden(7, 0, 60, "ECV"),
    Hidden(7, 1, 8, "VH"),
    Hidden(7, 1, 16, "LO"),
    Hidden(7, 1, 40, "HCX"),
    Hidden(7, 2, 24, "NV"),
    Hidden(7, 2, 40, "FWB"),
    Hidden(7, 2, 56, "EVT"),
];

/// Fields that say that EL0 and EL1 are AArch64 and that EL1 is nothing else.
const EL1_AARCH64_ONLY: u64 = 1 << 4;

/// Looks at every field.
pub(super) fn attack(tally: &mut Tally) {
    for Hidden(crm, op2, lowest, name) in HIDDEN {
        let field = features::id(*crm, *op2) >> lowest & 0xf;
        tally.judge(field == 0, format_args!("the field {name} of an ID register: {field}, expected 0"));
    }
    let el1 = features::id(4, 0) & 0xf0;
    tally
        .judge(el1 == EL1_AARCH64_ONLY, format_args!("ID_AA64PFR0_EL1.EL1: {el1:#x}, expected AArch64 only"));
}
