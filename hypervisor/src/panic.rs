//! The end: EL2 has found a bug in itself.
//!
//! A broken hypervisor isolates nobody, so the whole board stops and says why. No guest can cause this.

use crate::console;
use crate::firmware;
use core::panic::PanicInfo;

/// An exception was taken from EL2 to EL2, by vector number `kind`.
pub(crate) extern "C" fn exception_in_el2(kind: u64, esr: u64, elr: u64, far: u64) -> ! {
    console::last_words(format_args!(
        "stopped: exception {kind} in the hypervisor: ESR {esr:#x}, ELR {elr:#x}, FAR {far:#x}"
    ));
    stop_the_board()
}

/// Stops the board: there is nothing sound left to run.
pub(crate) fn stop_the_board() -> ! {
    firmware::system_off();
    loop {
        aarch64_cpu::asm::wfe();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::last_words(format_args!("stopped: {info}"));
    stop_the_board()
}
