//! A UART that sends, as data: which register, which bit, how wide.
//!
//! All UARTs of this class send in one way: wait until a status register says that there is room, then
//! write the byte to a data register. Only the numbers differ, so the plan has the numbers, and a kind of
//! UART is a row of a table in the tool. EL2 reads the plan with its MMU on; before that, `entry.S` reads
//! the same record in the boot header.

use crate::address::{PAGE, Pa, Span};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The hypervisor's own UART.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Console {
    /// First byte of its registers; zero: there is no UART, and the hypervisor is silent.
    pub base: Pa,
    /// Offset of the register that says whether there is room.
    pub status: u32,
    /// The bits of that register that count.
    pub mask: u32,
    /// What they are while a byte may be sent.
    pub room: u32,
    /// Offset of the register that a byte is written to.
    pub data: u32,
    /// What switches the transmitter on, in this order; rate and format stay as the firmware left them.
    pub on: [Change; 2],
    /// Bytes of each access: 1 or 4.
    pub width: u32,
    /// Zero.
    pub reserved: u32,
}

/// A change of a register; one that neither clears nor sets anything is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Change {
    /// Its offset.
    pub register: u32,
    /// Bits that become 0.
    pub clear: u32,
    /// Bits that become 1.
    pub set: u32,
}

impl Console {
    /// No UART.
    pub const NONE: Self = Self {
        base: Pa(0),
        status: 0,
        mask: 0,
        room: 0,
        data: 0,
        on: [Change::NONE; 2],
        width: 0,
        reserved: 0,
    };

    /// Whether there is no UART.
    pub const fn is_none(&self) -> bool {
        self.base.0 == 0
    }

    /// The page of its registers; empty if there is no UART.
    pub fn page(&self) -> Span {
        if self.is_none() { Span::default() } else { Span::new(self.base.0 & !(PAGE - 1), PAGE) }
    }

    /// Whether a byte may be sent while the status register reads `status`.
    pub const fn has_room(&self, status: u32) -> bool {
        status & self.mask == self.room
    }

    /// Whether it can be used: every access is of a width that there is, aligned, and in its page.
    pub fn is_sound(&self) -> bool {
        let width = u64::from(self.width);
        let page = self.page();
        let is_in_page = |offset: u32| {
            let register = self.base.0.checked_add(u64::from(offset)).map(|first| Span::new(first, width));
            register.is_some_and(|it| page.contains(&it) && it.base.is_aligned(width))
        };
        let mut offsets = [self.status, self.data].into_iter().chain(self.on.iter().map(|it| it.register));
        self.is_none() || matches!(width, 1 | 4) && offsets.all(is_in_page)
    }
}

impl Change {
    /// No change.
    pub const NONE: Self = Self { register: 0, clear: 0, set: 0 };

    /// Whether it changes nothing.
    pub const fn is_none(&self) -> bool {
        self.clear | self.set == 0
    }

    /// What a register with this value becomes.
    pub const fn of(&self, value: u32) -> u32 {
        value & !self.clear | self.set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::any;
    use proptest::{prop_assert, prop_assert_eq, proptest};
    use zerocopy::FromBytes;

    /// Registers of four bytes: status at 8, data at 4.
    const PLAIN: Console = Console {
        base: Pa(0x0900_0000),
        status: 8,
        mask: 0x20,
        room: 0x20,
        data: 4,
        width: 4,
        ..Console::NONE
    };

    #[test]
    fn no_uart_has_no_page_and_is_sound() {
        assert_eq!((Console::NONE.page().size, Console::NONE.is_sound()), (0, true));
        assert_eq!(Console::NONE, Console::default());
    }

    #[test]
    fn a_uart_within_a_page_has_all_of_it() {
        let within = Console { base: Pa(0xfe21_5040), ..PLAIN };
        assert_eq!(within.page(), Span::new(0xfe21_5000, PAGE));
        assert!(within.is_sound());
    }

    #[test]
    fn no_register_leaves_the_page_or_lies_askew() {
        assert!(PLAIN.is_sound());
        let changes: [fn(&mut Console); 9] = [
            |console| console.status = 0x1000,
            |console| console.data = 0xffd,
            |console| console.on[1] = Change { register: 0x1000, clear: 0, set: 1 },
            |console| console.base = Pa(0x0900_0ffc),
            |console| console.base = Pa(0x0900_0002),
            |console| console.base = Pa(u64::MAX - 3),
            |console| console.width = 0,
            |console| console.width = 2,
            |console| console.width = 8,
        ];
        for change in changes {
            let mut console = PLAIN;
            change(&mut console);
            assert!(!console.is_sound(), "{console:?}");
        }
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        assert_eq!(Change { register: 0, clear: 0x28, set: 0x14 }.of(0x128), 0x114);
        assert!(Change::NONE.is_none() && Change::NONE.of(0x128) == 0x128);
    }

    proptest! {
        #[test]
        fn there_is_room_when_the_bits_that_count_say_so(status: u32, other: u32, mask: u32) {
            let console = Console { mask, room: status & mask, ..PLAIN };
            prop_assert!(console.has_room(status));
            prop_assert_eq!(console.has_room(other), (other ^ status) & mask == 0);
        }

        #[test]
        fn what_is_decoded_and_sound_stays_in_its_page(bytes: [u8; 56], base in any::<u32>(), near: u16) {
            let mut console = Console::read_from_bytes(&bytes).unwrap();
            prop_assert_eq!(console.as_bytes(), bytes);
            // As it comes hardly any is sound.
            let offset = u32::from(near);
            (console.base, console.status, console.width) = (Pa(base.into()), offset, 1 + 3 * (offset & 1));
            (console.data, console.on) = (offset ^ 4, [Change { register: offset ^ 8, ..console.on[0] }; 2]);
            if console.is_sound() && !console.is_none() {
                for offset in [console.status, console.data, console.on[0].register] {
                    let first = console.base.0 + u64::from(offset);
                    prop_assert!(first.is_multiple_of(console.width.into()));
                    let last = first + u64::from(console.width) - 1;
                    prop_assert_eq!((first / PAGE, last / PAGE), (console.base.0 / PAGE, console.base.0 / PAGE));
                }
            }
        }
    }
}
