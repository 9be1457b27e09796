//! A device's interrupt, and the UART.
//!
//! The device is a PL031, a clock (Arm DDI 0224): once its alarm is reached, its interrupt is raised for as
//! long as its mask lets it through, and the mask is a register that no hypervisor looks at.

use crate::instruction::{self, Register};
use crate::{row, taken};
use core::sync::atomic::{AtomicU64, Ordering};
use guest_rt::gic::Shared;
use guest_rt::{Machine, cpu, interrupt};

const DATA: u64 = 0x0;
const MATCH: u64 = 0x4;
const MASK: u64 = 0x10;
const RAW: u64 = 0x14;
const CLEAR: u64 = 0x1c;

/// In the distributor.
const ISPENDR: u64 = 0x200;

/// What the UART is measured with.
const LINE: &[u8; 64] = b"bench: this line was written by single stores to the register.\r\n";

/// How often the clock is asked whether its alarm is reached.
const PATIENCE: u32 = 1_000_000;

/// The clock's registers, for whoever takes its interrupt; 0 if there is no clock.
static CLOCK: AtomicU64 = AtomicU64::new(0);

/// Measures what there is.
pub(crate) fn measure(machine: &'static Machine, samples: u64) {
    let data = Register::of_uart(machine, 0);
    let mut line = LINE.iter().cycle();
    row::measure::<16, _>("uart_character", LINE.len() as u64, || {
        data.time_write(line.next().copied().unwrap_or_default().into())
    });
    if let (base @ 1.., intid @ 32..1020) = (machine.number("clock", 0), machine.number("clock-interrupt", 0))
    {
        let register = |offset| Register::of_device(machine, base, offset);
        raise(&register);
        CLOCK.store(base, Ordering::Relaxed);
        measure_interrupts(machine, register(MASK), u32::try_from(intid).unwrap_or(0), samples);
        register(CLEAR).write(1);
    }
}

/// Lowers the clock's line: called where its interrupt is taken.
pub(crate) fn quieten() {
    if let (Some(machine), base @ 1..) = (guest_rt::machine::known(), CLOCK.load(Ordering::Relaxed)) {
        Register::of_device(machine, base, MASK).write(0);
    }
}

/// Sets the alarm to now and waits until it is reached; the mask holds it back.
fn raise(register: &impl Fn(u64) -> Register) {
    register(MASK).write(0);
    register(MATCH).write(register(DATA).read());
    let reached = (0..PATIENCE).any(|_| {
        cpu::relax();
        register(RAW).read() & 1 != 0
    });
    assert!(reached, "the clock does not reach its alarm");
}

/// From the store that raises the line, and from the one that sets the interrupt pending in the distributor.
fn measure_interrupts(machine: &'static Machine, mask: Register, intid: u32, samples: u64) {
    taken::expect_device(intid);
    Shared::open(machine).enable(intid, cpu::affinity());
    interrupt::unmask();
    let from = |register: Register, value| {
        taken::prepare();
        let begin = instruction::count();
        register.write(value);
        taken::watch(1) - begin
    };
    row::measure::<17, _>("spi_device", samples, || from(mask, 1));
    let pend = Register::of_distributor(machine, ISPENDR + u64::from(intid / 32) * 4);
    row::measure::<18, _>("spi_pended", samples, || from(pend, 1 << (intid % 32)));
    interrupt::mask();
}
