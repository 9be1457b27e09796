//! A PL031 real-time clock (Arm DDI 0224): seconds, and an alarm that is an interrupt.

use crate::machine::Machine;
use core::mem::offset_of;
use core::ptr::NonNull;
use safe_mmio::fields::{ReadPure, ReadPureWrite, WriteOnly};
use safe_mmio::{UniqueMmioPointer, field};

#[repr(C)]
struct Registers {
    dr: ReadPure<u32>,
    mr: ReadPureWrite<u32>,
    lr: ReadPureWrite<u32>,
    cr: ReadPureWrite<u32>,
    imsc: ReadPureWrite<u32>,
    ris: ReadPure<u32>,
    mis: ReadPure<u32>,
    icr: WriteOnly<u32>,
}

const _: () = assert!(offset_of!(Registers, icr) == 0x1c);

/// RTCCR: the clock runs. RTCIMSC, RTCICR: its one interrupt.
const ON: u32 = 1;

/// A clock that runs.
pub struct Clock {
    registers: UniqueMmioPointer<'static, Registers>,
}

impl Clock {
    /// The clock of `machine`, if it has one.
    pub fn open(machine: &Machine) -> Option<Self> {
        let address = usize::try_from(machine.clock?.registers.base).ok()?;
        let pointer = NonNull::new(core::ptr::with_exposed_provenance_mut::<Registers>(address))?;
        // SAFETY: the device tree says that a PL031's registers are there, they are mapped as Device memory, and
        // a guest opens its clock once.
        let mut registers = unsafe { UniqueMmioPointer::new(pointer) };
        field!(registers, cr).write(ON);
        Some(Self { registers })
    }

    /// Seconds since some day.
    pub fn seconds(&mut self) -> u32 {
        field!(self.registers, dr).read()
    }

    /// Raises the interrupt when the clock shows so many seconds, and not before.
    pub fn set_alarm(&mut self, seconds: u32) {
        field!(self.registers, mr).write(seconds);
        field!(self.registers, icr).write(ON);
        field!(self.registers, imsc).write(ON);
    }

    /// Whether the alarm's interrupt is raised.
    pub fn is_ringing(&mut self) -> bool {
        field!(self.registers, mis).read() & ON != 0
    }

    /// The seconds of the alarm.
    pub fn alarm(&mut self) -> u32 {
        field!(self.registers, mr).read()
    }
}
