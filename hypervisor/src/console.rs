//! What EL2 says, and the one UART that everybody without a UART shares.
//!
//! A partition's write goes into a ring of its own and never waits for another partition: whoever finds
//! the console free carries to it what waits, a bounded number of bytes of each, and only as long as the
//! UART has room. Whoever has filled its ring is put off, not held at EL2: its guest tries again. EL2's own
//! log takes its turn by a ticket lock.
//!
//! EL2's log is in a journal as well, from its first line on. If the plan gives the UART to a partition, that is all
//! there is once every partition has begun, and consoles are carried to a journal of their own, so that no guest can
//! write over EL2's.

use crate::cache;
use crate::partition::{Partition, speaking};
use crate::pause;
use crate::system;
use crate::uart::Uart;
use aarch64_cpu::registers::CNTFRQ_EL0;
use bulkhead_core::console::{LAST_BREAK, Line};
use bulkhead_core::journal::{Journal, Kind};
use bulkhead_plan::Console as Description;
use core::fmt::{self, Write};
use log::{LevelFilter, Log, Metadata, Record};
use spin::Once;
use spin::mutex::TicketMutex;
use tock_registers::interfaces::Readable;

/// Bytes of one partition that one visit carries.
const TURN: usize = 64;
/// Visits to all partitions that a single access makes at the most.
const VISITS: usize = 4;
/// Whoever waits may break another's line after 1/100 of a second.
const PATIENCE_HZ: u64 = 100;

/// Milliseconds in which another CPU ends its line, unless it is the one that has found the bug.
const MOMENT: u64 = 100;

/// Milliseconds in which a UART sends all that it holds.
const DRAINING: u64 = 50;

/// In [`Line::put`]: the hypervisor itself.
const HYPERVISOR: usize = usize::MAX;
const HYPERVISOR_LABEL: &str = "bulkhead";

struct Console {
    /// None once it is a partition's.
    uart: Option<Uart>,
    line: Line,
    /// Whose turn is first: after the one that was carried last, so that nobody's flood starves another.
    first: usize,
}

static UART: Once<Uart> = Once::new();
// Held for at most `TURN` bytes of each partition while the UART has room, or for one line of the log.
static CONSOLE: TicketMutex<Console> = TicketMutex::new(Console::new(Uart::NONE));
static LOG: Journal<0x4000> = Journal::new();
static CONSOLES: Journal<0x1000> = Journal::new();

struct Logger;

/// Begins to speak.
///
/// # Safety
///
/// The UART is sound, and mapped as Device memory where it lies physically, from now on.
pub(crate) unsafe fn start(description: &Description) {
    // SAFETY: the caller promises it.
    let uart = *UART.call_once(|| unsafe { Uart::new(description) });
    CONSOLE.lock().uart = Some(uart);
    LOG.begin(Kind::Log);
    end_any_line(uart);
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// Carries what partitions have written to the UART, if nobody else is at it and it has room.
pub(crate) fn carry() {
    for _ in 0..VISITS {
        let Some(mut console) = CONSOLE.try_lock() else { return };
        let waiting = speaking();
        let from_first =
            u32::try_from(console.first).ok().and_then(|first| u32::MAX.checked_shl(first)).unwrap_or(0);
        // How many others there are makes no difference to who is alone.
        for index in bits(waiting & from_first).chain(bits(waiting & !from_first)) {
            if let Some(partition) = system::partitions().get(index) {
                console.carry_turn(partition);
            }
        }
        drop(console);
        if speaking() == 0 {
            return;
        }
    }
}

/// The numbers of the bits that are set.
fn bits(mut mask: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let number = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (number < u32::BITS).then_some(number as usize)
    })
}

/// Says that the UART is the partition's from here on, and never uses it again, but for last words.
pub(crate) fn hand_over(heir: &Partition) {
    let mut console = CONSOLE.lock();
    let _ = writeln!(console, "{}: has this UART from here on", heir.name);
    if let Some(uart) = console.uart.take() {
        LAST_BREAK.into_iter().for_each(|byte| uart.put(byte));
    }
    CONSOLES.begin(Kind::Consoles);
    drop(console);
    let start = pause::now();
    while !pause::has_passed(DRAINING, start) {
        core::hint::spin_loop();
    }
}

/// Carries everything that a partition has written and that still waits: it will not write again.
pub(crate) fn carry_rest(partition: &Partition) {
    let mut console = CONSOLE.lock();
    while let Some(byte) = partition.said().pop(pause::now()) {
        console.put(partition.index, partition.name, byte);
    }
    console.confess(partition);
}

/// Says `message` whatever state the console is in: EL2 has found a bug in itself, and nothing else runs on.
/// Lets another CPU end its line, if that takes no longer than a moment; else a mixed-up line is all that can
/// come of it.
pub(crate) fn last_words(message: fmt::Arguments<'_>) {
    let Some(&uart) = UART.get() else { return };
    let mut console = None;
    let _ = pause::until(MOMENT, || {
        console = CONSOLE.try_lock();
        console.is_some()
    });
    end_any_line(uart);
    let _ = writeln!(Console::new(uart), "{message}");
    keep(&LOG);
}

/// The wire, or what is in its place.
#[inline(never)]
fn carry_byte(uart: Option<Uart>, byte: u8) {
    match uart {
        Some(uart) => uart.put(byte),
        None => CONSOLES.put(byte),
    }
}

/// Has a journal reach memory, where whoever reads a dump of that looks for it.
fn keep<const SIZE: usize>(journal: &Journal<SIZE>) {
    cache::clean_and_invalidate((&raw const *journal).addr() as u64, size_of::<Journal<SIZE>>() as u64);
}

/// Ends the line that firmware, or whoever spoke, has begun.
fn end_any_line(uart: Uart) {
    [0x1e, b'\r', b'\n'].into_iter().for_each(|byte| uart.put(byte));
}

impl Console {
    const fn new(uart: Uart) -> Self {
        Self { uart: Some(uart), line: Line::new(), first: 0 }
    }

    fn put(&mut self, speaker: usize, label: &str, byte: u8) {
        let uart = self.uart;
        self.line.put(speaker, label, byte, &mut |byte| carry_byte(uart, byte));
    }

    fn carry_turn(&mut self, partition: &Partition) {
        let patience = CNTFRQ_EL0.get() / PATIENCE_HZ;
        let presses = partition.said().presses(pause::now(), patience);
        if !presses && !self.line.is_free_for(partition.index) {
            return;
        }
        for _ in 0..TURN {
            if self.uart.is_some_and(|uart| !uart.has_room()) {
                return;
            }
            let Some(byte) = partition.said().pop(pause::now()) else { break };
            self.first = partition.index + 1;
            self.put(partition.index, partition.name, byte);
        }
        self.confess(partition);
        if self.uart.is_none() {
            keep(&CONSOLES);
        }
    }

    /// Says how much of a partition's console was lost.
    fn confess(&mut self, partition: &Partition) {
        let lost = partition.said().take_lost();
        if lost != 0 {
            let _ = writeln!(self, "{}: {lost} bytes of its console were lost", partition.name);
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            LOG.put(byte);
            if self.uart.is_none() {
                continue;
            }
            if byte == b'\n' {
                self.put(HYPERVISOR, HYPERVISOR_LABEL, b'\r');
            }
            self.put(HYPERVISOR, HYPERVISOR_LABEL, byte);
        }
        Ok(())
    }
}

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let _ = writeln!(CONSOLE.lock(), "{}", record.args());
        keep(&LOG);
    }

    fn flush(&self) {}
}
