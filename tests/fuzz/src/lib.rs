//! Random cases, by the hundred thousand, for every border that hostile input crosses.
//!
//! A target takes bytes, makes a case of them and says what must hold; a panic is a finding. The bytes come
//! from a seed that is printed, so a finding can be had again; one that was mended is kept in `kept/` and
//! tried before any other. The targets are plain functions of bytes, as `cargo fuzz` wants them.

#![forbid(unsafe_code)]

mod call;
mod console;
mod distributor;
mod exit;
mod gicv2;
mod harness;
mod plan;
mod power;
mod tree;
mod uart;
mod world;

use arbitrary::Unstructured;

pub use harness::{Finding, Report, run};

/// One border.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder in `kept/`.
    pub name: &'static str,
    /// Makes a case of the bytes and looks what becomes of it.
    pub check: fn(&mut Unstructured<'_>) -> arbitrary::Result<()>,
}

/// All borders.
pub const TARGETS: &[Target] = &[
    Target { name: "plan", check: plan::check },
    Target { name: "exit", check: exit::check },
    Target { name: "distributor", check: distributor::check },
    Target { name: "gicv2", check: gicv2::check },
    Target { name: "power", check: power::check },
    Target { name: "call", check: call::check },
    Target { name: "console", check: console::check },
    Target { name: "uart", check: uart::check },
    Target { name: "tree", check: tree::check },
];
