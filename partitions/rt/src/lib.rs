//! What every bare-metal guest of Bulkhead needs.
//!
//! A guest is a `no_std` binary of the target `aarch64-unknown-none-softfloat` that names its `main` by
//! [`entry!`]. It runs as a partition of Bulkhead and, unchanged, on the bare machine: all it knows of its
//! surroundings it has from the device tree. Where the hypervisor traps an access it must find a plain load
//! or store, so registers are reached through `safe-mmio`. Unsafe code of the guests lives here.

#![no_std]

pub mod clock;
pub mod console;
pub mod control;
pub mod cpu;
pub mod gic;
pub mod interrupt;
pub mod machine;
pub mod mark;
pub mod probe;
pub mod psci;
pub mod timer;

mod bus;
mod entry;
mod exception;
mod frame;
mod list;
mod paging;
mod panic;
mod pl011;
mod tree;

pub use frame::Frame;
pub use machine::{Device, Machine, Span};

/// Makes `main`, a `fn(&'static Machine)`, the guest's first function; the machine is switched off when
/// it returns.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        const _: () = {
            /// Called once, by the runtime, on the first CPU.
            // SAFETY: no other item of a guest has this name: the runtime declares it for this purpose.
            #[unsafe(no_mangle)]
            extern "Rust" fn guest_main(machine: &'static $crate::Machine) {
                $main(machine);
            }
        };
    };
}
