//! The hypervisor's UART, output only: the plan says how to send, whatever its kind.
//!
//! Firmware or the reset state has set up its rate; EL2 switches the transmitter on and writes. `entry.S` does
//! the same before the MMU is on, from the same record.

use bulkhead_plan::{Change, Console};
use core::sync::atomic::{AtomicBool, Ordering};

/// A UART, or none.
#[derive(Clone, Copy)]
pub(crate) struct Uart(Console);

/// How often to look whether there is room before a byte is given up: longer than a byte takes at 9600 baud.
const PATIENCE: u32 = 1_000_000;

static IS_STUCK: AtomicBool = AtomicBool::new(false);

impl Uart {
    /// No UART: everything is swallowed.
    pub(crate) const NONE: Self = Self(Console::NONE);

    /// The UART of the plan.
    ///
    /// # Safety
    ///
    /// It is sound, and mapped as Device memory where it lies physically, from now on.
    pub(crate) unsafe fn new(console: &Console) -> Self {
        let uart = Self(*console);
        for change in console.on.iter().filter(|change| !change.is_none()) {
            let Change { register, .. } = *change;
            uart.write(register, change.of(uart.read(register)));
        }
        uart
    }

    /// Whether a byte can be transmitted at once.
    pub(crate) fn has_room(self) -> bool {
        self.0.is_none() || self.0.has_room(self.read(self.0.status))
    }

    /// Transmits a byte. Waits for room, but not for ever, and never again for a UART that has none.
    pub(crate) fn put(self, byte: u8) {
        if self.0.is_none() {
            return;
        }
        let patience = if IS_STUCK.load(Ordering::Relaxed) { 1 } else { PATIENCE };
        let has_room = (0..patience).any(|_| {
            core::hint::spin_loop();
            self.has_room()
        });
        IS_STUCK.store(!has_room, Ordering::Relaxed);
        self.write(self.0.data, u32::from(byte));
    }

    fn read(self, register: u32) -> u32 {
        let address = self.0.base.0 + u64::from(register);
        if self.0.width == 1 {
            // SAFETY: a register of the plan's UART, which is mapped as who made this has promised.
            return u32::from(unsafe { (address as *const u8).read_volatile() });
        }
        // SAFETY: as above; a sound UART has it aligned.
        unsafe { (address as *const u32).read_volatile() }
    }

    fn write(self, register: u32, value: u32) {
        let address = self.0.base.0 + u64::from(register);
        if self.0.width == 1 {
            // SAFETY: as for a load; nobody relies on what the UART does.
            return unsafe { (address as *mut u8).write_volatile(value.to_le_bytes()[0]) };
        }
        // SAFETY: as above.
        unsafe { (address as *mut u32).write_volatile(value) }
    }
}
