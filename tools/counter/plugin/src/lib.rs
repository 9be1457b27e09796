//! A TCG plugin of QEMU that counts what is executed at EL2.
//!
//! `qemu.rs` is all that is QEMU's; `option.rs` reads what comes after the plugin's name; the books are the
//! crate `counter`. A block of instructions is translated for one exception level and executed at no other,
//! so the level is looked up once for each block, and what runs below EL2 costs nothing.

#![deny(unsafe_code)]

mod option;
mod qemu;
