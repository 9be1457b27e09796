//! Why the guest is not running: the syndrome, decoded.
//!
//! Arm ARM, ESR_EL2. Classes that this configuration of EL2 cannot raise are answered like instructions
//! that do not exist, so a class nobody thought of cannot become a hole.

use crate::abort::Abort;
use crate::bits::field;
use crate::system_register::SystemAccess;
use crate::wait::Wait;

/// The syndrome registers of a synchronous exception taken to EL2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Syndrome {
    /// ESR_EL2.
    pub esr: u64,
    /// FAR_EL2.
    pub far: u64,
    /// HPFAR_EL2.
    pub hpfar: u64,
}

/// A synchronous exception from the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// `HVC`: the program counter is already behind it.
    Hvc,
    /// `SMC`, trapped: the program counter is at it.
    Smc,
    /// `WFI`, trapped where the partition is guarded.
    Wait(Wait),
    /// `MSR`, `MRS` or `SYS`, trapped.
    System(SystemAccess),
    /// A load, store or cache operation that stage 2 refused.
    Data(Abort),
    /// An instruction fetch that stage 2 refused.
    Fetch(Abort),
    /// Anything else: no such instruction.
    Undefined,
}

impl Exit {
    /// Reads the exception class and what belongs to it.
    pub fn decode(syndrome: &Syndrome) -> Self {
        match field(syndrome.esr, 31, 26) {
            0x01 => Self::Wait(Wait::decode(syndrome.esr)),
            0x16 => Self::Hvc,
            0x17 => Self::Smc,
            0x18 => Self::System(SystemAccess::decode(syndrome.esr)),
            0x20 => Self::Fetch(Abort::decode(syndrome)),
            0x24 => Self::Data(Abort::decode(syndrome)),
            _ => Self::Undefined,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_class(class: u64) -> Exit {
        Exit::decode(&Syndrome { esr: class << 26, far: 0, hpfar: 0 })
    }

    #[test]
    fn every_class_has_an_answer() {
        for class in 0..64 {
            let known = matches!(class, 0x01 | 0x16 | 0x17 | 0x18 | 0x20 | 0x24);
            assert_eq!(of_class(class) == Exit::Undefined, !known, "class {class:#x}");
        }
    }
}
