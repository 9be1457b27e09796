//! System registers that `aarch64-cpu` does not have, by name.
//!
//! Encodings from the Arm ARM D23 and GICv3 §12.2 and §12.4. Optional registers are named by number, for
//! the assembler knows them only where the target has them.

use core::arch::asm;

macro_rules! system_registers {
    ($($(#[$doc:meta])* $name:ident = $encoding:literal;)*) => {
        $(
            $(#[$doc])*
            #[allow(non_snake_case, reason = "Arm's word for Arm's thing")]
            pub(crate) mod $name {
                use super::asm;

                /// Reads the register.
                #[allow(dead_code, reason = "not every register is read")]
                pub(crate) fn read() -> u64 {
                    let value: u64;
                    // SAFETY: reading this register has no effect on memory that Rust knows of; callers touch
                    // optional registers only where the ID registers say that they exist.
                    unsafe { asm!(concat!("mrs {0}, ", $encoding), out(reg) value, options(nostack, preserves_flags)) }
                    value
                }

                /// Writes the register.
                #[allow(dead_code, reason = "not every register is written")]
                pub(crate) fn write(value: u64) {
                    // SAFETY: as for reading; the values are those of `bulkhead_core::el2`, the plan, or of a
                    // guest's own context.
                    unsafe { asm!(concat!("msr ", $encoding, ", {0}"), in(reg) value, options(nostack, preserves_flags)) }
                }
            }
        )*
    };
}

system_registers! {
    /// Virtualization Processor ID Register.
    VPIDR_EL2 = "S3_4_C0_C0_0";
    /// Cache type: sizes of the smallest lines.
    CTR_EL0 = "S3_3_C0_C0_1";
    /// Size of the blocks of `DC ZVA`.
    DCZID_EL0 = "S3_3_C0_C0_7";
    /// CPU interface control.
    ICC_CTLR_EL1 = "S3_0_C12_C12_4";
    /// Length of the scalable vectors, for EL2 and what is below.
    ZCR_EL2 = "S3_4_C1_C2_0";
    /// Length of the scalable vectors, for EL1 and what is below.
    ZCR_EL1 = "S3_0_C1_C2_0";
    /// Hypervisor System Trap Register.
    HSTR_EL2 = "S3_4_C1_C1_3";
    /// Extended Hypervisor Configuration Register.
    HCRX_EL2 = "S3_4_C1_C2_2";
    /// Trace Filter Control Register.
    TRFCR_EL2 = "S3_4_C1_C2_1";
    /// MPAM2.
    MPAM2_EL2 = "S3_4_C10_C5_0";
    /// MPAM hypervisor control.
    MPAMHCR_EL2 = "S3_4_C10_C4_0";
    /// MPAM ID.
    MPAMIDR_EL1 = "S3_0_C10_C4_4";
    /// Interrupt controller system register enable, EL1.
    ICC_SRE_EL1 = "S3_0_C12_C12_5";
    /// Priority mask.
    ICC_PMR_EL1 = "S3_0_C4_C6_0";
    /// Running priority.
    ICC_RPR_EL1 = "S3_0_C12_C11_3";
    /// Deactivate interrupt.
    ICC_DIR_EL1 = "S3_0_C12_C11_1";
    /// Interrupt status: what is pending for the CPU.
    ISR_EL1 = "S3_0_C12_C1_0";
    /// Generate SGI of group 1.
    ICC_SGI1R_EL1 = "S3_0_C12_C11_5";
    /// Acknowledge an interrupt of group 1.
    ICC_IAR1_EL1 = "S3_0_C12_C12_0";
    /// End an interrupt of group 1.
    ICC_EOIR1_EL1 = "S3_0_C12_C12_1";
    /// Highest priority pending interrupt of group 1.
    ICC_HPPIR1_EL1 = "S3_0_C12_C12_2";
    /// Binary point of group 1.
    ICC_BPR1_EL1 = "S3_0_C12_C12_3";
    /// Enable of group 1.
    ICC_IGRPEN1_EL1 = "S3_0_C12_C12_7";
    /// Active priorities of group 1.
    ICC_AP1R0_EL1 = "S3_0_C12_C9_0";
    /// Active priorities of group 1, from 6 priority bits.
    ICC_AP1R1_EL1 = "S3_0_C12_C9_1";
    /// Active priorities of group 1, from 7 priority bits.
    ICC_AP1R2_EL1 = "S3_0_C12_C9_2";
    /// Active priorities of group 1, from 7 priority bits.
    ICC_AP1R3_EL1 = "S3_0_C12_C9_3";
    /// Counter-timer hypervisor virtual timer control.
    CNTHV_CTL_EL2 = "S3_4_C14_C3_1";
    /// Fine-grained debug read traps, second set.
    HDFGRTR2_EL2 = "S3_4_C3_C1_0";
    /// Fine-grained debug write traps, second set.
    HDFGWTR2_EL2 = "S3_4_C3_C1_1";
    /// Fine-grained read traps, second set.
    HFGRTR2_EL2 = "S3_4_C3_C1_2";
    /// Fine-grained write traps, second set.
    HFGWTR2_EL2 = "S3_4_C3_C1_3";
    /// Fine-grained instruction traps, second set.
    HFGITR2_EL2 = "S3_4_C3_C1_7";
    /// MPAM of EL0.
    MPAM0_EL1 = "S3_0_C10_C5_1";
    /// MPAM of EL1.
    MPAM1_EL1 = "S3_0_C10_C5_0";
    /// Software context number of EL0.
    SCXTNUM_EL0 = "S3_3_C13_C0_7";
    /// Software context number of EL1.
    SCXTNUM_EL1 = "S3_0_C13_C0_7";
    /// Performance monitors cycle counter filter.
    PMCCFILTR_EL0 = "S3_3_C14_C15_7";
    /// Performance monitors interrupt enable, clear.
    PMINTENCLR_EL1 = "S3_0_C9_C14_2";
    /// Performance monitors event counter selection.
    PMSELR_EL0 = "S3_3_C9_C12_5";
    /// Performance monitors user enable.
    PMUSERENR_EL0 = "S3_3_C9_C14_0";
    /// Performance monitors control.
    PMCR_EL0 = "S3_3_C9_C12_0";
    /// Performance monitors counter enable, clear.
    PMCNTENCLR_EL0 = "S3_3_C9_C12_2";
    /// Performance monitors overflow status, clear.
    PMOVSCLR_EL0 = "S3_3_C9_C12_3";
    /// Debug communications channel: its interrupts.
    MDCCINT_EL1 = "S2_0_C0_C2_0";
    /// What a debugger has written, kept while the core is off.
    OSDTRRX_EL1 = "S2_0_C0_C0_2";
    /// What it is yet to read, kept while the core is off.
    OSDTRTX_EL1 = "S2_0_C0_C3_2";
    /// Exceptions that a debugger has asked to catch, kept while the core is off.
    OSECCR_EL1 = "S2_0_C0_C6_2";
    /// Claim tags of a debugger, clear.
    DBGCLAIMCLR_EL1 = "S2_0_C7_C9_6";
    /// OS lock.
    OSLAR_EL1 = "S2_0_C1_C0_4";
    /// Virtual deferred interrupt status: what a guest keeps in DISR_EL1.
    VDISR_EL2 = "S3_4_C12_C1_1";
    /// OS double lock.
    OSDLR_EL1 = "S2_0_C1_C3_4";
}

/// Makes every register write above visible to what follows (Arm ARM D1.7, context synchronization).
pub(crate) fn synchronize() {
    aarch64_cpu::asm::barrier::isb(aarch64_cpu::asm::barrier::SY);
}

/// Takes the errors that this CPU's stores have caused so far (SErrors) out of the way, if it has RAS: what a guest has
/// done is not the next one's. DISR_EL1 then holds them, and guests see another.
pub(crate) fn defer_errors() {
    aarch64_cpu::asm::barrier::dsb(aarch64_cpu::asm::barrier::SY);
    // SAFETY: ESB, a hint: without RAS it does nothing, and with it nothing but deferring errors.
    unsafe { asm!("hint #16", options(nostack, preserves_flags)) }
}
