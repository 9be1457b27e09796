//! Taking interrupts.
//!
//! One function of the guest takes them all, told apart by INTID. What the GIC hands them out by belongs to the
//! CPU, system registers or a page, so nothing is trapped on the way.

use crate::gic;
use core::arch::asm;
use spin::Once;

static TAKER: Once<fn(u32)> = Once::new();

/// Makes `function` the one that is called, interrupts masked, with the INTID of every interrupt; the first
/// call decides.
pub fn call(function: fn(u32)) {
    TAKER.call_once(|| function);
}

/// Sleeps by WFI until an interrupt has made `reached` true.
pub fn wait_until(reached: impl Fn() -> bool) {
    sleep_until(aarch64_cpu::asm::wfi, reached);
}

/// Sleeps by `sleep` until an interrupt has made `reached` true. Interrupts are masked when it is called; a
/// pending one has to end it.
pub fn sleep_until(sleep: fn(), reached: impl Fn() -> bool) {
    loop {
        // Between the question and WFI no interrupt may be taken: WFI would wait for the next. A masked one
        // ends WFI all the same (Arm ARM, Wait for Interrupt).
        mask();
        if reached() {
            return unmask();
        }
        sleep();
        unmask();
    }
}

/// Lets interrupts come to this CPU.
pub fn unmask() {
    // SAFETY: the vectors are set up before any code of the guest runs; not `nomem`, because what an
    // interrupt changed must be seen after it.
    unsafe { asm!("msr daifclr, #2", "isb", options(nostack)) }
}

/// Keeps interrupts from this CPU.
pub fn mask() {
    // SAFETY: masking takes nothing from anybody; not `nomem`, for the reason given above.
    unsafe { asm!("msr daifset, #2", options(nostack)) }
}

/// Lets an asynchronous abort be taken, which ends the guest.
pub(crate) fn unmask_serror() {
    // SAFETY: the vectors are set up.
    unsafe { asm!("msr daifclr, #4", options(nostack)) }
}

/// Takes the interrupt that the GIC has for this CPU, if it still has one.
pub(crate) fn dispatch() {
    if let Some(taken) = gic::acknowledge() {
        if let Some(function) = TAKER.get() {
            function(taken.intid());
        }
        gic::end(&taken);
    }
}
