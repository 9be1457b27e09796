//! Output through a PL011 UART (Arm DDI 0183), polled.
//!
//! Speed and format are what the firmware left; a guest only makes sure that the UART is on. Waiting is
//! bounded: a UART that is stuck costs characters, not the guest.

use crate::cpu;
use crate::machine::Span;
use core::mem::offset_of;
use core::ptr::NonNull;
use safe_mmio::fields::{ReadPureWrite, WriteOnly};
use safe_mmio::{UniqueMmioPointer, field};
use tock_registers::register_bitfields;

/// How often a guest asks whether there is room before it gives up.
const PATIENCE: u32 = 1_000_000;

register_bitfields![u32,
    /// UARTFR.
    FR [
        TXFF OFFSET(5) NUMBITS(1) [],
        BUSY OFFSET(3) NUMBITS(1) [],
    ],
    /// UARTCR.
    CR [
        TXE OFFSET(8) NUMBITS(1) [],
        UARTEN OFFSET(0) NUMBITS(1) [],
    ],
    /// UARTIMSC and UARTICR.
    INTERRUPT [
        TX OFFSET(5) NUMBITS(1) [],
    ]
];

/// As far as a guest uses them.
#[repr(C)]
struct Registers {
    dr: ReadPureWrite<u32>,
    reserved_004: [u32; 5],
    fr: ReadPureWrite<u32>,
    reserved_01c: [u32; 5],
    cr: ReadPureWrite<u32>,
    reserved_034: u32,
    imsc: ReadPureWrite<u32>,
    reserved_03c: [u32; 2],
    icr: WriteOnly<u32>,
}

const _: () = assert!(offset_of!(Registers, fr) == 0x18);
const _: () = assert!(offset_of!(Registers, cr) == 0x30);
const _: () = assert!(offset_of!(Registers, imsc) == 0x38);
const _: () = assert!(offset_of!(Registers, icr) == 0x44);

/// A UART that sends.
pub(crate) struct Uart {
    registers: UniqueMmioPointer<'static, Registers>,
}

impl Uart {
    /// The UART at `span`, switched on; `None` if its registers are not there.
    ///
    /// # Safety
    /// At `span` must be a PL011, mapped as Device memory, that nobody else uses.
    pub(crate) unsafe fn new(span: Span) -> Option<Self> {
        let base = core::ptr::with_exposed_provenance_mut::<Registers>(usize::try_from(span.base).ok()?);
        // SAFETY: the caller promises the registers, and that there is no second pointer to them.
        let mut registers = unsafe { UniqueMmioPointer::new(NonNull::new(base)?) };
        let enabled = CR::UARTEN::SET.value | CR::TXE::SET.value;
        field!(registers, cr).modify(|cr| cr | enabled);
        Some(Self { registers })
    }

    /// Sends `byte` as soon as there is room.
    pub(crate) fn send(&mut self, byte: u8) {
        self.wait_while(|flags| FR::TXFF.is_set(flags));
        field!(self.registers, dr).write(byte.into());
    }

    /// Waits until everything is sent.
    pub(crate) fn flush(&mut self) {
        self.wait_while(|flags| FR::BUSY.is_set(flags));
    }

    /// Unmasks the interrupt that what was sent has raised.
    pub(crate) fn ask_for_interrupt(&mut self) {
        field!(self.registers, imsc).write(INTERRUPT::TX::SET.value);
    }

    /// Masks it and takes it back.
    pub(crate) fn withdraw_interrupt(&mut self) {
        field!(self.registers, imsc).write(0);
        field!(self.registers, icr).write(INTERRUPT::TX::SET.value);
    }

    fn wait_while(&mut self, condition: impl Fn(u32) -> bool) {
        for _ in 0..PATIENCE {
            if !condition(field!(self.registers, fr).read()) {
                return;
            }
            cpu::relax();
        }
    }
}
