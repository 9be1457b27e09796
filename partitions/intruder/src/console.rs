//! The virtual UART: every offset by every size, and more than it can carry.
//!
//! PrimeCell UART (PL011, DDI 0183): registers of 32 bits, of which the reserved read zero. What is written
//! beyond what the console can carry is the intruder's own loss; that others are heard all the while is for
//! those who read the consoles.

use crate::plain::{Plain, SIZES, VALUE};
use crate::random::Random;
use crate::tally::Tally;
use crate::target::Targets;
use guest_rt::Machine;

/// UARTDR, the data; UARTFR, the flags; what says that it is a PL011 (DDI 0183 §3.3.14 and §3.3.15).
const DATA: u64 = 0x0;
const FLAGS: u64 = 0x18;
const IDENTITY: [(u64, u64); 8] = [
    (0xfe0, 0x11),
    (0xfe4, 0x10),
    (0xfe8, 0),
    (0xfec, 0),
    (0xff0, 0x0d),
    (0xff4, 0xf0),
    (0xff8, 0x05),
    (0xffc, 0xb1),
];
/// Revision and configuration in UARTPeriphID2 and 3 are the maker's.
const REVISION: u64 = 0xfe8;
/// Bytes of the flood.
const FLOOD: usize = 32 << 10;
/// How much of a line the flood is.
const LINE: usize = 64;

/// Attacks.
pub(crate) fn attack(machine: &'static Machine, _: &Targets, random: &mut Random) -> Tally {
    let mut tally = Tally::new("console");
    let (plain, base) = (Plain::new(), machine.uart.base);
    for (offset, expected) in IDENTITY {
        let value = plain.word(base + offset);
        let is_right = if offset == REVISION { value & 0xf == 4 } else { value == expected };
        tally.judge(is_right, format_args!("identity at {offset:#x}: {value:#x}, expected {expected:#x}"));
    }
    for offset in (4..0x1000).step_by(4) {
        for (number, _) in SIZES.into_iter().enumerate().filter(|(_, size)| offset % size == 0) {
            for (operation, value) in [("zeroed", 0), ("set", u64::MAX), ("written", random.next())] {
                let left = plain.store(number, base + offset, value);
                let is_right = left.fault.is_none();
                tally.judge(is_right, format_args!("UART at {offset:#x} {operation}: {left}"));
            }
            let left = plain.load(number, base + offset);
            let is_right = left.fault.is_none() && left.registers[VALUE] <= 0xffff;
            tally.judge(is_right, format_args!("UART at {offset:#x} read: {left}"));
        }
    }
    interrupt(&mut tally, &plain, machine);
    flood(&mut tally, &plain, base);
    tally
}

/// Its interrupt is pending while it is asked for, and asked for is what is not masked (DDI 0183 §3.3.10 to
/// §3.3.13).
fn interrupt(tally: &mut Tally, plain: &Plain, machine: &Machine) {
    const MASK: u64 = 0x38;
    const CLEAR: u64 = 0x44;
    const TRANSMITTED: u64 = 1 << 5;
    const ISPENDR: u64 = 0x200;
    let Some(intid) = machine.uart_interrupt.map(u64::from) else { return };
    let register = machine.distributor.base + ISPENDR + intid / 32 * 4;
    let set = |offset, value| plain.set_word(machine.uart.base + offset, value);
    for (mask, clear) in [(0, 0), (TRANSMITTED, 0), (TRANSMITTED, TRANSMITTED), (0, 0)] {
        set(MASK, mask);
        set(DATA, b'\n'.into());
        set(CLEAR, clear);
        let is_pending = plain.word(register) >> (intid % 32) & 1 == 1;
        let is_right = is_pending == (mask & !clear != 0);
        tally.judge(is_right, format_args!("UART with mask {mask:#x}, cleared {clear:#x}: {is_pending}"));
    }
}

/// Writes without asking whether there is room, then waits as a driver does.
fn flood(tally: &mut Tally, plain: &Plain, base: u64) {
    const BUSY: u64 = 1 << 3;
    const PATIENCE: u32 = 10_000_000;
    let is_right = (0..FLOOD).all(|number| {
        let byte = if number % LINE == LINE - 1 { b'\n' } else { b'~' };
        plain.store(2, base + DATA, byte.into()).fault.is_none()
    });
    tally.judge(is_right, format_args!("a flood of the console"));
    let is_dry = (0..PATIENCE).any(|_| plain.word(base + FLAGS) & BUSY == 0);
    tally.judge(is_dry, format_args!("a flooded console never gets dry"));
}
