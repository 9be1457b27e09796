//! The one UART that everybody without a UART shares.
//!
//! A partition's write goes into a ring of its own and never waits for another partition: whoever finds
//! the console free carries to it what waits, a bounded number of bytes of each, and only as long as the
//! UART has room. Whoever has filled its ring is put off, not held at EL2: its guest tries again. EL2's own
//! log takes its turn by a ticket lock.

use crate::partition::{Partition, speaking};
use crate::pause;
use crate::system;
use crate::uart::Uart;
use aarch64_cpu::registers::CNTFRQ_EL0;
use bulkhead_core::console::Line;
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

/// In [`Line::put`]: the hypervisor itself.
const HYPERVISOR: usize = usize::MAX;
const HYPERVISOR_LABEL: &str = "bulkhead";

struct Console {
    uart: Uart,
    line: Line,
    /// Whose turn is first: after the one that was carried last, so that nobody's flood starves another.
    first: usize,
}

static UART: Once<Uart> = Once::new();
// Held for at most `TURN` bytes of each partition while the UART has room, or for one line of the log.
static CONSOLE: TicketMutex<Console> = TicketMutex::new(Console::new(Uart::NONE));

struct Logger;

/// Begins to speak.
///
/// # Safety
///
/// The UART is mapped as Device memory where it lies physically, from now on.
pub(crate) unsafe fn start(description: &Description) {
    // SAFETY: the caller promises it.
    let uart = *UART.call_once(|| unsafe { Uart::new(description) });
    CONSOLE.lock().uart = uart;
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
}

/// Ends the line that firmware, or whoever spoke, has begun.
fn end_any_line(uart: Uart) {
    [0x1e, b'\r', b'\n'].into_iter().for_each(|byte| uart.put(byte));
}

impl Console {
    const fn new(uart: Uart) -> Self {
        Self { uart, line: Line::new(), first: 0 }
    }

    fn put(&mut self, speaker: usize, label: &str, byte: u8) {
        let uart = self.uart;
        self.line.put(speaker, label, byte, &mut |byte| uart.put(byte));
    }

    fn carry_turn(&mut self, partition: &Partition) {
        let patience = CNTFRQ_EL0.get() / PATIENCE_HZ;
        let presses = partition.said().presses(pause::now(), patience);
        if !presses && !self.line.is_free_for(partition.index) {
            return;
        }
        for _ in 0..TURN {
            if !self.uart.has_room() {
                return;
            }
            let Some(byte) = partition.said().pop(pause::now()) else { break };
            self.first = partition.index + 1;
            self.put(partition.index, partition.name, byte);
        }
        self.confess(partition);
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
    }

    fn flush(&self) {}
}
