//! The EL2 firmware: one binary for every board and every system.
//!
//! It decides nothing: what is to be, the plan says; what an exit means, `bulkhead-core` says. Here is
//! the hardware: entry and vectors, EL2's own memory, the interrupt controller, the UART, the firmware,
//! and `act`, where a decision becomes an effect. Read `boot`, then `cpu`.

#![no_std]
#![no_main]

extern crate alloc;

mod act;
mod berth;
mod boot;
mod cache;
mod console;
mod control;
mod cpu;
mod entry;
mod firmware;
mod gic;
mod hash;
mod heap;
mod image;
mod load;
mod maps;
mod mark;
mod mmio;
mod muster;
mod order;
mod panic;
mod partition;
mod pause;
mod quick;
mod registers;
mod silence;
mod stop;
mod system;
mod totals;
mod translation;
mod uart;
mod vcpu;
