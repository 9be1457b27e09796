//! Lines of text on the machine's standard output.
//!
//! A line goes out as a whole, whatever other CPUs print, and is on the wire before `println!` returns: a
//! guest that switches the machine off leaves nothing unsaid.

use crate::cpu::{self, Lock};
use crate::machine::Span;
use crate::pl011::Uart;
use core::fmt::{self, Write};

/// How often whoever must speak asks whether another has finished.
const PATIENCE: u32 = 1_000_000;

static CONSOLE: Lock<Option<Uart>> = Lock::new(None);

/// Prints a line.
#[macro_export]
macro_rules! println {
    ($($argument:tt)*) => { $crate::console::print(::core::format_args!($($argument)*)) };
}

/// Prints `line` and ends it: what [`println!`] does. Not for functions that take interrupts: what they
/// interrupted may be printing.
pub fn print(line: fmt::Arguments<'_>) {
    if let Some(uart) = CONSOLE.lock().as_mut() {
        // `Uart` never fails: an error can only come from what is printed, and there is nowhere to report it.
        let _ = uart.write_fmt(format_args!("{line}\n"));
        uart.flush();
    }
}

/// Has the UART raise the interrupt that what was printed asks for. With interrupts masked, if the function
/// that takes it uses the console.
pub fn ask_for_interrupt() {
    if let Some(uart) = CONSOLE.lock().as_mut() {
        uart.ask_for_interrupt();
    }
}

/// Has it raise none any more. For the function that takes it: nobody may be printing.
pub fn withdraw_interrupt() {
    if let Some(uart) = CONSOLE.lock().as_mut() {
        uart.withdraw_interrupt();
    }
}

/// Speaks through the PL011 at `span` from now on.
pub(crate) fn open(span: Span) {
    // SAFETY: the device tree names this UART as the guest's output, everything that is not RAM is mapped as
    // Device memory, and nothing but this module makes a `Uart`.
    *CONSOLE.lock() = unsafe { Uart::new(span) };
}

/// Makes sure that the next line comes out, even if whoever is printing never finishes, because it is what
/// the caller interrupted.
pub(crate) fn seize() {
    for _ in 0..PATIENCE {
        if CONSOLE.try_lock().is_some() {
            return;
        }
        cpu::relax();
    }
    // SAFETY: whoever holds the lock is on this CPU, under the caller, who never returns to it, or does not
    // move on another CPU; at worst characters of two lines mix.
    unsafe { CONSOLE.force_unlock() }
}

impl Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.send(b'\r');
            }
            self.send(byte);
        }
        Ok(())
    }
}
