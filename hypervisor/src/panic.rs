//! The end: EL2 has found a bug in itself.
//!
//! A broken hypervisor isolates nobody, so the whole board stops and says why. No guest can cause this.

use crate::berth;
use crate::console;
use crate::firmware;
use crate::stop;
use crate::system;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering, fence};

/// Set by the first CPU on which EL2 fails: others, and a failure while failing, say nothing more.
pub(crate) static IS_DYING: AtomicU32 = AtomicU32::new(0);

/// Bytes of the stack on which EL2 says what happened: the one it was on may be what failed.
pub(crate) const LAST_STACK_SIZE: usize = 0x1000;

/// An exception was taken from EL2 to EL2, by vector number `kind`.
pub(crate) extern "C" fn exception_in_el2(kind: u64, esr: u64, elr: u64, far: u64) -> ! {
    console::last_words(format_args!(
        "stopped: exception {kind} in the hypervisor: ESR {esr:#x}, ELR {elr:#x}, FAR {far:#x}"
    ));
    stop_the_board()
}

/// Does what no line of EL2 does.
#[cfg(feature = "broken")]
pub(crate) fn fail_on_purpose() {
    // SAFETY: nothing is mapped there, so this ends in an exception, which is what it is for.
    unsafe { core::ptr::with_exposed_provenance::<u64>(0x1000).read_volatile() };
}

/// Whether EL2 has failed, and no life may begin any more.
pub(crate) fn is_dying() -> bool {
    IS_DYING.load(Ordering::Relaxed) != 0
}

/// Stops the board: there is nothing sound left to run.
pub(crate) fn stop_the_board() -> ! {
    firmware::system_off();
    IS_DYING.store(1, Ordering::Relaxed);
    // Seen by whoever restores a root that is cleared below.
    fence(Ordering::SeqCst);
    if let Some(system) = system::get() {
        stop::revoke_all(system);
    }
    berth::sleep()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::last_words(format_args!("stopped: {info}"));
    stop_the_board()
}
