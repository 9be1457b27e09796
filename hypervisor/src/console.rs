//! The one UART that everybody without a UART shares.
//!
//! A partition's write goes into a ring of its own and never waits for another partition: whoever finds
//! the console free carries to it what waits, a bounded number of bytes of each. EL2's own log takes its
//! turn by a ticket lock.

use crate::partition::Partition;
use crate::system;
use crate::uart::Uart;
use aarch64_cpu::registers::{CNTFRQ_EL0, CNTPCT_EL0};
use bulkhead_core::console::Line;
use bulkhead_plan::Console as Description;
use core::fmt::{self, Write};
use log::{LevelFilter, Log, Metadata, Record};
use spin::mutex::TicketMutex;
use tock_registers::interfaces::Readable;

/// Bytes of one partition that one visit carries: what a lock on the console is held for.
const TURN: usize = 64;
/// Visits to all partitions that a single write makes at the most.
const VISITS: usize = 4;

/// A line is not broken for another speaker before its own has been silent for 1/100 of a second.
const PATIENCE_HZ: u64 = 100;

/// In [`Line::put`]: the hypervisor itself.
const HYPERVISOR: usize = usize::MAX;
const HYPERVISOR_LABEL: &str = "bulkhead";

struct Console {
    uart: Uart,
    line: Line,
}

// Held for at most `TURN` bytes of each partition, or one line of the log.
static CONSOLE: TicketMutex<Console> = TicketMutex::new(Console { uart: Uart::NONE, line: Line::new() });

struct Logger;

/// Begins to speak.
///
/// # Safety
///
/// The UART is mapped as Device memory where it lies physically, from now on.
pub(crate) unsafe fn start(description: &Description) {
    // SAFETY: the caller promises it.
    let uart = unsafe { Uart::new(description) };
    // The firmware may have left a line unfinished.
    [0x1e, b'\r', b'\n'].into_iter().for_each(|byte| uart.put(byte));
    CONSOLE.lock().uart = uart;
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// Carries what partitions have written to the UART, if nobody else is at it.
pub(crate) fn carry() {
    for _ in 0..VISITS {
        let Some(mut console) = CONSOLE.try_lock() else { return };
        for (index, partition) in system::partitions().iter().enumerate() {
            console.carry_turn(index, partition);
        }
        drop(console);
        if system::partitions().iter().all(Partition::has_said_all) {
            return;
        }
    }
}

/// Carries everything that a partition has written and that still waits: it will not write again.
pub(crate) fn carry_rest(partition: &Partition) {
    CONSOLE.lock().carry_all(partition.index, partition);
}

/// Says `message` whatever state the console is in: EL2 has found a bug in itself, and nothing else runs on.
pub(crate) fn last_words(message: fmt::Arguments<'_>) {
    // SAFETY: who held the lock will not go on; a mixed-up line is all that can come of it.
    unsafe { CONSOLE.force_unlock() };
    let mut console = CONSOLE.lock();
    let _ = writeln!(console, "{message}");
}

impl Console {
    fn put(&mut self, speaker: usize, label: &str, byte: u8) {
        let uart = self.uart;
        self.line.put(speaker, label, byte, &mut |byte| uart.put(byte));
    }

    fn carry_turn(&mut self, index: usize, partition: &Partition) {
        let now = CNTPCT_EL0.get();
        let patience = CNTFRQ_EL0.get() / PATIENCE_HZ;
        if !self.line.admits(index, partition.is_crowded(), now, patience) {
            return;
        }
        for _ in 0..TURN {
            let Some(byte) = partition.next_said() else { break };
            self.put(index, partition.name(), byte);
            self.line.touch(now);
        }
        self.confess(partition);
    }

    fn carry_all(&mut self, index: usize, partition: &Partition) {
        while let Some(byte) = partition.next_said() {
            self.put(index, partition.name(), byte);
        }
        self.confess(partition);
    }

    /// Says how much of a partition's console was lost.
    fn confess(&mut self, partition: &Partition) {
        match partition.take_lost() {
            0 => {}
            lost => {
                let _ = writeln!(self, "{}: {lost} bytes of its console were lost", partition.name());
            }
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
