//! Every system register that EL1 may reach, from the Arm ARM (D19, D23) and GICv3 §12.
//!
//! An encoding that is in none of these rows is UNDEFINED at EL1: unallocated, of a higher exception level,
//! or IMPLEMENTATION DEFINED, which `HCR_EL2.TIDCP` lets EL2 answer like a CPU without it. Features that no
//! guest is shown have no rows: SPE, TRBE, trace, branch records, AMU, RAS, MPAM, MTE, SME, LOR and whatever
//! needs HCRX_EL2. Breakpoints and event counters, whose number differs, are in `numbered.rs`.

use super::register::{Register, ro, rw, wo};
use crate::features::{
    CCIDX, CSV2_2, CSV2_FRAC, DIT, ECV, MTE, NMI, PAN, PAUTH, PMU, PMU_V3P4, RAS, RNG, SME, SSBS, SVE, UAO,
};

/// The table, by op0, op1, CRn, CRm, op2 of the first register of each row.
pub(super) const REGISTERS: &[Register] = &[
    // Debug (D19.3).
    rw([2, 0, 0, 0, 2], 1),                // OSDTRRX_EL1
    rw([2, 0, 0, 2, 0], 1),                // MDCCINT_EL1
    rw([2, 0, 0, 2, 2], 1),                // MDSCR_EL1
    rw([2, 0, 0, 3, 2], 1),                // OSDTRTX_EL1
    rw([2, 0, 0, 6, 2], 1),                // OSECCR_EL1
    ro([2, 0, 1, 0, 0], 1),                // MDRAR_EL1
    wo([2, 0, 1, 0, 4], 1),                // OSLAR_EL1
    ro([2, 0, 1, 1, 4], 1),                // OSLSR_EL1
    rw([2, 0, 1, 3, 4], 1).reads(0),       // OSDLR_EL1: no FEAT_DoubleLock is shown
    rw([2, 0, 1, 4, 4], 1).not_in_qemu(),  // DBGPRCR_EL1
    rw([2, 0, 7, 8, 6], 1),                // DBGCLAIMSET_EL1
    rw([2, 0, 7, 9, 6], 1),                // DBGCLAIMCLR_EL1
    ro([2, 0, 7, 14, 6], 1).not_in_qemu(), // DBGAUTHSTATUS_EL1
    ro([2, 3, 0, 1, 0], 1),                // MDCCSR_EL0
    rw([2, 3, 0, 4, 0], 1).not_in_qemu(),  // DBGDTR_EL0
    rw([2, 3, 0, 5, 0], 1),                // DBGDTRRX_EL0, DBGDTRTX_EL0
    // Identification (D23.2).
    ro([3, 0, 0, 0, 0], 1),                 // MIDR_EL1
    ro([3, 0, 0, 0, 5], 2),                 // MPIDR_EL1, REVIDR_EL1
    ro([3, 1, 0, 0, 0], 2),                 // CCSIDR_EL1, CLIDR_EL1
    ro([3, 1, 0, 0, 2], 1).shown(&[CCIDX]), // CCSIDR2_EL1
    ro([3, 1, 0, 0, 6], 1).open(&[SME]),    // SMIDR_EL1: traps with REVIDR_EL1 and AIDR_EL1 only
    ro([3, 1, 0, 0, 7], 1),                 // AIDR_EL1
    rw([3, 2, 0, 0, 0], 1),                 // CSSELR_EL1
    ro([3, 3, 0, 0, 1], 1),                 // CTR_EL0
    ro([3, 3, 0, 0, 7], 1),                 // DCZID_EL0
    // Control (D23.2).
    rw([3, 0, 1, 0, 0], 1).needed(),      // SCTLR_EL1
    rw([3, 0, 1, 0, 1], 1).reads(0),      // ACTLR_EL1: nothing implementation defined
    rw([3, 0, 1, 0, 2], 1),               // CPACR_EL1
    rw([3, 0, 1, 2, 0], 1).shown(&[SVE]), // ZCR_EL1
    rw([3, 0, 2, 0, 0], 1).needed(),      // TTBR0_EL1
    rw([3, 0, 2, 0, 1], 1),               // TTBR1_EL1
    rw([3, 0, 2, 0, 2], 1).needed(),      // TCR_EL1
    rw([3, 0, 2, 1, 0], 4).shown(PAUTH),  // APIAKey, APIBKey
    rw([3, 0, 2, 2, 0], 4).shown(PAUTH),  // APDAKey, APDBKey
    rw([3, 0, 2, 3, 0], 2).shown(PAUTH),  // APGAKey
    // State and exceptions.
    rw([3, 0, 4, 0, 0], 2),                   // SPSR_EL1, ELR_EL1
    rw([3, 0, 4, 1, 0], 1),                   // SP_EL0
    rw([3, 0, 4, 2, 0], 1).reads(1),          // SPSel
    ro([3, 0, 4, 2, 2], 1).reads(1 << 2),     // CurrentEL
    rw([3, 0, 4, 2, 3], 1).shown(&[PAN]),     // PAN
    rw([3, 0, 4, 2, 4], 1).shown(&[UAO]),     // UAO
    rw([3, 0, 4, 3, 0], 1).open(&[NMI]),      // ALLINT: only its write traps
    rw([3, 3, 4, 2, 0], 2),                   // NZCV, DAIF
    rw([3, 3, 4, 2, 5], 1).shown(&[DIT]),     // DIT
    rw([3, 3, 4, 2, 6], 1).shown(&[SSBS]),    // SSBS
    rw([3, 3, 4, 2, 7], 1).open(&[MTE]),      // TCO
    rw([3, 3, 4, 4, 0], 2),                   // FPCR, FPSR
    rw([3, 0, 5, 1, 0], 2),                   // AFSR0_EL1, AFSR1_EL1
    rw([3, 0, 5, 2, 0], 1),                   // ESR_EL1
    ro([3, 0, 5, 3, 0], 1).either().reads(0), // ERRIDR_EL1: no error records
    rw([3, 0, 6, 0, 0], 1),                   // FAR_EL1
    rw([3, 0, 7, 4, 0], 1),                   // PAR_EL1
    // Performance monitors.
    rw([3, 0, 9, 14, 1], 2).shown(&[PMU]), // PMINTENSET_EL1, PMINTENCLR_EL1
    ro([3, 0, 9, 14, 6], 1).shown(&[PMU_V3P4]), // PMMIR_EL1
    rw([3, 3, 9, 12, 0], 4).shown(&[PMU]), // PMCR_EL0 to PMOVSCLR_EL0
    wo([3, 3, 9, 12, 4], 1).shown(&[PMU]), // PMSWINC_EL0
    rw([3, 3, 9, 12, 5], 1).shown(&[PMU]), // PMSELR_EL0
    ro([3, 3, 9, 12, 6], 2).shown(&[PMU]), // PMCEID0_EL0, PMCEID1_EL0
    rw([3, 3, 9, 13, 0], 3).shown(&[PMU]), // PMCCNTR_EL0, PMXEVTYPER_EL0, PMXEVCNTR_EL0
    rw([3, 3, 9, 14, 0], 1).shown(&[PMU]), // PMUSERENR_EL0
    rw([3, 3, 9, 14, 3], 1).shown(&[PMU]), // PMOVSSET_EL0
    // Memory attributes and regions.
    rw([3, 0, 10, 2, 0], 1).needed(),          // MAIR_EL1
    rw([3, 0, 10, 3, 0], 1),                   // AMAIR_EL1
    ro([3, 0, 10, 4, 7], 1).either().reads(0), // LORID_EL1: no regions
    // Vectors and the GIC's CPU interface (GICv3 §12.2).
    rw([3, 0, 12, 0, 0], 1).needed(),             // VBAR_EL1
    ro([3, 0, 12, 1, 0], 1),                      // ISR_EL1
    rw([3, 0, 12, 1, 1], 1).open(&[RAS]),         // DISR_EL1: with HCR_EL2.AMO it is VDISR_EL2
    rw([3, 0, 4, 6, 0], 1),                       // ICC_PMR_EL1
    ro([3, 0, 12, 8, 0], 1).reads(NONE_PENDING),  // ICC_IAR0_EL1
    wo([3, 0, 12, 8, 1], 1),                      // ICC_EOIR0_EL1
    ro([3, 0, 12, 8, 2], 1).reads(NONE_PENDING),  // ICC_HPPIR0_EL1
    rw([3, 0, 12, 8, 3], 2),                      // ICC_BPR0_EL1, ICC_AP0R0_EL1
    rw([3, 0, 12, 8, 5], 3).either(),             // ICC_AP0R1_EL1 to ICC_AP0R3_EL1, by bits of priority
    rw([3, 0, 12, 9, 0], 1),                      // ICC_AP1R0_EL1
    rw([3, 0, 12, 9, 1], 3).either(),             // ICC_AP1R1_EL1 to ICC_AP1R3_EL1, by bits of priority
    ro([3, 0, 12, 9, 5], 1).open(&[NMI]),         // ICC_NMIAR1_EL1
    wo([3, 0, 12, 11, 1], 1),                     // ICC_DIR_EL1
    ro([3, 0, 12, 11, 3], 1),                     // ICC_RPR_EL1
    wo([3, 0, 12, 11, 5], 3),                     // ICC_SGI1R_EL1, ICC_ASGI1R_EL1, ICC_SGI0R_EL1
    ro([3, 0, 12, 12, 0], 1).reads(NONE_PENDING), // ICC_IAR1_EL1
    wo([3, 0, 12, 12, 1], 1),                     // ICC_EOIR1_EL1
    ro([3, 0, 12, 12, 2], 1).reads(NONE_PENDING), // ICC_HPPIR1_EL1
    rw([3, 0, 12, 12, 3], 2),                     // ICC_BPR1_EL1, ICC_CTLR_EL1
    rw([3, 0, 12, 12, 5], 1).reads(7),            // ICC_SRE_EL1: system registers, and no way back
    rw([3, 0, 12, 12, 6], 2),                     // ICC_IGRPEN0_EL1, ICC_IGRPEN1_EL1
    // Threads, timers, random numbers.
    rw([3, 0, 13, 0, 1], 1),                             // CONTEXTIDR_EL1
    rw([3, 0, 13, 0, 4], 1).needed(),                    // TPIDR_EL1: how a probe finds its way back
    rw([3, 0, 13, 0, 7], 1).shown(&[CSV2_2, CSV2_FRAC]), // SCXTNUM_EL1
    rw([3, 3, 13, 0, 2], 2),                             // TPIDR_EL0, TPIDRRO_EL0
    rw([3, 3, 13, 0, 7], 1).shown(&[CSV2_2, CSV2_FRAC]), // SCXTNUM_EL0
    ro([3, 3, 2, 4, 0], 2).shown(&[RNG]),                // RNDR, RNDRRS
    rw([3, 0, 14, 1, 0], 1),                             // CNTKCTL_EL1
    ro([3, 3, 14, 0, 0], 3),                             // CNTFRQ_EL0, CNTPCT_EL0, CNTVCT_EL0
    ro([3, 3, 14, 0, 5], 2).open(&[ECV]),                // CNTPCTSS_EL0, CNTVCTSS_EL0
    rw([3, 3, 14, 2, 0], 3),                             // CNTP_TVAL_EL0, CNTP_CTL_EL0, CNTP_CVAL_EL0
    rw([3, 3, 14, 3, 0], 3),                             // CNTV_TVAL_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0
    rw([3, 3, 14, 15, 7], 1).shown(&[PMU]),              // PMCCFILTR_EL0
];

/// INTID 1023: no interrupt.
const NONE_PENDING: u64 = 1023;
