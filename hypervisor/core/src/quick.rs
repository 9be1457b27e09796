//! Exits that come often, decided by what they can be and nothing else.
//!
//! Of an exit these functions decide what [`Compartment::on_exit`] decides, or nothing: then it goes the long
//! way. Whether to step over the instruction is the caller's affair: always but for `HVC`.

use crate::bits::field;
use crate::call::{Call, Return};
use crate::compartment::{Action, Compartment, SGIR};
use crate::cpu_interface::Interface;
use crate::distributor::BITS;
#[cfg(doc)]
use crate::distributor::Distributor;
use crate::registers::Registers;
use crate::sgi;
use crate::system_register::{
    Encoding, ICC_DIR_EL1, ICC_EOIR1_EL1, ICC_IAR1_EL1, ICC_PMR_EL1, ICC_SGI1R_EL1,
};
use bulkhead_plan::GicVersion;

/// A load or store of one word of the distributor, one of those that [`Distributor::bits`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordAccess {
    /// Bytes from the distributor's base.
    pub offset: u64,
    /// The value stored; `None` for a load.
    pub store: Option<u32>,
    /// The general-purpose register that a load fills, zero-extended.
    pub register: u8,
}

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

/// What a store to GICD_SGIR becomes, where there is a GICv2.
#[inline]
pub fn generate(
    compartment: &Compartment<'_>,
    caller: usize,
    esr: u64,
    ipa: u64,
    registers: &Registers,
) -> Option<Action> {
    let offset = ipa.wrapping_sub(compartment.partition.distributor.0);
    let has_it = compartment.gic == GicVersion::V2 && offset == SGIR;
    let value = registers.read(general_register(field(esr, 20, 16))) & 0xffff_ffff;
    (has_it && is_plain_word(esr) && esr & WNR != 0).then(|| sgi::generate(compartment, caller, value))
}

/// The access to a word of the distributor that a data abort is.
#[inline]
pub fn access(
    compartment: &Compartment<'_>,
    esr: u64,
    ipa: u64,
    registers: &Registers,
) -> Option<WordAccess> {
    let offset = ipa.wrapping_sub(compartment.partition.distributor.0);
    // The first word of each table is that of SGIs and PPIs.
    let is_word_of_spis = BITS.contains(&offset) && offset.is_multiple_of(4) && offset & 0x7c != 0;
    if !is_plain_word(esr) || !is_word_of_spis {
        return None;
    }
    let register = general_register(field(esr, 20, 16));
    let store = (esr & WNR != 0).then(|| low_word(registers.read(register)));
    Some(WordAccess { offset, store, register })
}

/// Whether a data abort is that of a word that is loaded or stored where nothing is mapped.
const fn is_plain_word(esr: u64) -> bool {
    esr & (ISV | SAS | SSE | CM | S1PTW | FAULT) == ISV | WORD | TRANSLATION_FAULT
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

const SGI1R: u32 = syndrome(ICC_SGI1R_EL1, false);
const IAR1: u32 = syndrome(ICC_IAR1_EL1, true);
const EOIR1: u32 = syndrome(ICC_EOIR1_EL1, false);
const DIR: u32 = syndrome(ICC_DIR_EL1, false);

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
const TRANSLATION_FAULT: u64 = 0b0001 << 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compartment::tests::{with_first, with_gicv2, with_second};
    use crate::exit::Syndrome;
    use crate::mmio::Width;
    use crate::nature::Nature;
    use crate::reason::Reason;
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
                0x18 => {
                    let Some(action) = system(compartment, 0, self.esr, &self.before) else { return Ok(()) };
                    let (reason, decided) = { long }();
                    prop_assert_eq!(
                        (action, matches!(reason, Reason::Sgi | Reason::Interface)),
                        (decided, true)
                    );
                    expected.skip();
                }
                _ if let Some(action) = generate(compartment, 1, self.esr, self.ipa, &self.before) => {
                    let mut after = self.before;
                    let long = compartment.on_exit(1, &Nature::plain(), &mut after, &self.syndrome());
                    prop_assert_eq!(long, (Reason::Sgi, action));
                    expected.skip();
                    prop_assert!(expected == after, "the same registers");
                    return Ok(());
                }
                _ => {
                    let Some(quick) = access(compartment, self.esr, self.ipa, &self.before) else {
                        return Ok(());
                    };
                    let (reason, decided) = { long }();
                    prop_assert_eq!(reason, Reason::Distributor);
                    let Action::Distributor { offset, access } = decided else {
                        return Err(TestCaseError::fail("not the distributor"));
                    };
                    prop_assert_eq!(WordAccess { offset, store: access.store.map(low_word), ..quick }, quick);
                    prop_assert_eq!(access.width, Width::Word);
                    // A load ends in the same register, extended in the same way.
                    access.load(&mut after, u64::MAX);
                    expected.skip();
                    expected.write(quick.register, 0xffff_ffff);
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
            let sgi = Both { ipa: 0x0800_0000 + SGIR, ..both };
            with_gicv2(|first| sgi.agree(first))?;
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
            assert!(system(first, 0, EOIR1.into(), &registers(33)).is_some());
            let load_word = ISV | WORD | TRANSLATION_FAULT;
            let distributor = first.partition.distributor.0;
            assert!(access(first, load_word, distributor + 0x104, &registers(0)).is_some());
        });
        with_gicv2(|first| {
            let store_word = ISV | WORD | TRANSLATION_FAULT | WNR;
            let sgir = first.partition.distributor.0 + SGIR;
            let sent = generate(first, 0, store_word, sgir, &Registers::new([1 << 16; 31], 0, 0));
            assert_eq!(sent, Some(Action::SendSgi { intid: 0, targets: 1 }));
        });
    }

    #[test]
    fn the_vectors_know_a_write_of_the_priority_mask() {
        // S3_0_C4_C6_0: op0 in bits 21 and 20, CRn from 10 on, CRm from 1 on.
        assert_eq!((PMR, PMR_WRITE), ((3 << 20 | 4 << 10) >> 10, 6 << 1));
        assert_eq!(syndrome(ICC_PMR_EL1, false), 0x6200_0000 | PMR << 10 | PMR_WRITE);
    }
}
