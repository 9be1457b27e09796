//! Every register of EL2 and EL1 that matters, written whole.
//!
//! On every CPU, at every start of a guest: what firmware or a guest's former life has left behind is
//! overwritten, not adjusted. The values of EL2's registers are `bulkhead_core::el2`'s; optional ones are
//! touched only where the CPU says that it has them.

use crate::entry::{clear_debug, clear_event_types, clear_fp, clear_keys, clear_sve, read_id_registers};
use crate::firmware;
use crate::gic;
use crate::registers::{
    CNTHV_CTL_EL2, DBGCLAIMCLR_EL1, HCRX_EL2, HDFGRTR2_EL2, HDFGWTR2_EL2, HFGITR2_EL2, HFGRTR2_EL2,
    HFGWTR2_EL2, HSTR_EL2, ICC_SRE_EL1, MDCCINT_EL1, MPAM0_EL1, MPAM1_EL1, MPAM2_EL2, MPAMHCR_EL2,
    MPAMIDR_EL1, OSDLR_EL1, OSDTRRX_EL1, OSDTRTX_EL1, OSECCR_EL1, OSLAR_EL1, PMCCFILTR_EL0, PMCNTENCLR_EL0,
    PMCR_EL0, PMINTENCLR_EL1, PMOVSCLR_EL0, PMSELR_EL0, PMUSERENR_EL0, SCXTNUM_EL0, SCXTNUM_EL1, TRFCR_EL2,
    VDISR_EL2, VPIDR_EL2, ZCR_EL1, ZCR_EL2, synchronize,
};
use aarch64_cpu::registers::{
    ACTLR_EL2, AFSR0_EL1, AFSR1_EL1, AMAIR_EL1, CNTHCTL_EL2, CNTHP_CTL_EL2, CNTKCTL_EL1, CNTP_CTL_EL0,
    CNTP_CVAL_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVOFF_EL2, CONTEXTIDR_EL1, CPACR_EL1, CPTR_EL2, CSSELR_EL1,
    ELR_EL1, ESR_EL1, FAR_EL1, HAFGRTR_EL2, HCR_EL2, HDFGRTR_EL2, HDFGWTR_EL2, HFGITR_EL2, HFGRTR_EL2,
    HFGWTR_EL2, ICC_SRE_EL2, ICH_HCR_EL2, MAIR_EL1, MDCR_EL2, MDSCR_EL1, MIDR_EL1, PAR_EL1, SCTLR_EL1,
    SP_EL0, SP_EL1, SPSR_EL1, TCR_EL1, TPIDR_EL0, TPIDR_EL1, TPIDRRO_EL0, TTBR0_EL1, TTBR1_EL1, VBAR_EL1,
    VMPIDR_EL2,
};
use bulkhead_core::el2::{self, Features, Values};
use bulkhead_core::{ID_REGISTERS, IdRegisters, Nature};
use bulkhead_plan::InterruptMode;
use tock_registers::interfaces::{Readable, Writeable};

/// What this CPU is: its features, and what of them its guest is shown.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// For EL2.
    pub(crate) features: Features,
    /// What EL2's registers are to hold.
    pub(crate) values: Values,
    /// For the guest.
    pub(crate) nature: Nature,
}

impl Identity {
    /// Reads it from the CPU that executes this, whose guest is to have its interrupts by `mode`.
    pub(crate) fn of_this_cpu(mode: InterruptMode) -> Self {
        let ids = id_registers();
        let features = Features::new(&ids);
        let counters = if features.has_pmu() { event_counters() } else { 0 };
        let values = features.values(counters, mode);
        if let Some(sre) = values.icc_sre {
            // Before it EL2 has no register of a GICv3, where the firmware has left that to it.
            ICC_SRE_EL2.set(sre);
            synchronize();
        }
        let nature = Nature {
            ids: IdRegisters::sanitise(&ids),
            workarounds: firmware::workarounds(),
            preemption_bits: if features.has_gicv3() { gic::preemption_bits() } else { 0 },
        };
        Self { values, features, nature }
    }
}

/// The features of the CPU that executes this.
pub(crate) fn features() -> Features {
    Features::new(&id_registers())
}

fn id_registers() -> [u64; ID_REGISTERS] {
    let mut values = [0; ID_REGISTERS];
    // SAFETY: the array has room for as many words as there are registers.
    unsafe { read_id_registers(&raw mut values) };
    values
}

/// Lets this CPU's EL2 use SIMD registers, before it has a guest.
pub(crate) fn permit_simd() {
    CPTR_EL2.set(el2::CPTR_BOOT);
    synchronize();
}

/// Leaves nothing in the FP and SIMD registers.
pub(crate) fn clear_simd() {
    // SAFETY: no guest runs on this CPU, and EL2 keeps nothing in these registers.
    unsafe { clear_fp() };
}

/// Sets up this CPU's EL2 for a guest that is to see `virtual_mpidr`; stage 2 is already its own.
pub(crate) fn configure_el2(identity: &Identity, virtual_mpidr: u64) {
    let values = &identity.values;
    HCR_EL2.set(hcr(values));
    CPTR_EL2.set(values.cptr);
    MDCR_EL2.set(values.mdcr);
    HSTR_EL2::write(0);
    ACTLR_EL2.set(0);
    VPIDR_EL2::write(MIDR_EL1.get());
    VMPIDR_EL2.set(MPIDR_RES1 | virtual_mpidr);
    CNTHCTL_EL2.set(values.cnthctl);
    CNTVOFF_EL2.set(0);
    CNTHP_CTL_EL2.set(0);
    configure_optional(&identity.features, values);
    if let (Some(sre), Some(hcr)) = (values.icc_sre, values.ich_hcr) {
        ICC_SRE_EL2.set(sre);
        synchronize();
        ICC_SRE_EL1::write(sre);
        ICH_HCR_EL2.set(hcr);
    }
    synchronize();
}

/// Writes zero to each register.
macro_rules! clear {
    ($($register:ident),+) => { $($register.set(0);)+ };
}

/// Gives EL1 the state of a CPU that has just been reset, with nothing of anybody's former life.
pub(crate) fn reset_el1(features: &Features) {
    SCTLR_EL1.set(el2::SCTLR_EL1);
    clear!(
        CPACR_EL1,
        TCR_EL1,
        TTBR0_EL1,
        TTBR1_EL1,
        MAIR_EL1,
        AMAIR_EL1,
        VBAR_EL1,
        CONTEXTIDR_EL1,
        TPIDR_EL0,
        TPIDRRO_EL0,
        TPIDR_EL1,
        SP_EL0,
        SP_EL1,
        ELR_EL1,
        SPSR_EL1,
        ESR_EL1,
        FAR_EL1,
        PAR_EL1,
        CSSELR_EL1,
        CNTKCTL_EL1,
        CNTP_CTL_EL0,
        CNTP_CVAL_EL0,
        CNTV_CTL_EL0,
        CNTV_CVAL_EL0,
        AFSR0_EL1,
        AFSR1_EL1
    );
    reset_debug();
    clear_simd();
    reset_optional(features);
    synchronize();
}

/// With the OS lock on, for without it these are not to be written (Arm ARM D19.3); and off for a guest, so that it
/// cannot write them either: by MDSCR_EL1.HDE and OSECCR_EL1 it could halt its CPU, in EL2 too (decision 0015).
fn reset_debug() {
    OSDLR_EL1::write(0);
    OSLAR_EL1::write(1);
    synchronize();
    MDSCR_EL1.set(0);
    DBGCLAIMCLR_EL1::write(ALL_CLAIMS);
    MDCCINT_EL1::write(0);
    OSDTRRX_EL1::write(0);
    OSDTRTX_EL1::write(0);
    OSECCR_EL1::write(0);
    // SAFETY: the routine writes EL1's breakpoint and watchpoint registers, as many as there are.
    unsafe { clear_debug() };
    OSLAR_EL1::write(0);
}

/// What not every CPU has.
fn reset_optional(features: &Features) {
    if features.has_pmu() {
        reset_pmu();
    }
    if features.has_ras() {
        VDISR_EL2::write(0);
    }
    if features.has_sve() {
        ZCR_EL1::write(0);
        // SAFETY: as in `clear_simd`; ZCR_EL2 and CPTR_EL2 let EL2 reach all of each vector.
        unsafe { clear_sve() };
    }
    if features.has_pauth() {
        // SAFETY: no code of EL2 is signed with these keys.
        unsafe { clear_keys() };
    }
    if features.has_scxtnum() {
        SCXTNUM_EL0::write(0);
        SCXTNUM_EL1::write(0);
    }
    if features.has_mpam() {
        MPAM0_EL1::write(0);
        MPAM1_EL1::write(0);
    }
}

/// PMCR_EL0.N.
fn event_counters() -> u64 {
    PMCR_EL0::read() >> 11 & 0x1f
}

/// Gives EL1 a PMU that counts nothing, has counted nothing, and is to count event 0 everywhere.
fn reset_pmu() {
    PMCR_EL0::write(PMCR_RESET);
    PMCNTENCLR_EL0::write(u64::from(u32::MAX));
    PMINTENCLR_EL1::write(u64::from(u32::MAX));
    PMOVSCLR_EL0::write(u64::from(u32::MAX));
    PMUSERENR_EL0::write(0);
    PMCCFILTR_EL0::write(0);
    // SAFETY: the routine writes the types of the event counters, as many as there are.
    unsafe { clear_event_types() };
    PMSELR_EL0::write(0);
}

/// DBGCLAIMCLR_EL1.CLAIM: all tags.
const ALL_CLAIMS: u64 = 0xff;

/// PMCR_EL0.P and PMCR_EL0.C: all counters become zero.
const PMCR_RESET: u64 = 0b110;

/// MPIDR_EL1 bit 31 is RES1.
const MPIDR_RES1: u64 = 1 << 31;

fn configure_optional(features: &Features, values: &Values) {
    if let Some(value) = values.zcr {
        ZCR_EL2::write(value);
    }
    if let Some(value) = values.hcrx {
        HCRX_EL2::write(value);
    }
    if let Some(value) = values.hfgitr {
        HFGRTR_EL2.set(0);
        HFGWTR_EL2.set(0);
        HDFGRTR_EL2.set(0);
        HDFGWTR_EL2.set(0);
        HFGITR_EL2.set(value);
    }
    if features.has_fgt2() {
        for clear in [HFGRTR2_EL2::write, HFGWTR2_EL2::write, HFGITR2_EL2::write] {
            clear(0);
        }
        HDFGRTR2_EL2::write(0);
        HDFGWTR2_EL2::write(0);
    }
    if features.has_vhe() {
        CNTHV_CTL_EL2::write(0);
    }
    if let Some(value) = values.hafgrtr {
        HAFGRTR_EL2.set(value);
    }
    if let Some(value) = values.mpam2 {
        MPAM2_EL2::write(value);
        if features.has_mpam() && MPAMIDR_EL1::read() & MPAMIDR_HAS_HCR != 0 {
            MPAMHCR_EL2::write(TRAP_MPAMIDR);
        }
    }
    if let Some(value) = values.trfcr {
        TRFCR_EL2::write(value);
    }
}

/// MPAMIDR_EL1.HAS_HCR, MPAMHCR_EL2.TRAP_MPAMIDR_EL1.
const MPAMIDR_HAS_HCR: u64 = 1 << 17;
const TRAP_MPAMIDR: u64 = 1 << 31;

#[cfg(not(feature = "without-stage2"))]
const fn hcr(values: &Values) -> u64 {
    values.hcr
}

/// HCR_EL2.VM off: guests reach all of physical memory.
#[cfg(feature = "without-stage2")]
const fn hcr(values: &Values) -> u64 {
    values.hcr & !1
}
