//! What was decided: the plan that crosses from the host tool to EL2.
//!
//! The tool writes a plan, the hypervisor reads it, and both use this crate, so the two cannot disagree
//! about its form. Decoding is total: any sequence of bytes gives a [`Plan`] or a [`DecodeError`], never
//! a panic. A decoded plan says nothing yet about sense; [`verify`] checks the invariants on which
//! isolation rests and is run by the tool before it writes an image and by EL2 before it enters a guest.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod address;
mod console;
mod decode;
mod encode;
mod function;
mod header;
mod invariant;
pub mod limits;
mod record;
#[cfg(any(test, feature = "sample"))]
pub mod sample;

pub use address::{BLOCK, GIGABYTE, Ipa, PAGE, Pa, Span};
pub use console::{Change, Console};
pub use decode::{DecodeError, Plan};
pub use encode::Draft;
pub use function::is_answered_by_el2;
pub use header::{
    BOOT_HEADER_OFFSET, BootHeader, Header, MAGIC, PLAN_VERSION, ROOM_FOR_TREE, Section, Table,
};
pub use invariant::{Violation, verify};
pub use record::{
    Board, Conduit, Cpu, Function, GicVersion, Interrupt, InterruptMode, Load, NO_PARTITION, Name, Partition,
    Range, Region, RegionKind, Restart, Step, StepKind, Trigger,
};
