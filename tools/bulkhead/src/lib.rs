//! The planner: turns a wish into an image that it has proven.
//!
//! A system is a TOML file beside its board. The modules are the steps, in this order: `load` reads the
//! files, `board` the facts, `expand` resolves names, `rules` says what must not be, `guest` reads images,
//! `allocate` gives out addresses, `carve` makes device trees, `tables` stage 2, `records` and `wire` the
//! plan, `assemble` puts it all into one file, and the crate `bulkhead-verify` reads that file as if it had
//! never seen it.
//! [`system::build`] is the whole way; [`run`] starts the result in QEMU. From a finished image alone,
//! [`mod@inspect`] says what is in it and [`decode`] what the addresses in its log are.

#![forbid(unsafe_code)]
#![deny(clippy::print_stderr, clippy::print_stdout)] // They panic where nobody reads.

mod allocate;
pub mod aside;
mod assemble;
mod board;
pub mod boards;
mod bootargs;
mod carve;
pub mod decode;
pub mod diagnostic;
pub mod difference;
mod expand;
mod explain;
pub mod flash;
mod guest;
pub mod header;
mod hypervisor;
pub mod inspect;
pub mod launch;
mod load;
mod lock;
mod machine;
pub mod map;
pub mod package;
pub mod pages;
mod records;
mod report;
mod rules;
pub mod run;
pub mod schema;
pub mod size;
pub mod sketch;
pub mod system;
mod tables;
mod tree;
mod wake;
pub mod why;
mod wire;
