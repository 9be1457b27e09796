//! A PL011 for a partition that owns no UART: output only.
//!
//! Arm DDI 0183. What the guest transmits goes into a ring of its own; the registers that a driver sets up
//! keep what it has written; nothing is ever received. Of the interrupts there is the one for transmission,
//! as of a UART whose FIFO drains at once: every byte that is taken asserts it. The output of the device is
//! a level; [`Uart::line`] says which, and whoever carries out an access tells the interrupt controller.

use crate::bits::bit;
use crate::mmio::Mmio;

/// What an access to the UART becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UartAccess {
    /// A load gives this; a store has had its effect.
    Value(u64),
    /// This byte is transmitted: [`Uart::transmitted`], once it is.
    Transmit(u8),
    /// A load of the flags: see [`Uart::flags`].
    Flags,
}

/// The level of the device's interrupt output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It asks for an interrupt.
    High,
    /// It does not.
    Low,
}

/// The registers that keep what was written, and what has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uart {
    ibrd: u32,
    fbrd: u32,
    lcr_h: u32,
    cr: u32,
    ifls: u32,
    imsc: u32,
    has_transmitted: bool,
}

impl Uart {
    /// The state after reset (DDI 0183 table 3-1).
    pub const fn new() -> Self {
        Self { ibrd: 0, fbrd: 0, lcr_h: 0, cr: 0x300, ifls: 0x12, imsc: 0, has_transmitted: false }
    }

    /// What the guest's access at `offset` becomes.
    pub fn access(&mut self, offset: u64, access: &Mmio) -> UartAccess {
        match (offset, access.store) {
            (DR, Some(value)) => UartAccess::Transmit(u8::try_from(value & 0xff).unwrap_or(0)),
            (FR, None) => UartAccess::Flags,
            (RIS, None) => UartAccess::Value(self.raw()),
            (MIS, None) => UartAccess::Value(self.raw() & u64::from(self.imsc)),
            (ICR, Some(value)) => {
                self.has_transmitted &= !bit(value, TRANSMIT);
                UartAccess::Value(0)
            }
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

    /// A byte has left, and with it all that the FIFO held.
    pub const fn transmitted(&mut self) {
        self.has_transmitted = true;
    }

    /// The level of UARTINTR: any interrupt that is raised and not masked.
    pub fn line(&self) -> Level {
        if self.raw() & u64::from(self.imsc) == 0 { Level::Low } else { Level::High }
    }

    /// UARTFR, when the ring of what waits is full or not. What the ring has taken counts as transmitted:
    /// when it reaches the wire depends on other partitions, and a driver must not wait for those.
    pub const fn flags(is_full: bool) -> u64 {
        RECEIVE_EMPTY | if is_full { TRANSMIT_FULL | BUSY } else { TRANSMIT_EMPTY }
    }

    /// UARTRIS.
    fn raw(&self) -> u64 {
        u64::from(self.has_transmitted) << TRANSMIT
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
const RIS: u64 = 0x3c;
const MIS: u64 = 0x40;
const ICR: u64 = 0x44;
/// UARTPeriphID0 to UARTPCellID3, one byte each.
const ID: u64 = 0xfe0;
const IDENTIFICATION: [u8; 8] = [0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

/// The bit of the interrupt for transmission in UARTIMSC, RIS, MIS and ICR.
const TRANSMIT: u32 = 5;

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
    use proptest::prelude::{Strategy, any, prop};
    use proptest::{prop_assert_eq, prop_oneof, proptest};
    use std::collections::BTreeMap;

    const IMSC: u64 = 0x38;

    fn load() -> Mmio {
        Mmio::decode(1 << 24 | 2 << 22, &Registers::default()).unwrap()
    }

    fn store(value: u64) -> Mmio {
        Mmio::decode(1 << 24 | 2 << 22 | 1 << 6, &Registers::new([value; 31], 0, 0)).unwrap()
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

    #[test]
    fn what_was_transmitted_asks_for_an_interrupt_until_it_is_cleared_or_masked() {
        let mut uart = Uart::new();
        uart.access(IMSC, &store(1 << TRANSMIT));
        assert_eq!(uart.line(), Level::Low, "nothing was transmitted yet: the interrupt is a transition");
        uart.transmitted();
        assert_eq!(uart.line(), Level::High);
        uart.access(IMSC, &store(0));
        assert_eq!(uart.line(), Level::Low);
        assert_eq!(uart.access(RIS, &load()), UartAccess::Value(1 << TRANSMIT), "masked, not forgotten");
        uart.access(IMSC, &store(1 << TRANSMIT));
        uart.access(ICR, &store(1 << TRANSMIT));
        assert_eq!(uart.line(), Level::Low);
    }

    /// The registers as DDI 0183 3.3 describes them: what each offset reads, apart from flags and data.
    #[derive(Default)]
    struct Reference(BTreeMap<u64, u64>);

    impl Reference {
        fn read(&self, offset: u64) -> u64 {
            let value = |offset, reset| self.0.get(&offset).copied().unwrap_or(reset);
            match offset {
                0x24 | 0x28 | 0x2c | 0x38 | 0x3c => value(offset, 0),
                0x30 => value(offset, 0x300),
                0x34 => value(offset, 0x12),
                0x40 => value(0x3c, 0) & value(0x38, 0),
                0xfe0 => 0x11,
                0xfe4 | 0xff0 => [0x10, 0x0d][usize::from(offset == 0xff0)],
                0xfe8 => 0x14,
                0xff4 => 0xf0,
                0xff8 => 0x05,
                0xffc => 0xb1,
                _ => 0,
            }
        }

        fn write(&mut self, offset: u64, value: u64) {
            let (register, value) = match offset {
                0x00 => (0x3c, 0x20),
                0x44 => (0x3c, self.read(0x3c) & !value),
                0x24 => (offset, value & 0xffff),
                0x28 | 0x34 => (offset, value & 0x3f),
                0x2c => (offset, value & 0xff),
                0x30 => (offset, value & 0xff87),
                0x38 => (offset, value & 0x7ff),
                _ => return,
            };
            self.0.insert(register, value);
        }
    }

    fn any_access() -> impl Strategy<Value = (u64, Option<u64>)> {
        let register = (0_u64..0x14).prop_map(|word| word * 4);
        let offset = prop_oneof![8 => register, 1 => 0xfe0_u64..0x1000, 1 => 0_u64..0x1000];
        (offset, any::<Option<u64>>())
    }

    proptest! {
        #[test]
        fn it_behaves_as_its_manual_says(accesses in prop::collection::vec(any_access(), 1..80)) {
            let (mut uart, mut reference) = (Uart::new(), Reference::default());
            for (offset, value) in accesses {
                let answer = uart.access(offset, &value.map_or_else(load, store));
                match (offset, value) {
                    (DR, Some(value)) => {
                        prop_assert_eq!(answer, UartAccess::Transmit(value.to_le_bytes()[0]));
                        uart.transmitted();
                    }
                    (FR, None) => prop_assert_eq!(answer, UartAccess::Flags),
                    // The identification registers are bytes; a load between two of them reads the one below.
                    (_, None) => {
                        let register = if offset < ID { offset } else { offset & !3 };
                        prop_assert_eq!(answer, UartAccess::Value(reference.read(register)));
                    }
                    (_, Some(_)) => prop_assert_eq!(answer, UartAccess::Value(0)),
                }
                if let Some(value) = value {
                    reference.write(offset, value);
                }
                let expected = if reference.read(0x40) == 0 { Level::Low } else { Level::High };
                prop_assert_eq!(uart.line(), expected);
            }
        }
    }
}
