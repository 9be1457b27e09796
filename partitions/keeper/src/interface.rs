//! One's own CPU interface: system registers of a GICv3, a page of a GICv2.
//!
//! GICv3 §12.2, GICv2 §4.4. What the trials prepare with it and look at is the same of both.

use crate::raw;
use guest_rt::{Frame, Machine};

/// Where GICC of a GICv2 has a register.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Port {
    Control = 0x0,
    Mask = 0x4,
    BinaryPoint = 0x8,
    Acknowledge = 0xc,
    End = 0x10,
    RunningPriority = 0x14,
    HighestPending = 0x18,
    ActivePriorities = 0xd0,
    Deactivate = 0x1000,
}

/// A register that can be read and written.
#[derive(Clone, Copy)]
pub(crate) struct Register {
    system: raw::Register,
    port: Port,
}

pub(crate) const CONTROL: Register = Register { system: raw::CONTROL, port: Port::Control };
pub(crate) const PRIORITY_MASK: Register = Register { system: raw::PRIORITY_MASK, port: Port::Mask };
pub(crate) const BINARY_POINT: Register = Register { system: raw::BINARY_POINT, port: Port::BinaryPoint };
pub(crate) const ACTIVE_PRIORITIES: Register =
    Register { system: raw::ACTIVE_PRIORITIES, port: Port::ActivePriorities };

/// The running priority where nothing is active.
pub(crate) const IDLE: u64 = 0xff;

/// The CPU interface.
#[derive(Clone, Copy)]
pub(crate) struct Interface {
    /// GICC, if there is a GICv2.
    page: Option<Frame>,
    /// The bit of [`CONTROL`] that has the end of an interrupt only drop its priority: EOImode.
    pub(crate) only_drop: u64,
    /// The one that lets interrupts through, which in a GICv3 is in a register of its own.
    pub(crate) enable: u64,
}

impl Interface {
    /// That of `machine`.
    pub(crate) fn of(machine: &Machine) -> Self {
        if machine.has_gicv2() {
            Self { page: Some(Frame::cpu_interface(machine)), only_drop: 1 << 9, enable: 1 }
        } else {
            Self { page: None, only_drop: 1 << 1, enable: 0 }
        }
    }

    /// Leaves nothing active or masked.
    pub(crate) fn calm(self) {
        self.write(ACTIVE_PRIORITIES, 0);
        self.write(CONTROL, self.enable);
        self.write(BINARY_POINT, 0);
        self.write(PRIORITY_MASK, 0xf0);
        if self.page.is_none() {
            (raw::GROUP_ENABLE.write)(1);
        }
        // An implementation that keeps the running priority apart (QEMU) finds it again at the end of an interrupt.
        if self.running_priority() != IDLE {
            self.end(0);
        }
    }

    pub(crate) fn read(self, register: Register) -> u64 {
        self.load_or(register.port, register.system.read)
    }

    pub(crate) fn write(self, register: Register, value: u64) {
        self.store_or(register.port, register.system.write, value);
    }

    pub(crate) fn running_priority(self) -> u64 {
        self.load_or(Port::RunningPriority, raw::RUNNING_PRIORITY)
    }

    /// Takes the interrupt that comes first.
    pub(crate) fn acknowledge(self) -> u64 {
        self.load_or(Port::Acknowledge, raw::ACKNOWLEDGE)
    }

    /// Ends what was taken.
    pub(crate) fn end(self, interrupt: u64) {
        self.store_or(Port::End, raw::END, interrupt);
    }

    fn load_or(self, port: Port, read: fn() -> u64) -> u64 {
        self.page.map_or_else(read, |page| page.load(port as u64).into())
    }

    fn store_or(self, port: Port, write: fn(u64), value: u64) {
        match self.page {
            Some(page) => page.store(port as u64, low_word(value)),
            None => write(value),
        }
    }
}

/// The half of a value that a register of 32 bits has room for.
#[allow(clippy::cast_possible_truncation, reason = "the other half is not stored")]
pub(crate) const fn low_word(value: u64) -> u32 {
    value as u32
}
