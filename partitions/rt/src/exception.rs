//! What becomes of exceptions.
//!
//! An interrupt goes to the function that the guest registered, a fault that nobody provoked ends the guest:
//! a guest that goes on after it has lost its footing could report anything.

use crate::{interrupt, println, psci};
use core::arch::global_asm;

global_asm!(include_str!("vectors.S"), interrupted = sym interrupted, unexpected = sym unexpected);

/// What the four entries of each quarter of the vector table are for.
const KINDS: [&str; 4] = ["synchronous exception", "IRQ", "FIQ", "SError"];

extern "C" fn interrupted() {
    interrupt::dispatch();
}

extern "C" fn unexpected(vector: usize, esr: u64, elr: u64, far: u64) -> ! {
    let kind = KINDS[vector % KINDS.len()];
    crate::console::seize();
    println!("unexpected {kind} (vector {vector}): ESR {esr:#x}, ELR {elr:#x}, FAR {far:#x}");
    psci::system_off()
}
