//! A PL011 for a partition that owns no UART: output only.
//!
//! Arm DDI 0183. What the guest transmits goes into a ring of its own; the registers that a driver sets up
//! keep what it has written; nothing is ever received and no interrupt is raised, so a driver has to poll
//! the flags, as every early console does.

use crate::mmio::Mmio;

/// What an access to the UART becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UartAccess {
    /// A load gives this; a store has had its effect.
    Value(u64),
    /// This byte is transmitted.
    Transmit(u8),
    /// A load of the flags: see [`Uart::flags`].
    Flags,
}

/// The registers that keep what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uart {
    ibrd: u32,
    fbrd: u32,
    lcr_h: u32,
    cr: u32,
    ifls: u32,
    imsc: u32,
}

impl Uart {
    /// The state after reset (DDI 0183 table 3-1).
    pub const fn new() -> Self {
        Self { ibrd: 0, fbrd: 0, lcr_h: 0, cr: 0x300, ifls: 0x12, imsc: 0 }
    }

    /// What the guest's access at `offset` becomes.
    pub fn access(&mut self, offset: u64, access: &Mmio) -> UartAccess {
        match (offset, access.store) {
            (DR, Some(value)) => UartAccess::Transmit(u8::try_from(value & 0xff).unwrap_or(0)),
            (FR, None) => UartAccess::Flags,
            (_, Some(value)) => {
                if let Some((register, width)) = self.kept(offset) {
                    *register = u32::try_from(value & 0xffff_ffff & width).unwrap_or(0);
                }
                UartAccess::Value(0)
            }
            (ID..0x1000, None) => UartAccess::Value(identification(offset)),
            (_, None) => UartAccess::Value(self.kept(offset).map_or(0, |(register, _)| u64::from(*register))),
        }
    }

    /// UARTFR, when the ring of what waits is full or not. What the ring has taken counts as transmitted:
    /// when it reaches the wire depends on other partitions, and a driver must not wait for those.
    pub const fn flags(is_full: bool) -> u64 {
        RECEIVE_EMPTY | if is_full { TRANSMIT_FULL | BUSY } else { TRANSMIT_EMPTY }
    }

    /// The register at `offset`, and the bits that it has.
    fn kept(&mut self, offset: u64) -> Option<(&mut u32, u64)> {
        match offset {
            0x24 => Some((&mut self.ibrd, 0xffff)),
            0x28 => Some((&mut self.fbrd, 0x3f)),
            0x2c => Some((&mut self.lcr_h, 0xff)),
            0x30 => Some((&mut self.cr, 0xff87)),
            0x34 => Some((&mut self.ifls, 0x3f)),
            0x38 => Some((&mut self.imsc, 0x7ff)),
            _ => None,
        }
    }
}

impl Default for Uart {
    fn default() -> Self {
        Self::new()
    }
}

const DR: u64 = 0x00;
const FR: u64 = 0x18;
/// UARTPeriphID0 to UARTPCellID3, one byte each.
const ID: u64 = 0xfe0;
const IDENTIFICATION: [u8; 8] = [0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

const BUSY: u64 = 1 << 3;
const RECEIVE_EMPTY: u64 = 1 << 4;
const TRANSMIT_FULL: u64 = 1 << 5;
const TRANSMIT_EMPTY: u64 = 1 << 7;

fn identification(offset: u64) -> u64 {
    let index = usize::try_from(offset.wrapping_sub(ID) >> 2).unwrap_or(usize::MAX);
    IDENTIFICATION.get(index).map_or(0, |byte| u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::Registers;

    fn load() -> Mmio {
        Mmio::decode(1 << 24 | 2 << 22, &Registers::default()).unwrap()
    }

    fn store(value: u64) -> Mmio {
        Mmio::decode(1 << 24 | 2 << 22 | 1 << 6, &Registers { x: [value; 31], pc: 0, pstate: 0 }).unwrap()
    }

    #[test]
    fn a_byte_stored_to_the_data_register_is_transmitted() {
        assert_eq!(Uart::new().access(DR, &store(0x141)), UartAccess::Transmit(b'A'));
        assert_eq!(Uart::new().access(DR, &load()), UartAccess::Value(0));
    }

    #[test]
    fn a_driver_reads_back_what_it_has_set() {
        let mut uart = Uart::new();
        assert_eq!(uart.access(0x30, &load()), UartAccess::Value(0x300));
        uart.access(0x30, &store(u64::MAX));
        assert_eq!(uart.access(0x30, &load()), UartAccess::Value(0xff87));
    }

    #[test]
    fn it_identifies_itself_as_a_pl011() {
        let mut uart = Uart::new();
        let bytes = [0xfe0, 0xfe4, 0xff0, 0xffc].map(|offset| uart.access(offset, &load()));
        assert_eq!(bytes, [0x11, 0x10, 0x0d, 0xb1].map(UartAccess::Value));
    }

    #[test]
    fn the_flags_say_whether_there_is_room() {
        assert_eq!(Uart::flags(false), 0x90);
        assert_eq!(Uart::flags(true), 0x38);
    }
}
