//! Exits that come often, decided by what they can be and nothing else.
//!
//! Of an exit these functions decide what [`Compartment::on_exit`] decides, or nothing: then it goes the long
//! way. Whether to step over the instruction is the caller's affair: always but for `HVC`.

use crate::bits::field;
use crate::call::{Call, Return};
use crate::compartment::{Action, Compartment};
use crate::cpu_frame::{self, EOIR, IAR};
use crate::cpu_interface::Interface;
#[cfg(doc)]
use crate::distributor::Distributor;
use crate::distributor::{BITS, Bits};
use crate::id::ID_REGISTERS;
#[cfg(doc)]
use crate::id::IdRegisters;
use crate::registers::Registers;
use crate::sgi;
use crate::system_register::{
    Encoding, ICC_DIR_EL1, ICC_EOIR1_EL1, ICC_IAR1_EL1, ICC_PMR_EL1, ICC_SGI1R_EL1,
};

/// A load or store of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordAccess {
    /// The value stored; `None` for a load.
    pub store: Option<u32>,
    /// The general-purpose register that a load fills, zero-extended.
    pub register: u8,
}

/// What an access to the CPU interface of a GICv2 does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterfaceAccess {
    /// GICC_IAR is read: an interrupt is acknowledged.
    Acknowledge,
    /// GICC_EOIR is written, about an interrupt that the partition may end.
    End(u32),
}

pub use crate::compartment::SGIR;

/// A trapped write of ICC_PMR_EL1, for `vectors.S`, which has a path of its own for it: bits 24 to 10 of ESR_EL2
/// (the register, but for CRm) and bits 4 to 0 (CRm, and that it is a write).
pub const PMR: u32 = syndrome(ICC_PMR_EL1, false) >> 10 & 0x7fff;
/// See [`PMR`].
pub const PMR_WRITE: u32 = syndrome(ICC_PMR_EL1, false) & 0x1f;

/// What the call with this function number returns in x0. Nothing but the number is looked at.
#[inline]
pub fn call(compartment: &Compartment<'_>, function: u64) -> Option<Return> {
    Call::at_once(compartment, function & 0xffff_ffff)
}

/// What a trapped register of the CPU interface of a GICv3 becomes. Where there is a GICv2 a CPU has no such
/// registers, so none traps: boot sees to it.
#[inline]
pub fn system(
    compartment: &Compartment<'_>,
    caller: usize,
    esr: u64,
    registers: &Registers,
) -> Option<Action> {
    let register = general_register(field(esr, 9, 5));
    let value = registers.read(register);
    match low_word(esr & !RT) {
        SGI1R => Some(sgi::send(compartment, caller, value)),
        IAR1 => Some(Action::ReadInterface { interface: Interface::Acknowledge, register }),
        EOIR1 if compartment.may_deactivate(value) => {
            Some(Action::WriteInterface { interface: Interface::End, value })
        }
        DIR if compartment.may_deactivate(value) => {
            Some(Action::WriteInterface { interface: Interface::Deactivate, value })
        }
        _ => None,
    }
}

/// The ID register that a trapped instruction reads, as [`IdRegisters::value`] counts them, and the general-purpose
/// register that is filled.
#[inline]
pub fn identification(esr: u64) -> Option<(usize, u8)> {
    if low_word(esr & !(RT | OP2 | CRM)) != ID {
        return None;
    }
    let index = (field(esr, 4, 1) << 3 | field(esr, 19, 17)).checked_sub(8)?;
    let index = usize::try_from(index).ok().filter(|index| *index < ID_REGISTERS)?;
    Some((index, general_register(field(esr, 9, 5))))
}

/// What there may be at an offset from the distributor's base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// One of the words that [`Distributor::bits`] is about.
    Spis,
    /// The first word of a table, which is that of SGIs and PPIs, or GICD_SGIR.
    OfCpu,
    /// Anything else, in the distributor or not.
    Elsewhere,
}

/// What there may be at `offset` from the distributor's base.
#[inline]
pub fn place(offset: u64) -> Place {
    if offset & INDEX == 0 {
        Place::OfCpu
    } else if BITS.contains(&offset) && offset.is_multiple_of(4) {
        Place::Spis
    } else {
        Place::Elsewhere
    }
}

/// The access that a data abort is, if it is that of a word.
#[inline]
pub fn access(esr: u64, registers: &Registers) -> Option<WordAccess> {
    if !is_plain_word(esr) {
        return None;
    }
    let register = register(esr);
    let store = (esr & WNR != 0).then(|| low_word(registers.read(register)));
    Some(WordAccess { store, register })
}

/// The value of the store of a word that a data abort is.
#[inline]
pub fn stored(esr: u64, registers: &Registers) -> Option<u64> {
    let is_store = esr & (PLAIN | WNR) == WORD | TRANSLATION_FAULT | ISV | WNR;
    is_store.then(|| registers.read(register(esr)) & 0xffff_ffff)
}

/// The general-purpose register that a data abort is about.
#[inline]
pub const fn register(esr: u64) -> u8 {
    general_register(field(esr, 20, 16))
}

/// What storing this in GICD_SGIR, which is at [`SGIR`] in the distributor of a GICv2, becomes.
#[inline]
pub fn generate(compartment: &Compartment<'_>, caller: usize, value: u64) -> Action {
    sgi::generate(compartment, caller, value)
}

/// What the data abort of an access to the CPU interface of a GICv2 does.
#[inline]
pub fn interface(
    compartment: &Compartment<'_>,
    esr: u64,
    ipa: u64,
    registers: &Registers,
) -> Option<InterfaceAccess> {
    match ipa.wrapping_sub(compartment.partition.cpu_interface.0) {
        IAR if esr & (PLAIN | WNR) == ISV | WORD | TRANSLATION_FAULT => Some(InterfaceAccess::Acknowledge),
        EOIR => {
            let value = stored(esr, registers)?;
            cpu_frame::may_end(compartment, value).then_some(InterfaceAccess::End(low_word(value)))
        }
        _ => None,
    }
}

/// What an access to a word of the distributor of a GICv2 with a bit for each SGI and PPI becomes: the CPU that asks
/// has all of them.
#[inline]
pub fn bank(offset: u64, access: &WordAccess) -> Option<Bits> {
    let is_bank = BITS.contains(&offset) && offset & (INDEX | 3) == 0;
    let bits = match access.store {
        None => Bits::Load(u32::MAX),
        Some(0) => Bits::Value(0),
        Some(bits) => Bits::Store(bits),
    };
    is_bank.then_some(bits)
}

/// Whether a data abort is that of a word that is loaded or stored where nothing is mapped.
const fn is_plain_word(esr: u64) -> bool {
    esr & PLAIN == ISV | WORD | TRANSLATION_FAULT
}

/// The number of a general-purpose register, which has five bits.
#[allow(clippy::cast_possible_truncation, reason = "the value has five bits")]
const fn general_register(value: u64) -> u8 {
    (value & 0x1f) as u8
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
const fn low_word(value: u64) -> u32 {
    value as u32
}

/// ESR_EL2 of a trapped access to this register by way of x0.
const fn syndrome(encoding: Encoding, is_read: bool) -> u32 {
    low_word(SYSTEM << 26 | IL | encoding.syndrome(is_read))
}

/// Where ESR_EL2 of a trapped register has the general-purpose register.
const RT: u64 = 0x1f << 5;
/// ESR_EL2: the class of trapped registers, and an instruction of 32 bits.
const SYSTEM: u64 = 0x18;
const IL: u64 = 1 << 25;

/// Where it has op2 and CRm.
const OP2: u64 = 0b111 << 17;
const CRM: u64 = 0b1111 << 1;

/// An ID register is read, but for these two.
const ID: u32 = syndrome(Encoding::new(3, 0, 0, 0, 0), true);
const SGI1R: u32 = syndrome(ICC_SGI1R_EL1, false);
const IAR1: u32 = syndrome(ICC_IAR1_EL1, true);
const EOIR1: u32 = syndrome(ICC_EOIR1_EL1, false);
const DIR: u32 = syndrome(ICC_DIR_EL1, false);

/// Which word of a table an offset is that of.
const INDEX: u64 = 0x7c;

/// ESR_EL2 of a data abort: a valid syndrome, its size, sign extension, cache maintenance, a fault on the walk
/// of stage 1, whether it is a store, the fault but for its level.
const ISV: u64 = 1 << 24;
const SAS: u64 = 0b11 << 22;
const WORD: u64 = 0b10 << 22;
const SSE: u64 = 1 << 21;
const CM: u64 = 1 << 8;
const S1PTW: u64 = 1 << 7;
const WNR: u64 = 1 << 6;
const FAULT: u64 = 0b1111 << 2;
/// What says whether it is that of a word where nothing is mapped.
const PLAIN: u64 = ISV | SAS | SSE | CM | S1PTW | FAULT;
const TRANSLATION_FAULT: u64 = 0b0001 << 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compartment::tests::{with_first, with_gicv2, with_second};
    use crate::distributor::{Access, Distributor};
    use crate::exit::Syndrome;
    use crate::mmio::{Mmio, Width};
    use crate::nature::Nature;
    use crate::reason::Reason;
    use bulkhead_plan::GicVersion;
    use proptest::prelude::{Strategy, any, prop};
    use proptest::test_runner::TestCaseError;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    /// In what both ways have to agree about an exit.
    struct Both {
        esr: u64,
        ipa: u64,
        before: Registers,
    }

    impl Both {
        fn syndrome(&self) -> Syndrome {
            Syndrome { esr: self.esr, far: self.ipa & 0xfff, hpfar: self.ipa >> 12 << 4 }
        }

        fn agree(&self, compartment: &Compartment<'_>) -> Result<(), TestCaseError> {
            let mut after = self.before;
            let long = || compartment.on_exit(0, &Nature::plain(), &mut after, &self.syndrome());
            let mut expected = self.before;
            match field(self.esr, 31, 26) {
                0x16 => {
                    let Some(answer) = call(compartment, self.before.x[0]) else { return Ok(()) };
                    prop_assert_eq!({ long }(), (Reason::Call, Action::Resume));
                    expected.write(0, answer.0.cast_unsigned());
                }
                0x18 if let Some((index, register)) = identification(self.esr) => {
                    let value = Nature::plain().ids.value(index);
                    prop_assert_eq!({ long }(), (Reason::SystemRegister, Action::Resume));
                    expected.write(register, value);
                    expected.skip();
                }
                0x18 => {
                    let Some(action) = system(compartment, 0, self.esr, &self.before) else { return Ok(()) };
                    let (reason, decided) = { long }();
                    prop_assert_eq!(
                        (action, matches!(reason, Reason::Sgi | Reason::Interface)),
                        (decided, true)
                    );
                    expected.skip();
                }
                _ => {
                    let quick = access(self.esr, &self.before);
                    let stored = quick.and_then(|quick| quick.store).map(u64::from);
                    prop_assert_eq!(super::stored(self.esr, &self.before), stored);
                    let Some(quick) = quick else { return Ok(()) };
                    let Some(decided) = quickly(compartment, self, &quick) else { return Ok(()) };
                    let (reason, action) = { long }();
                    prop_assert_eq!(physically(compartment, reason, action), decided);
                    expected.skip();
                    if let (Some(access), None) = (access_of(action), quick.store) {
                        // A load ends in the same register, extended in the same way.
                        access.load(&mut after, u64::MAX);
                        expected.write(quick.register, 0xffff_ffff);
                    }
                }
            }
            prop_assert!(expected == after, "the same registers");
            Ok(())
        }

        fn agree_for_both_partitions(&self) -> Result<(), TestCaseError> {
            with_first(|first| self.agree(first))?;
            with_second(|second| self.agree(second))
        }
    }

    /// What an exit that is an access becomes: an action that is over with it, or an access of hardware.
    #[derive(Debug, PartialEq)]
    enum Physical {
        Action(Action),
        Access(Reason, Access),
    }

    /// By the quick way, in a partition whose distributor has not been touched.
    fn quickly(compartment: &Compartment<'_>, exit: &Both, access: &WordAccess) -> Option<Physical> {
        let width = Width::Word;
        let word = |offset, bits| match bits {
            Bits::Value(value) => Access::Value(value.into()),
            Bits::Load(mask) => Access::Load { offset, width, mask: mask.into(), set: 0 },
            Bits::Store(bits) => Access::Store { offset, width, value: bits.into() },
        };
        let offset = exit.ipa.wrapping_sub(compartment.partition.distributor.0);
        let place = place(offset);
        if place == Place::Spis {
            let bits = Distributor::new().bits(&compartment.spis, offset, access.store);
            return Some(Physical::Access(Reason::Distributor, word(offset, bits)));
        }
        let of_interface = |interface| match interface {
            InterfaceAccess::Acknowledge => Access::Load { offset: IAR, width, mask: u64::MAX, set: 0 },
            InterfaceAccess::End(value) => word(EOIR, Bits::Store(value)),
        };
        if compartment.gic != GicVersion::V2 {
            return None;
        }
        if place == Place::Elsewhere {
            let interface = interface(compartment, exit.esr, exit.ipa, &exit.before)?;
            return Some(Physical::Access(Reason::Interface, of_interface(interface)));
        }
        if offset == SGIR {
            return access.store.map(|value| Physical::Action(generate(compartment, 0, value.into())));
        }
        bank(offset, access).map(|bits| Physical::Access(Reason::Distributor, word(offset, bits)))
    }

    /// By the long way.
    fn physically(compartment: &Compartment<'_>, reason: Reason, action: Action) -> Physical {
        match action {
            Action::Distributor { offset, access } => {
                Physical::Access(reason, Distributor::new().access(compartment, 0, offset, &access))
            }
            Action::CpuInterface { offset, access } => {
                Physical::Access(reason, cpu_frame::access(compartment, offset, &access))
            }
            action => Physical::Action(action),
        }
    }

    const fn access_of(action: Action) -> Option<Mmio> {
        match action {
            Action::Distributor { access, .. } | Action::CpuInterface { access, .. } => Some(access),
            _ => None,
        }
    }

    fn registers() -> impl Strategy<Value = Registers> {
        let x =
            prop::array::uniform31(prop::sample::select(&[0, 5, 33, 40, 79, 1 << 24 | 3, 1 << 40, u64::MAX]));
        (x, any::<u64>()).prop_map(|(x, pc)| Registers::new(x, pc, 0x3c5))
    }

    /// A number near those that there are functions for.
    fn function() -> impl Strategy<Value = u64> {
        const NEAR: &[u64] =
            &[0, 0x8000_0000, 0x8000_8000, 0x8400_0000, 0xc400_0000, 0x8600_ff00, 0xc600_0000];
        (prop::sample::select(NEAR), 0_u64..0x24).prop_map(|(base, offset)| base + offset)
    }

    proptest! {
        #[test]
        fn a_call_is_answered_as_on_the_long_way(
            mut before in registers(), near in function(), far in any::<u64>(), is_near in any::<bool>(),
        ) {
            before.x[0] = if is_near { near } else { far };
            Both { esr: 0x16 << 26 | IL, ipa: 0, before }.agree_for_both_partitions()?;
        }

        #[test]
        fn a_register_is_answered_as_on_the_long_way(
            before in registers(), which in prop::sample::select(&[SGI1R, IAR1, EOIR1, DIR]), rt in 0_u64..32,
            iss in any::<u32>(), is_known in any::<bool>(),
        ) {
            let esr = if is_known { which } else { syndrome(ICC_PMR_EL1, false) | iss & 0x1ff_ffff };
            let id = u64::from(ID) | u64::from(iss) & (OP2 | CRM) | rt << 5;
            Both { esr: id, ipa: 0, before }.agree_for_both_partitions()?;
            Both { esr: u64::from(esr) | rt << 5, ipa: 0, before }.agree_for_both_partitions()?;
        }

        #[test]
        fn an_access_is_answered_as_on_the_long_way(
            before in registers(), iss in any::<u64>(), is_plain in any::<bool>(), offset in 0_u64..0x2_0000,
        ) {
            let fault = if is_plain { ISV | TRANSLATION_FAULT } else { 0 };
            let iss = if is_plain { iss & (0x3f << 16 | 1 << 15 | 1 << 6) | WORD } else { iss & 0x1ff_ffff };
            let ipa = 0x0800_0000 + offset;
            let both = Both { esr: 0x24 << 26 | IL | iss | fault, ipa, before };
            both.agree_for_both_partitions()?;
            with_gicv2(|first| both.agree(first))?;
            for ipa in [SGIR, 0x100, 0x180, 0x300, 0x1_000c, 0x1_0010].map(|offset| 0x0800_0000 + offset) {
                with_gicv2(|first| Both { ipa, ..both }.agree(first))?;
            }
        }
    }

    #[test]
    fn what_comes_often_goes_the_quick_way() {
        with_first(|first| {
            let registers = |value| Registers::new([value; 31], 0, 0);
            assert_eq!(call(first, 0x8400_0000), Some(Return(0x1_0001)));
            assert_eq!(call(first, 0xc600_7fff), Some(Return::NOT_SUPPORTED));
            assert!(system(first, 0, SGI1R.into(), &registers(1)).is_some());
            assert!(system(first, 0, IAR1.into(), &registers(0)).is_some());
            assert_eq!(
                identification((ID | 6 << 1 | 3 << 5).into()),
                Some((5 * 8, 3)),
                "ID_AA64ISAR0_EL1 to x3"
            );
            assert!(system(first, 0, EOIR1.into(), &registers(33)).is_some());
            let load_word = ISV | WORD | TRANSLATION_FAULT;
            assert_eq!(place(0x104), Place::Spis);
            assert!(access(load_word, &registers(0)).is_some());
        });
        with_gicv2(|first| {
            let interface = first.partition.cpu_interface.0;
            let sent = generate(first, 0, 1 << 16);
            assert_eq!(sent, Action::SendSgi { intid: 0, targets: 1 });
            let load_word = ISV | WORD | TRANSLATION_FAULT;
            let load = |offset| super::interface(first, load_word, interface + offset, &Registers::default());
            let store = |offset, value| {
                let registers = Registers::new([value; 31], 0, 0);
                super::interface(first, load_word | WNR, interface + offset, &registers)
            };
            assert_eq!(load(IAR), Some(InterfaceAccess::Acknowledge));
            assert_eq!(store(EOIR, 33), Some(InterfaceAccess::End(33)));
            assert_eq!(store(EOIR, 40), None, "it is somebody else's");
            assert_eq!([place(0x100), place(SGIR)], [Place::OfCpu; 2]);
            let enable = WordAccess { store: Some(1), register: 0 };
            assert_eq!(bank(0x100, &enable), Some(Bits::Store(1)));
        });
    }

    #[test]
    fn the_vectors_know_a_write_of_the_priority_mask() {
        // S3_0_C4_C6_0: op0 in bits 21 and 20, CRn from 10 on, CRm from 1 on.
        assert_eq!((PMR, PMR_WRITE), ((3 << 20 | 4 << 10) >> 10, 6 << 1));
        assert_eq!(syndrome(ICC_PMR_EL1, false), 0x6200_0000 | PMR << 10 | PMR_WRITE);
    }
}
