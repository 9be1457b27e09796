//! Function calls by `HVC` and `SMC`: what the number in w0 means.
//!
//! SMC Calling Convention (DEN 0028) and PSCI 1.1 (DEN 0022). Everything that is not listed does not
//! exist: nothing a guest says reaches the firmware by itself.

use crate::registers::Registers;

/// A function call, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The answer needs no state.
    Answer(Return),
    /// The answer depends on the power state of the partition's CPUs, or changes it.
    Psci(Psci),
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
    /// Decodes the call that a guest has made with these registers.
    pub fn decode(registers: &Registers) -> Self {
        let function = registers.read(0) & 0xffff_ffff;
        let argument = |number| registers.read(number) & argument_mask(function);
        match function {
            SMCCC_VERSION => Self::Answer(Return(SMCCC_1_1)),
            SMCCC_ARCH_FEATURES => Self::Answer(arch_feature(registers.read(1) & 0xffff_ffff)),
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

/// SMCCC 1.1 and PSCI 1.1: major version in the high half, minor in the low.
const SMCCC_1_1: i64 = 0x1_0001;
const PSCI_1_1: i64 = 0x1_0001;
/// MIGRATE_INFO_TYPE: there is no trusted OS, or it need not migrate.
const NO_MIGRATION: i64 = 2;
/// The bit of a function number that says that arguments have 64 bits.
const SMC64: u64 = 1 << 30;

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
        | PSCI_FEATURES => Return::SUCCESS,
        _ => Return::NOT_SUPPORTED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::any;
    use proptest::{prop_assert_eq, proptest};

    fn call(function: u64, arguments: [u64; 3]) -> Call {
        let mut registers = Registers::default();
        registers.x[0] = function;
        registers.x[1..4].copy_from_slice(&arguments);
        Call::decode(&registers)
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

    proptest! {
        #[test]
        fn what_is_not_listed_does_not_exist(function in any::<u32>(), arguments in any::<[u64; 3]>()) {
            let family = function & 0xbfff_ffe0;
            if family != 0x8400_0000 && family != 0x8000_0000 {
                prop_assert_eq!(call(u64::from(function), arguments), Call::Answer(Return::NOT_SUPPORTED));
            }
        }
    }
}
