//! The hypervisor's UART: a PL011 (Arm DDI 0183), output only.
//!
//! Firmware or the reset state has set up its rate; EL2 enables it and writes.

use bulkhead_plan::{Console, ConsoleKind};
use core::sync::atomic::{AtomicBool, Ordering};
use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite};
use tock_registers::{register_bitfields, register_structs};

register_bitfields! {
    u32,
    Flags [
        /// Transmit FIFO full.
        TXFF OFFSET(5) NUMBITS(1) []
    ],
    Control [
        /// UART enable.
        UARTEN OFFSET(0) NUMBITS(1) [],
        /// Transmit enable.
        TXE OFFSET(8) NUMBITS(1) []
    ]
}

register_structs! {
    Registers {
        (0x00 => data: ReadWrite<u32>),
        (0x04 => _reserved_0),
        (0x18 => flags: ReadOnly<u32, Flags::Register>),
        (0x1c => _reserved_1),
        (0x30 => control: ReadWrite<u32, Control::Register>),
        (0x34 => @END),
    }
}

/// A UART, or none.
#[derive(Clone, Copy)]
pub(crate) struct Uart(Option<&'static Registers>);

// SAFETY: the one `Uart` is behind the console's lock; another CPU that uses it is another holder of the lock.
unsafe impl Send for Uart {}

// SAFETY: every access to its registers is one load or store of its own.
unsafe impl Sync for Uart {}

/// How often to look whether there is room before a byte is given up: longer than a byte takes at 9600 baud.
const PATIENCE: u32 = 1_000_000;

static IS_STUCK: AtomicBool = AtomicBool::new(false);

impl Uart {
    /// No UART: everything is swallowed.
    pub(crate) const NONE: Self = Self(None);

    /// The UART of the plan.
    ///
    /// # Safety
    ///
    /// It is mapped as Device memory where it lies physically, from now on.
    pub(crate) unsafe fn new(console: &Console) -> Self {
        match console.kind {
            ConsoleKind::None => Self::NONE,
            ConsoleKind::Pl011 => {
                // SAFETY: the caller promises that the registers are there; they are only ever used by
                // shared reference, through cells.
                let registers = unsafe { &*(console.base.0 as *const Registers) };
                registers.control.write(Control::UARTEN::SET + Control::TXE::SET);
                Self(Some(registers))
            }
        }
    }

    /// Whether a byte can be transmitted at once.
    pub(crate) fn has_room(self) -> bool {
        self.0.is_none_or(|registers| !registers.flags.is_set(Flags::TXFF))
    }

    /// Transmits a byte. Waits for room, but not for ever, and never again for a UART that has none.
    pub(crate) fn put(self, byte: u8) {
        let Some(registers) = self.0 else { return };
        let patience = if IS_STUCK.load(Ordering::Relaxed) { 1 } else { PATIENCE };
        let has_room = (0..patience).any(|_| {
            core::hint::spin_loop();
            self.has_room()
        });
        IS_STUCK.store(!has_room, Ordering::Relaxed);
        registers.data.set(u32::from(byte));
    }
}
