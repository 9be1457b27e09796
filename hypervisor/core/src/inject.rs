//! Exceptions that EL2 makes a guest take, as hardware would have.
//!
//! Arm ARM D1.3.3 (exception entry) and the `AArch64.TakeException` pseudocode: where EL1 goes on, in
//! which state, and what its syndrome says.

use crate::bits::{bit, field};

/// What a guest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The instruction does not exist: EC 0.
    Undefined,
    /// Nothing answered a load or store at this virtual address; `esr` is the syndrome of the stage-2 fault.
    DataAbort {
        /// ESR_EL2 of the fault.
        esr: u64,
        /// FAR_EL2 of the fault.
        far: u64,
    },
    /// Nothing answered an instruction fetch from this virtual address.
    InstructionAbort {
        /// ESR_EL2 of the fault.
        esr: u64,
        /// FAR_EL2 of the fault.
        far: u64,
    },
}

/// The state of the guest on which exception entry depends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Processor state when it trapped: SPSR_EL2.
    pub pstate: u64,
    /// VBAR_EL1.
    pub vbar: u64,
    /// SCTLR_EL1.
    pub sctlr: u64,
}

/// What exception entry leaves behind; ELR_EL1 and SPSR_EL1 are the interrupted PC and state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct After {
    /// The vector.
    pub pc: u64,
    /// Processor state in the vector.
    pub pstate: u64,
    /// ESR_EL1.
    pub esr: u64,
    /// FAR_EL1, if the exception has an address.
    pub far: Option<u64>,
}

/// Takes `exception` to EL1.
pub fn take(exception: Exception, before: Before) -> After {
    let (esr, far) = match exception {
        Exception::Undefined => (ESR_IL, None),
        Exception::DataAbort { esr, far } => (abort(0x24, esr, before.pstate, DATA_ISS), Some(far)),
        Exception::InstructionAbort { esr, far } => (abort(0x20, esr, before.pstate, 0), Some(far)),
    };
    After { pc: before.vbar.wrapping_add(vector(before.pstate)), pstate: state(before), esr, far }
}

/// Whether the guest would take `exception`, of the instruction at `pc`, for ever: it is that there is no
/// instruction at the vector to which it leads.
pub const fn is_endless(exception: Exception, pc: u64, after: &After) -> bool {
    matches!(exception, Exception::InstructionAbort { .. }) && after.pc == pc
}

/// ESR.IL: the trapped instruction was 32 bits long.
const ESR_IL: u64 = 1 << 25;
/// ISS bits of a data abort that describe the access and stay true: CM and WnR.
const DATA_ISS: u64 = 1 << 8 | 1 << 6;
/// ISS.EA, ISS.S1PTW bit numbers.
const S1PTW: u32 = 7;
/// DFSC: synchronous external abort, not on a table walk.
const EXTERNAL: u64 = 0x10;
/// DFSC: synchronous external abort on a table walk, level 0.
const EXTERNAL_ON_WALK: u64 = 0x14;

/// PSTATE as SPSR shows it.
const NZCV_DIT: u64 = 0xf << 28 | 1 << 24;
const SSBS: u64 = 1 << 12;
const PAN: u64 = 1 << 22;
const DAIF: u64 = 0xf << 6;
const EL1H: u64 = 0b0101;
/// SCTLR_EL1.SPAN and SCTLR_EL1.DSSBS bit numbers.
const SPAN: u32 = 23;
const DSSBS: u32 = 44;

/// An abort as the guest would have seen it on a bus: from below by EC `class`, from EL1 itself by the next.
fn abort(class: u64, esr: u64, pstate: u64, kept: u64) -> u64 {
    let class = if field(pstate, 3, 2) == 0 { class } else { class | 1 };
    let status = if bit(esr, S1PTW) { EXTERNAL_ON_WALK | field(esr, 1, 0) } else { EXTERNAL };
    class << 26 | esr & (ESR_IL | kept) | status
}

/// Offset of the vector (Arm ARM table D1-7).
fn vector(pstate: u64) -> u64 {
    match (bit(pstate, 4), field(pstate, 3, 0)) {
        (true, _) => 0x600,
        (false, 0b0000) => 0x400,
        (false, 0b0100) => 0x000,
        (false, _) => 0x200,
    }
}

fn state(before: Before) -> u64 {
    let set_pan = if bit(before.sctlr, SPAN) { before.pstate & PAN } else { PAN };
    let ssbs = if bit(before.sctlr, DSSBS) { SSBS } else { 0 };
    before.pstate & NZCV_DIT | set_pan | ssbs | DAIF | EL1H
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pstate: u64) -> Before {
        Before { pstate, vbar: 0x8000, sctlr: 1 << SPAN }
    }

    #[test]
    fn the_vector_tells_where_the_guest_was() {
        let vectors = [(0b00000, 0x8400), (0b00100, 0x8000), (0b00101, 0x8200), (0b10000, 0x8600)];
        for (pstate, vector) in vectors {
            assert_eq!(take(Exception::Undefined, from(pstate)).pc, vector, "{pstate:#b}");
        }
    }

    #[test]
    fn exceptions_are_masked_and_single_step_is_off() {
        let after = take(Exception::Undefined, from(1 << 31 | 1 << 21 | 1 << 20 | 0b11 << 10 | 0b0101));
        assert_eq!(after.pstate, 1 << 31 | DAIF | EL1H);
        assert_eq!((after.esr, after.far), (ESR_IL, None));
    }

    #[test]
    fn pan_and_ssbs_follow_sctlr() {
        let spanned = Before { pstate: 0b0101, vbar: 0, sctlr: 1 << DSSBS };
        assert_eq!(take(Exception::Undefined, spanned).pstate, PAN | SSBS | DAIF | EL1H);
        assert_eq!(take(Exception::Undefined, from(PAN | 0b0101)).pstate, PAN | DAIF | EL1H);
    }

    #[test]
    fn a_write_by_el1_to_nothing_is_an_external_abort() {
        let esr = 0x24 << 26 | ESR_IL | 1 << 24 | 1 << 6 | 0x05;
        let after = take(Exception::DataAbort { esr, far: 0x123 }, from(0b0101));
        assert_eq!(after.esr, 0x25 << 26 | ESR_IL | 1 << 6 | 0x10);
        assert_eq!(after.far, Some(0x123));
        assert_eq!(take(Exception::DataAbort { esr, far: 0 }, from(0)).esr >> 26, 0x24);
    }

    #[test]
    fn a_vector_without_memory_is_never_left() {
        let fetch = Exception::InstructionAbort { esr: 0x20 << 26 | ESR_IL | 0x07, far: 0x8200 };
        let after = take(fetch, from(0b0101));
        assert!(is_endless(fetch, 0x8200, &after));
        assert!(!is_endless(fetch, 0x8000, &after), "the vector of another state");
        let data = Exception::DataAbort { esr: 0, far: 0 };
        assert!(!is_endless(data, after.pc, &after), "the vector was reached");
    }

    #[test]
    fn a_walk_that_leaves_the_partition_is_an_abort_on_the_walk() {
        let esr = 0x20 << 26 | ESR_IL | 1 << 7 | 0x06;
        let after = take(Exception::InstructionAbort { esr, far: 0 }, from(0b0101));
        assert_eq!(after.esr, 0x21 << 26 | ESR_IL | 0x16);
    }
}
