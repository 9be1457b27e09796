//! Function calls by `HVC` and `SMC`: what the number in w0 means.
//!
//! SMC Calling Convention (DEN 0028) and PSCI 1.1 (DEN 0022). Everything that is not listed does not
//! exist: nothing a guest says reaches the firmware by itself.

use crate::compartment::Compartment;
use crate::nature::Workarounds;
use crate::order::{Order, Verb};
use crate::registers::Registers;
use bulkhead_abi as abi;

/// A function call, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The answer needs no state.
    Answer(Return),
    /// Nor does this one, in x0 to x3.
    Words([u64; 4]),
    /// The answer depends on the power state of the partition's CPUs, or changes it.
    Psci(Psci),
    /// The caller wants something of a partition that it controls.
    Order(Order),
    /// The firmware answers it.
    Firmware,
}

/// A PSCI call that concerns power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Psci {
    /// CPU_SUSPEND: wait for an interrupt.
    Suspend,
    /// CPU_OFF.
    Off,
    /// CPU_ON.
    On {
        /// MPIDR affinity of the CPU.
        target: u64,
        /// Where it begins.
        entry: u64,
        /// What it finds in x0.
        context: u64,
    },
    /// AFFINITY_INFO.
    AffinityInfo {
        /// MPIDR affinity of the CPU.
        target: u64,
        /// Lowest affinity level; only level 0 exists in PSCI 1.0 and later.
        level: u64,
    },
    /// SYSTEM_OFF.
    SystemOff,
    /// SYSTEM_RESET.
    SystemReset,
}

/// What a call returns in x0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Return(pub i64);

impl Return {
    /// SUCCESS; also ON for AFFINITY_INFO.
    pub const SUCCESS: Self = Self(0);
    /// AFFINITY_INFO: the CPU is off.
    pub const OFF: Self = Self(1);
    /// AFFINITY_INFO: the CPU is on its way.
    pub const PENDING: Self = Self(2);
    /// NOT_SUPPORTED.
    pub const NOT_SUPPORTED: Self = Self(-1);
    /// INVALID_PARAMETERS.
    pub const INVALID_PARAMETERS: Self = Self(-2);
    /// DENIED.
    pub const DENIED: Self = Self(-3);
    /// ALREADY_ON.
    pub const ALREADY_ON: Self = Self(-4);
    /// ON_PENDING.
    pub const ON_PENDING: Self = Self(-5);
    /// INTERNAL_FAILURE.
    pub const INTERNAL_FAILURE: Self = Self(-6);
    /// INVALID_ADDRESS.
    pub const INVALID_ADDRESS: Self = Self(-9);
}

impl Call {
    /// Decodes the call that a guest has made with these registers, on a CPU with these workarounds.
    pub fn decode(compartment: &Compartment<'_>, workarounds: &Workarounds, registers: &Registers) -> Self {
        let function = registers.read(0) & 0xffff_ffff;
        let argument = |number| registers.read(number) & argument_mask(function);
        match function {
            SMCCC_VERSION => Self::Answer(Return(SMCCC_1_1)),
            SMCCC_ARCH_FEATURES => {
                let asked = registers.read(1) & 0xffff_ffff;
                Self::Answer(workarounds.feature(asked).unwrap_or_else(|| arch_feature(asked)))
            }
            PSCI_VERSION => Self::Answer(Return(PSCI_1_1)),
            PSCI_FEATURES => Self::Answer(psci_feature(registers.read(1) & 0xffff_ffff)),
            PSCI_MIGRATE_INFO_TYPE => Self::Answer(Return(NO_MIGRATION)),
            PSCI_CPU_SUSPEND_32 | PSCI_CPU_SUSPEND_64 => Self::Psci(Psci::Suspend),
            PSCI_CPU_OFF => Self::Psci(Psci::Off),
            PSCI_CPU_ON_32 | PSCI_CPU_ON_64 => {
                Self::Psci(Psci::On { target: argument(1), entry: argument(2), context: argument(3) })
            }
            PSCI_AFFINITY_INFO_32 | PSCI_AFFINITY_INFO_64 => {
                Self::Psci(Psci::AffinityInfo { target: argument(1), level: registers.read(2) & 0xffff_ffff })
            }
            PSCI_SYSTEM_OFF => Self::Psci(Psci::SystemOff),
            PSCI_SYSTEM_RESET => Self::Psci(Psci::SystemReset),
            PSCI_SYSTEM_RESET2_32 | PSCI_SYSTEM_RESET2_64 => match registers.read(1) & 0xffff_ffff {
                SYSTEM_WARM_RESET => Self::Psci(Psci::SystemReset),
                _ => Self::Answer(Return::INVALID_PARAMETERS),
            },
            _ if workarounds.has(function) => Self::Firmware,
            _ => Self::decode_rare(compartment, function, registers.read(1)),
        }
    }

    /// The answer, where nobody has the function or it is one of those that are asked for most.
    #[inline]
    pub(crate) fn at_once(compartment: &Compartment<'_>, function: u64) -> Option<Return> {
        if is_nobodys(function) && !compartment.has_functions() {
            return Some(Return::NOT_SUPPORTED);
        }
        match function {
            PSCI_VERSION => Some(Return(PSCI_1_1)),
            SMCCC_VERSION => Some(Return(SMCCC_1_1)),
            _ => None,
        }
    }

    /// What is neither the architecture's nor power.
    fn decode_rare(compartment: &Compartment<'_>, function: u64, argument: u64) -> Self {
        let id = u32::try_from(function).unwrap_or(0);
        match (id, Verb::of(id)) {
            (abi::CALL_UID, _) => Self::Words(abi::UUID.map(u64::from)),
            (abi::CALL_REVISION, _) => {
                let [major, minor] = abi::REVISION.map(u64::from);
                Self::Words([major, minor, 0, 0])
            }
            (_, Some(verb)) => match compartment.controlled(argument) {
                Some(target) => Self::Order(Order { target, verb }),
                None => Self::Answer(Return::INVALID_PARAMETERS),
            },
            _ if compartment.may_call(id) => Self::Firmware,
            _ => Self::Answer(Return::NOT_SUPPORTED),
        }
    }
}

const SMCCC_VERSION: u64 = 0x8000_0000;
const SMCCC_ARCH_FEATURES: u64 = 0x8000_0001;
const PSCI_VERSION: u64 = 0x8400_0000;
const PSCI_CPU_SUSPEND_32: u64 = 0x8400_0001;
const PSCI_CPU_SUSPEND_64: u64 = 0xc400_0001;
const PSCI_CPU_OFF: u64 = 0x8400_0002;
const PSCI_CPU_ON_32: u64 = 0x8400_0003;
const PSCI_CPU_ON_64: u64 = 0xc400_0003;
const PSCI_AFFINITY_INFO_32: u64 = 0x8400_0004;
const PSCI_AFFINITY_INFO_64: u64 = 0xc400_0004;
const PSCI_MIGRATE_INFO_TYPE: u64 = 0x8400_0006;
const PSCI_SYSTEM_OFF: u64 = 0x8400_0008;
const PSCI_SYSTEM_RESET: u64 = 0x8400_0009;
const PSCI_FEATURES: u64 = 0x8400_000a;
const PSCI_SYSTEM_RESET2_32: u64 = 0x8400_0012;
const PSCI_SYSTEM_RESET2_64: u64 = 0xc400_0012;

/// The one reset_type of SYSTEM_RESET2 that PSCI defines (§5.12).
const SYSTEM_WARM_RESET: u64 = 0;

/// SMCCC 1.1 and PSCI 1.1: major version in the high half, minor in the low.
const SMCCC_1_1: i64 = 0x1_0001;
const PSCI_1_1: i64 = 0x1_0001;
/// MIGRATE_INFO_TYPE: there is no trusted OS, or it need not migrate.
const NO_MIGRATION: i64 = 2;
/// The bit of a function number that says that arguments have 64 bits.
const SMC64: u64 = 1 << 30;

/// Whether the function is far from all that there are: PSCI's and ours have the lowest numbers of their ranges
/// or the highest, the architecture's are everywhere in theirs.
const fn is_nobodys(function: u64) -> bool {
    matches!(function & 0xffff, 0x20..0xff00) && function & !SMC64 & 0xffff_0000 != SMCCC_VERSION
}

const fn argument_mask(function: u64) -> u64 {
    if function & SMC64 == 0 { 0xffff_ffff } else { u64::MAX }
}

const fn arch_feature(function: u64) -> Return {
    match function {
        SMCCC_VERSION | SMCCC_ARCH_FEATURES => Return::SUCCESS,
        _ => Return::NOT_SUPPORTED,
    }
}

const fn psci_feature(function: u64) -> Return {
    match function {
        SMCCC_VERSION
        | PSCI_VERSION
        | PSCI_CPU_SUSPEND_32
        | PSCI_CPU_SUSPEND_64
        | PSCI_CPU_OFF
        | PSCI_CPU_ON_32
        | PSCI_CPU_ON_64
        | PSCI_AFFINITY_INFO_32
        | PSCI_AFFINITY_INFO_64
        | PSCI_MIGRATE_INFO_TYPE
        | PSCI_SYSTEM_OFF
        | PSCI_SYSTEM_RESET
        | PSCI_SYSTEM_RESET2_32
        | PSCI_SYSTEM_RESET2_64
        | PSCI_FEATURES => Return::SUCCESS,
        _ => Return::NOT_SUPPORTED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compartment::tests::{with_first, with_second};
    use proptest::prelude::any;
    use proptest::{prop_assert_eq, proptest};

    fn call(function: u64, arguments: [u64; 3]) -> Call {
        let mut registers = Registers::default();
        registers.x[0] = function;
        registers.x[1..4].copy_from_slice(&arguments);
        with_first(|first| Call::decode(first, &Workarounds::NONE, &registers))
    }

    #[test]
    fn what_is_a_feature_exists() {
        for function in [0x8400_0000_u64..0x8400_0020, 0xc400_0000..0xc400_0020].into_iter().flatten() {
            let exists = call(function, [PSCI_VERSION, 0, 0]) != Call::Answer(Return::NOT_SUPPORTED);
            let said = call(PSCI_FEATURES, [function, 0, 0]) == Call::Answer(Return::SUCCESS);
            assert_eq!(said, exists, "{function:#x}");
        }
    }

    #[test]
    fn the_upper_half_of_x0_is_not_part_of_the_number() {
        assert_eq!(call(0xdead_beef_8400_0000, [0; 3]), Call::Answer(Return(0x1_0001)));
    }

    #[test]
    fn a_32_bit_call_has_32_bit_arguments() {
        let arguments = [0xffff_ffff_0000_0001, 0x1_4000_0000, u64::MAX];
        let cut = Psci::On { target: 1, entry: 0x4000_0000, context: 0xffff_ffff };
        assert_eq!(call(PSCI_CPU_ON_32, arguments), Call::Psci(cut));
        let whole = Psci::On { target: arguments[0], entry: 0x1_4000_0000, context: u64::MAX };
        assert_eq!(call(PSCI_CPU_ON_64, arguments), Call::Psci(whole));
    }

    #[test]
    fn a_reset_is_warm_or_there_is_none() {
        assert_eq!(call(PSCI_SYSTEM_RESET2_64, [1 << 32, 7, 0]), Call::Psci(Psci::SystemReset));
        for kind in [1, 0x7fff_ffff, 0x8000_0000] {
            let refused = Call::Answer(Return::INVALID_PARAMETERS);
            assert_eq!(call(PSCI_SYSTEM_RESET2_32, [kind, 0, 0]), refused, "{kind:#x}");
        }
    }

    #[test]
    fn a_workaround_of_the_firmware_is_announced_and_called() {
        let workarounds = Workarounds { first: 0, second: 1, third: -1 };
        let ask = |function, argument| {
            let mut registers = Registers::default();
            registers.x[..2].copy_from_slice(&[function, argument]);
            with_first(|first| Call::decode(first, &workarounds, &registers))
        };
        let answers = [0x8000_8000, 0x8000_7fff, 0x8000_3fff].map(|id| ask(SMCCC_ARCH_FEATURES, id));
        assert_eq!(answers, [0, 1, -1].map(|value| Call::Answer(Return(value))));
        assert_eq!(ask(0x8000_8000, 0), Call::Firmware);
        assert_eq!(ask(0x8000_3fff, 0), Call::Answer(Return::NOT_SUPPORTED));
    }

    #[test]
    fn a_function_of_the_firmware_is_called_by_whom_the_plan_allows() {
        assert_eq!(call(0x8400_0050, [0; 3]), Call::Answer(Return::NOT_SUPPORTED));
        let mut registers = Registers::default();
        registers.x[0] = 0x8400_0050;
        with_second(|second| {
            assert_eq!(Call::decode(second, &Workarounds::NONE, &registers), Call::Firmware);
            registers.x[0] = 0x8400_0051;
            let refused = Call::Answer(Return::NOT_SUPPORTED);
            assert_eq!(Call::decode(second, &Workarounds::NONE, &registers), refused);
        });
    }

    #[test]
    fn an_order_is_given_to_whom_the_caller_controls() {
        let stop = Call::Order(Order { target: 1, verb: Verb::Stop });
        assert_eq!(call(u64::from(abi::PARTITION_STOP), [0; 3]), stop);
        let nobody = Call::Answer(Return::INVALID_PARAMETERS);
        assert_eq!(call(u64::from(abi::PARTITION_STOP), [1, 0, 0]), nobody);
        assert_eq!(call(u64::from(abi::CALL_UID), [0; 3]), Call::Words(abi::UUID.map(u64::from)));
    }

    proptest! {
        #[test]
        fn what_is_not_listed_does_not_exist(function in any::<u32>(), arguments in any::<[u64; 3]>()) {
            let family = function & 0xbfff_ffe0;
            let is_own = function & 0xbf00_0000 == 0x8600_0000;
            if family != 0x8400_0000 && family != 0x8000_0000 && !is_own {
                prop_assert_eq!(call(u64::from(function), arguments), Call::Answer(Return::NOT_SUPPORTED));
            }
        }
    }
}
