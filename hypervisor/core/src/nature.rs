//! What a CPU is to its guest, as far as EL2 answers for it.
//!
//! Read once at each start of a guest, from the CPU itself and from its firmware.

use crate::call::Return;
use crate::id::IdRegisters;

/// A CPU as its guest gets to know it through EL2.
#[derive(Clone, Debug)]
pub struct Nature {
    /// Its ID registers.
    pub ids: IdRegisters,
    /// What its firmware does against speculation.
    pub workarounds: Workarounds,
    /// Bits of preemption that the CPU interface of its GICv3 has: ICH_VTR_EL2.PREbits and one.
    pub preemption_bits: u32,
}

/// The firmware's answers about its workarounds, for the CPU that has asked (SMCCC_ARCH_FEATURES, DEN 0028
/// §7): negative if there is none, 0 if it is needed, 1 if this CPU does not need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workarounds {
    /// SMCCC_ARCH_WORKAROUND_1, against CVE-2017-5715.
    pub first: i32,
    /// SMCCC_ARCH_WORKAROUND_2, against CVE-2018-3639.
    pub second: i32,
    /// SMCCC_ARCH_WORKAROUND_3, against CVE-2017-5715 and CVE-2022-23960.
    pub third: i32,
}

impl Workarounds {
    /// A firmware that knows of none.
    pub const NONE: Self = Self { first: -1, second: -1, third: -1 };

    /// Asks for each of them: `ask` makes SMCCC_ARCH_FEATURES of a function's identifier.
    pub fn ask(ask: impl Fn(u32) -> i32) -> Self {
        Self { first: ask(FIRST), second: ask(SECOND), third: ask(THIRD) }
    }

    /// What SMCCC_ARCH_FEATURES says of `function`, if it is one of these.
    pub(crate) fn feature(&self, function: u64) -> Option<Return> {
        let answer = match u32::try_from(function) {
            Ok(FIRST) => self.first,
            Ok(SECOND) => self.second,
            Ok(THIRD) => self.third,
            _ => return None,
        };
        Some(Return(i64::from(answer)))
    }

    /// Whether a call of `function` is one of these, which the firmware does.
    pub(crate) fn has(&self, function: u64) -> bool {
        self.feature(function).is_some_and(|answer| answer.0 >= 0)
    }
}

const FIRST: u32 = 0x8000_8000;
const SECOND: u32 = 0x8000_7fff;
const THIRD: u32 = 0x8000_3fff;

#[cfg(test)]
impl Nature {
    /// A CPU with nothing, whose GIC has 5 bits of priority.
    pub(crate) fn plain() -> Self {
        let ids = IdRegisters::sanitise(&[0; crate::ID_REGISTERS]);
        Self { ids, workarounds: Workarounds::NONE, preemption_bits: 5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workaround_is_called_only_where_the_firmware_has_it() {
        let workarounds = Workarounds::ask(|function| if function == SECOND { -1 } else { 1 });
        assert_eq!(workarounds, Workarounds { first: 1, second: -1, third: 1 });
        assert!(workarounds.has(0x8000_8000) && !workarounds.has(0x8000_7fff));
        assert_eq!(workarounds.feature(0x8000_7fff), Some(Return(-1)));
        assert!(!workarounds.has(0x8000_0001) && !workarounds.has(1 << 32 | 0x8000_8000));
    }
}
