//! What the rules are: every decision of EL2 as a pure function.
//!
//! Hardware hands EL2 a syndrome and a few registers; this crate says what they mean ([`Exit`]), what is
//! to be done about it ([`Action`]), and holds the state machines behind the answers. Nothing here
//! touches hardware, so all of it is tested on the host; `hypervisor/src/act.rs` does what it is told.
//!
//! Everything that reaches these functions comes from a guest and is hostile: they are total. No
//! indexing, no unchecked arithmetic, no panic (the crate's lints see to it).

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(test)]
extern crate std;

mod abort;
pub mod berth;
mod bits;
mod call;
mod compartment;
pub mod console;
pub mod cpu_frame;
mod cpu_interface;
pub mod distributor;
pub mod el2;
mod end;
mod exit;
mod fault;
pub mod handoff;
mod id;
pub mod inject;
pub mod journal;
mod life;
mod mmio;
mod nature;
mod order;
mod power;
pub mod prove;
pub mod quick;
mod reason;
pub mod redistributor;
mod registers;
pub mod sgi;
pub mod sight;
mod spi;
pub mod stage1;
pub mod stage2;
mod system_register;
pub mod uart;
mod wait;

pub use abort::Abort;
pub use call::{Call, Psci, Return};
pub use compartment::{Action, Compartment, Reach};
pub use cpu_interface::{ActivePriorities, Interface, control_of_guest, may_sleep};
pub use end::{FaultKind, Why};
pub use exit::{Exit, Syndrome};
pub use fault::{Fault, History, KEPT, Seen};
pub use id::{ID_REGISTERS, IdRegisters};
pub use life::{Cause, Next, Policy};
pub use mmio::{Mmio, Width};
pub use nature::{Nature, Workarounds};
pub use order::{Order, Verb};
pub use power::{Entry, Phase, Power, PowerAction, PowerState, Renewal, Start, Stop};
pub use reason::{REASONS, Reason};
pub use registers::{BTYPE, Registers, SS};
pub use spi::SpiSet;
pub use system_register::{Encoding, SystemAccess};
pub use uart::Uart;
