//! A trapped `WFI`: how long it may take.
//!
//! Arm ARM, ESR_EL2, ISS of EC 0x01. A `WFI` may always complete at once, so one that EL2 does not want
//! to be slept in costs the guest nothing but time.

use crate::bits::{bit, field};
use crate::compartment::Action;
use crate::registers::Registers;

/// A `WFI` or one of its kin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Whether it waits for an interrupt, with no limit of time.
    is_endless: bool,
    /// Whether it is a 16-bit instruction of AArch32.
    is_short: bool,
}

impl Wait {
    pub(crate) const fn decode(esr: u64) -> Self {
        Self { is_endless: field(esr, 1, 0) == 0, is_short: !bit(esr, 25) }
    }

    /// AArch32 code is let on at once: whether its condition holds need not be known then.
    pub(crate) const fn answer(self, registers: &mut Registers) -> Action {
        let is_aarch32 = bit(registers.pstate, 4);
        if is_aarch32 {
            registers.skip_aarch32(self.is_short);
            return Action::Resume;
        }
        registers.skip();
        if self.is_endless { Action::Wait } else { Action::Resume }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(esr: u64, pstate: u64) -> (Action, Registers) {
        let mut registers = Registers::new([0; 31], 0x100, pstate);
        (Wait::decode(esr).answer(&mut registers), registers)
    }

    #[test]
    fn only_an_endless_wait_for_interrupts_is_slept_in() {
        let actions = [0b00, 0b01, 0b10, 0b11].map(|kind| answer(1 << 25 | kind, 0b0101).0);
        assert_eq!(actions, [Action::Wait, Action::Resume, Action::Resume, Action::Resume]);
        assert_eq!(answer(1 << 25, 0b0101).1.pc, 0x104);
    }

    #[test]
    fn a_short_instruction_is_stepped_over_by_its_length() {
        let (action, registers) = answer(0, 1 << 4 | 1 << 5);
        assert_eq!((action, registers.pc), (Action::Resume, 0x102));
    }
}
