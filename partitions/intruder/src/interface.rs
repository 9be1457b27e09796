//! The CPU interface of the interrupt controller, of either kind.
//!
//! Registers ICC_*_EL1 of a GICv3 (GICv3 §12.2), GICC_* in memory of a GICv2 (GICv2 §4.4). Each access may fail.

use crate::attack::{Left, Slots};
use crate::encoding::Encoding;
use crate::plain::{Plain, VALUE};
use core::fmt;
use guest_rt::Machine;

/// A register that both kinds have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Register {
    /// ICC_CTLR_EL1; of a GICv2 it also has what [`Register::Enable`] has.
    Control,
    /// ICC_PMR_EL1.
    Mask,
    /// ICC_IAR1_EL1.
    Acknowledge,
    /// ICC_EOIR1_EL1.
    End,
    /// ICC_RPR_EL1.
    Running,
    /// ICC_AP1R0_EL1.
    Active,
    /// ICC_IGRPEN1_EL1.
    Enable,
    /// ICC_DIR_EL1.
    Deactivate,
}

/// The interface of the CPU that asks.
#[derive(Clone, Copy)]
pub(crate) struct Interface {
    plain: Plain,
    /// GICC, if there is a GICv2.
    frame: Option<u64>,
}

impl Interface {
    /// That of `machine`.
    pub(crate) fn of(machine: &Machine) -> Self {
        let frame = machine.has_gicv2().then_some(machine.cpu_interface.base);
        Self { plain: Plain::new(), frame }
    }

    /// Reads a register.
    pub(crate) fn read(&self, register: Register) -> Result<u64, Left> {
        let (left, value) = match self.frame {
            Some(frame) => (self.plain.load(WORD, frame + register.offset()), VALUE),
            None => (Slots::the().run_one(register.encoding().read(), [0; 4]), 0),
        };
        if left.fault.is_none() { Ok(left.registers[value]) } else { Err(left) }
    }

    /// Writes one; says whether that was possible.
    pub(crate) fn write(&self, register: Register, value: u64) -> bool {
        let left = match self.frame {
            Some(frame) => self.plain.store(WORD, frame + register.offset(), value),
            None => Slots::the().run_one(register.encoding().write(), [value, 0, 0, 0]),
        };
        left.fault.is_none()
    }

    /// Has the end of an interrupt only drop its priority (EOImode), or also deactivate it.
    pub(crate) fn only_drop(&self, only_drop: bool) -> bool {
        let mode = if only_drop { self.drop_mode() } else { 0 };
        let enabled = if self.frame.is_some() { ENABLE } else { 0 };
        self.write(Register::Control, enabled | mode)
    }

    /// The bit of [`Register::Control`] that says so.
    pub(crate) fn drop_mode(&self) -> u64 {
        if self.frame.is_some() { 1 << 9 } else { 1 << 1 }
    }
}

/// Position of a word among the sizes of an access.
const WORD: usize = 2;
/// GICC_CTLR: interrupts of the group that there is are let through.
const ENABLE: u64 = 1;

impl Register {
    const fn encoding(self) -> Encoding {
        match self {
            Self::Control => Encoding::new(3, 0, 12, 12, 4),
            Self::Mask => Encoding::new(3, 0, 4, 6, 0),
            Self::Acknowledge => Encoding::new(3, 0, 12, 12, 0),
            Self::End => Encoding::new(3, 0, 12, 12, 1),
            Self::Running => Encoding::new(3, 0, 12, 11, 3),
            Self::Active => Encoding::new(3, 0, 12, 9, 0),
            Self::Enable => Encoding::new(3, 0, 12, 12, 7),
            Self::Deactivate => Encoding::new(3, 0, 12, 11, 1),
        }
    }

    const fn offset(self) -> u64 {
        match self {
            Self::Control | Self::Enable => 0x0,
            Self::Mask => 0x4,
            Self::Acknowledge => 0xc,
            Self::End => 0x10,
            Self::Running => 0x14,
            Self::Active => 0xd0,
            Self::Deactivate => 0x1000,
        }
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the register {self:?} of the CPU interface")
    }
}
