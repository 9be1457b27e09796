//! Trapped system registers: which one, and what answers.
//!
//! Arm ARM, ESR_EL2, ISS of EC 0x18. Registers that EL2 forwards or translates are listed; a register
//! that the architecture says may be RAZ is; every other one does not exist, exactly as on a CPU without
//! that feature.

use crate::bits::{bit, field};
use crate::compartment::{Action, Compartment, Reach};
use crate::cpu_interface::{ActivePriorities, Interface};
use crate::inject::Exception;
use crate::nature::Nature;
use crate::reason::Reason;
use crate::registers::Registers;
use crate::sgi;
use bulkhead_plan::GicVersion;

/// The five numbers that name a system register, packed as in an `MRS` instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding(u16);

/// A trapped `MSR` or `MRS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemAccess {
    /// Which register.
    pub encoding: Encoding,
    /// Whether the guest wanted to read it.
    pub is_read: bool,
    /// The general-purpose register; 31 is the zero register.
    pub register: u8,
}

impl Encoding {
    /// The register `S<op0>_<op1>_C<crn>_C<crm>_<op2>`.
    pub const fn new(op0: u16, op1: u16, crn: u16, crm: u16, op2: u16) -> Self {
        Self((op0 & 3) << 14 | (op1 & 7) << 11 | (crn & 15) << 7 | (crm & 15) << 3 | op2 & 7)
    }

    /// What ESR_EL2.ISS says of an access to the register, but for the general-purpose register.
    pub(crate) const fn syndrome(self, is_read: bool) -> u64 {
        let [op0, op1, crn] = [self.0 >> 14, self.0 >> 11 & 7, self.0 >> 7 & 15];
        let [crm, op2] = [self.0 >> 3 & 15, self.0 & 7];
        (op0 as u64) << 20
            | (op2 as u64) << 17
            | (op1 as u64) << 14
            | (crn as u64) << 10
            | (crm as u64) << 1
            | is_read as u64
    }

    /// Whether it is one of a GICv3's CPU interface (GICv3 §12.2).
    const fn is_of_gicv3(self) -> bool {
        let (first, last) = (Self::new(3, 0, 12, 8, 0).0, Self::new(3, 0, 12, 12, 7).0);
        self.0 == ICC_PMR_EL1.0 || first <= self.0 && self.0 <= last
    }

    /// Whether it is one of the OS lock's or of its neighbours, which EL2 keeps (MDCR_EL2.TDOSA).
    const fn is_of_os_lock(self) -> bool {
        self.0 & !Self::new(0, 0, 0, 15, 0).0 == OSLAR_EL1.0
    }

    /// What a read of one of them gives: the lock is a shadow, double lock and power-down for a debugger are none.
    fn os_lock(self, is_read: bool, value: u64, lock: &mut u64) -> u64 {
        if self == OSLAR_EL1 && !is_read {
            *lock = value & 1;
        }
        if self == OSLSR_EL1 { OS_LOCK_IS_THERE | *lock << 1 } else { 0 }
    }

    /// The position of an ID register of group 3 (op0 3, op1 0, CRn 0, CRm 1 to 7) among its like.
    fn id_index(self) -> Option<usize> {
        let first = Self::new(3, 0, 0, 1, 0).0;
        let last = Self::new(3, 0, 0, 7, 7).0;
        (first..=last).contains(&self.0).then(|| usize::from(self.0.wrapping_sub(first)))
    }
}

impl SystemAccess {
    pub(crate) fn decode(esr: u64) -> Self {
        let number = |high, low| u16::try_from(field(esr, high, low)).unwrap_or(0);
        Self {
            encoding: Encoding::new(
                number(21, 20),
                number(16, 14),
                number(13, 10),
                number(4, 1),
                number(19, 17),
            ),
            is_read: bit(esr, 0),
            register: u8::try_from(field(esr, 9, 5)).unwrap_or(31),
        }
    }

    /// Answers the access; a forwarded one is left to the caller by way of the action.
    pub(crate) fn answer(
        self,
        compartment: &Compartment<'_>,
        caller: usize,
        nature: &Nature,
        registers: &mut Registers,
    ) -> (Reason, Action) {
        let value = registers.read(self.register);
        let (reason, reply) = match (self.encoding, self.is_read) {
            (encoding, _) if compartment.gic == GicVersion::V2 && encoding.is_of_gicv3() => {
                (Reason::Undefined, Reply::Undefined)
            }
            (ICC_SGI1R_EL1, false) => (Reason::Sgi, Reply::Do(sgi::send(compartment, caller, value))),
            (ICC_SGI0R_EL1 | ICC_ASGI1R_EL1, false) => (Reason::Sgi, Reply::Value(0)),
            (ICC_PMR_EL1, read) => (Reason::Interface, self.forward(Interface::PriorityMask, read, value)),
            (ICC_CTLR_EL1, read) => (Reason::Interface, self.forward(Interface::Control, read, value)),
            (ICC_RPR_EL1, true) => (Reason::Interface, self.forward(Interface::RunningPriority, true, 0)),
            (ICC_DIR_EL1, false) if compartment.may_deactivate(value) => {
                (Reason::Interface, self.forward(Interface::Deactivate, false, value))
            }
            (ICC_DIR_EL1, false) => (Reason::Interface, Reply::Value(0)),
            (ICC_IAR1_EL1, true) => (Reason::Interface, self.forward(Interface::Acknowledge, true, 0)),
            (ICC_EOIR1_EL1, false) if compartment.may_deactivate(value) => {
                (Reason::Interface, self.forward(Interface::End, false, value))
            }
            (ICC_EOIR1_EL1, false) => (Reason::Interface, Reply::Value(0)),
            (ICC_HPPIR1_EL1, true) => (Reason::Interface, self.forward(Interface::HighestPending, true, 0)),
            (ICC_BPR1_EL1, read) => (Reason::Interface, self.forward(Interface::BinaryPoint, read, value)),
            (ICC_IGRPEN1_EL1, read) => (Reason::Interface, self.forward(Interface::GroupEnable, read, value)),
            (ICC_AP1R0_EL1, read) => (Reason::Interface, self.active_priorities(0, nature, read, value)),
            (ICC_AP1R1_EL1, read) => (Reason::Interface, self.active_priorities(1, nature, read, value)),
            (ICC_AP1R2_EL1, read) => (Reason::Interface, self.active_priorities(2, nature, read, value)),
            (ICC_AP1R3_EL1, read) => (Reason::Interface, self.active_priorities(3, nature, read, value)),
            (ICC_SRE_EL1, _) => (Reason::Interface, Reply::Value(SRE)),
            (IC_IALLUIS, false) => (Reason::SystemRegister, Reply::Do(invalidate_instructions(compartment))),
            (encoding, read) if encoding.is_of_os_lock() => {
                let value = encoding.os_lock(read, value, &mut registers.os_lock);
                (Reason::SystemRegister, Reply::Value(value))
            }
            (ACTLR_EL1, _) | (LORID_EL1 | ERRIDR_EL1, true) => (Reason::SystemRegister, Reply::Value(0)),
            (encoding, true) => match encoding.id_index() {
                Some(index) => (Reason::SystemRegister, Reply::Value(nature.ids.value(index))),
                None => (Reason::Undefined, Reply::Undefined),
            },
            (_, false) => (Reason::Undefined, Reply::Undefined),
        };
        let action = match reply {
            Reply::Undefined => return (reason, Action::Inject(Exception::Undefined)),
            Reply::Do(action) => action,
            Reply::Value(value) => {
                if self.is_read {
                    registers.write(self.register, value);
                }
                Action::Resume
            }
        };
        registers.skip();
        (reason, action)
    }

    /// ICC_AP1R<n>_EL1, of which there are as many as the bits of preemption need (GICv3 §12.2.2).
    const fn active_priorities(self, number: u8, nature: &Nature, is_read: bool, value: u64) -> Reply {
        if number < ActivePriorities::count(nature.preemption_bits) {
            self.forward(Interface::Active(ActivePriorities(number)), is_read, value)
        } else {
            Reply::Undefined
        }
    }

    const fn forward(self, interface: Interface, is_read: bool, value: u64) -> Reply {
        Reply::Do(if is_read {
            Action::ReadInterface { interface, register: self.register }
        } else {
            Action::WriteInterface { interface, value }
        })
    }
}

enum Reply {
    /// A read gives this; a write is ignored.
    Value(u64),
    /// Hardware has to do something.
    Do(Action),
    /// There is no such register.
    Undefined,
}

/// ICC_SRE_EL1: system registers, no bypass of IRQ or FIQ.
const SRE: u64 = 7;

/// OSLSR_EL1.OSLM.
const OS_LOCK_IS_THERE: u64 = 1 << 3;

/// All of a partition's CPUs, but nobody else's if there is only one.
fn invalidate_instructions(compartment: &Compartment<'_>) -> Action {
    let reach = if compartment.cpus.len() > 1 { Reach::InnerShareable } else { Reach::ThisCpu };
    Action::InvalidateInstructions(reach)
}

/// `IC IALLUIS`, where `HCR_EL2.TICAB` or `HFGITR_EL2.ICIALLUIS` traps it.
const IC_IALLUIS: Encoding = Encoding::new(1, 0, 7, 1, 0);
pub(crate) const ICC_PMR_EL1: Encoding = Encoding::new(3, 0, 4, 6, 0);
pub(crate) const ICC_IAR1_EL1: Encoding = Encoding::new(3, 0, 12, 12, 0);
pub(crate) const ICC_EOIR1_EL1: Encoding = Encoding::new(3, 0, 12, 12, 1);
const ICC_HPPIR1_EL1: Encoding = Encoding::new(3, 0, 12, 12, 2);
const ICC_BPR1_EL1: Encoding = Encoding::new(3, 0, 12, 12, 3);
const ICC_IGRPEN1_EL1: Encoding = Encoding::new(3, 0, 12, 12, 7);
const ICC_AP1R0_EL1: Encoding = Encoding::new(3, 0, 12, 9, 0);
const ICC_AP1R1_EL1: Encoding = Encoding::new(3, 0, 12, 9, 1);
const ICC_AP1R2_EL1: Encoding = Encoding::new(3, 0, 12, 9, 2);
const ICC_AP1R3_EL1: Encoding = Encoding::new(3, 0, 12, 9, 3);
pub(crate) const ICC_DIR_EL1: Encoding = Encoding::new(3, 0, 12, 11, 1);
const ICC_RPR_EL1: Encoding = Encoding::new(3, 0, 12, 11, 3);
pub(crate) const ICC_SGI1R_EL1: Encoding = Encoding::new(3, 0, 12, 11, 5);
const ICC_ASGI1R_EL1: Encoding = Encoding::new(3, 0, 12, 11, 6);
const ICC_SGI0R_EL1: Encoding = Encoding::new(3, 0, 12, 11, 7);
const ICC_CTLR_EL1: Encoding = Encoding::new(3, 0, 12, 12, 4);
const ICC_SRE_EL1: Encoding = Encoding::new(3, 0, 12, 12, 5);
/// The OS lock, and what powers a core down for a debugger (Arm ARM H6.1).
const OSLAR_EL1: Encoding = Encoding::new(2, 0, 1, 0, 4);
const OSLSR_EL1: Encoding = Encoding::new(2, 0, 1, 1, 4);
const ACTLR_EL1: Encoding = Encoding::new(3, 0, 1, 0, 1);
const ERRIDR_EL1: Encoding = Encoding::new(3, 0, 5, 3, 0);
const LORID_EL1: Encoding = Encoding::new(3, 0, 10, 4, 7);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compartment::tests::with_first;

    fn access(encoding: Encoding, is_read: bool) -> SystemAccess {
        SystemAccess { encoding, is_read, register: 2 }
    }

    fn answer(encoding: Encoding, is_read: bool, value: u64) -> (Reason, Action, Registers) {
        with_first(|compartment| {
            let mut registers = Registers::new([value; 31], 0x100, 0);
            let nature = Nature::plain();
            let (reason, action) = access(encoding, is_read).answer(compartment, 0, &nature, &mut registers);
            (reason, action, registers)
        })
    }

    #[test]
    fn the_syndrome_names_register_and_direction() {
        // MRS x2, ICC_RPR_EL1
        let esr = 0x18 << 26 | 3 << 20 | 3 << 17 | 12 << 10 | 2 << 5 | 11 << 1 | 1;
        assert_eq!(SystemAccess::decode(esr), access(ICC_RPR_EL1, true));
    }

    #[test]
    fn a_register_nobody_thought_of_does_not_exist() {
        let (reason, action, registers) = answer(Encoding::new(3, 7, 15, 15, 7), true, 0);
        assert_eq!((reason, action), (Reason::Undefined, Action::Inject(Exception::Undefined)));
        assert_eq!(registers.pc, 0x100, "an instruction that does not exist is not stepped over");
    }

    #[test]
    fn every_encoding_is_answered() {
        for bits in 0..=u16::MAX {
            for is_read in [false, true] {
                let (_, action, registers) = answer(Encoding(bits), is_read, u64::MAX);
                let undefined = action == Action::Inject(Exception::Undefined);
                assert_eq!(registers.pc == 0x100, undefined, "{bits:#x}");
            }
        }
    }

    #[test]
    fn id_registers_cannot_be_written_and_unallocated_ones_read_zero() {
        assert_eq!(answer(Encoding::new(3, 0, 0, 4, 0), false, 0).0, Reason::Undefined);
        let (_, action, registers) = answer(Encoding::new(3, 0, 0, 7, 7), true, 9);
        assert_eq!((action, registers.x[2]), (Action::Resume, 0));
    }

    #[test]
    fn system_register_mode_cannot_be_left() {
        let (_, action, registers) = answer(ICC_SRE_EL1, true, 0);
        assert_eq!((action, registers.x[2]), (Action::Resume, 7));
        assert_eq!(answer(ICC_SRE_EL1, false, 0).1, Action::Resume);
    }

    #[test]
    fn the_os_lock_is_a_shadow_and_nothing_powers_a_core_down() {
        let (_, action, registers) = answer(OSLAR_EL1, false, u64::MAX);
        assert_eq!((action, registers.os_lock), (Action::Resume, 1));
        assert_eq!(answer(OSLSR_EL1, true, 0).2.x[2], 0b1000);
        // OSDLR_EL1, DBGPRCR_EL1
        for register in [Encoding::new(2, 0, 1, 3, 4), Encoding::new(2, 0, 1, 4, 4)] {
            let (_, action, registers) = answer(register, true, 1);
            assert_eq!((action, registers.x[2]), (Action::Resume, 0));
            assert_eq!(answer(register, false, 1).1, Action::Resume);
        }
    }

    #[test]
    fn a_partition_of_two_cpus_invalidates_instructions_on_both() {
        assert_eq!(answer(IC_IALLUIS, false, 0).1, Action::InvalidateInstructions(Reach::InnerShareable));
    }

    #[test]
    fn only_own_interrupts_are_ended_or_deactivated() {
        for register in [ICC_DIR_EL1, ICC_EOIR1_EL1] {
            let forwarded = |intid| matches!(answer(register, false, intid).1, Action::WriteInterface { .. });
            assert!(forwarded(27) && forwarded(33) && forwarded(79));
            assert!(!forwarded(40) && !forwarded(1020) && !forwarded(8192) && !forwarded(u64::MAX));
        }
    }

    #[test]
    fn active_priorities_that_the_gic_does_not_have_do_not_exist() {
        let forwarded = |register| matches!(answer(register, true, 0).1, Action::ReadInterface { .. });
        assert!(forwarded(ICC_AP1R0_EL1));
        for register in [ICC_AP1R1_EL1, ICC_AP1R2_EL1, ICC_AP1R3_EL1] {
            assert!(!forwarded(register));
        }
    }
}
