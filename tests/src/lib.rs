//! System tests: boot an image in QEMU, read the consoles, give a verdict.
//!
//! A test is a function and a sentence. It starts machines through its [`Context`], which keeps what the
//! consoles said, so that a failure shows it. `cargo xtask test` provides what tests need and runs them.

#![forbid(unsafe_code)]

pub mod bench;
mod board;
mod boards;

mod boot;
#[cfg(test)]
mod claims;
mod context;
mod counted;
mod counts;
mod damage;
mod demo;
mod entry_state;
mod firmware;
mod fuzz;
mod gdb;
mod gicv2;
mod in_place;
mod intruder;
mod journal;
mod linux;
mod loader;
mod qmp;
mod refusal;
mod registers;
mod restart;
mod runner;
mod shapes;
mod states;
mod systems;
mod trees;
mod uboot;
mod waiting;

use std::time::{Duration, Instant};

pub use board::{Again, Board};
pub use context::{Context, Running, Setting};
pub use counted::PLUGIN;
pub use runner::{Tally, run};

/// How long a guest may take that does nothing unusual: ten times what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// One system test.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// The group it runs in; groups run one after another.
    pub group: &'static str,
    /// The behaviour, as a sentence.
    pub name: &'static str,
    /// What must be there beside QEMU and the images built here.
    pub needs: &'static [Need],
    /// Whether another machine may run at the same time.
    pub company: Company,
    /// The test itself.
    pub run: fn(&Context<'_>) -> anyhow::Result<()>,
    /// The board that it runs on.
    pub board: Board,
    /// When it runs on another one as well.
    pub again: Again,
}

impl Test {
    /// What most tests are: without needs, welcome to company, on the first board alone.
    pub const PLAIN: Self = Self {
        group: "",
        name: "",
        needs: &[],
        company: Company::Welcome,
        run: |_| Ok(()),
        board: Board::Virt,
        again: Again::Never,
    };

    /// Its sentence, and which board it is said of.
    pub fn title(&self) -> String {
        match self.board {
            Board::Virt => self.name.to_owned(),
            board => format!("{}, on {}", self.name, board.name()),
        }
    }

    /// The same test, run on the board with a GICv2 as well.
    pub(crate) const fn again(self, again: Again) -> Self {
        Self { again, ..self }
    }
}

/// Something that a test cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// QEMU itself; every test needs it without saying so.
    Qemu,
    /// The fetched `linux` guest.
    Linux,
    /// The kernels that are fetched besides that of `linux`.
    Kernels,
    /// The fetched `u-boot` guest.
    UBoot,
    /// The fetched workloads for Linux.
    Workloads,
    /// The fetched device trees, and `dtc`.
    DeviceTrees,
    /// A firmware that the person has; there is none to fetch.
    Firmware,
    /// The fetched device trees of boards in `board-configs`.
    BoardTrees,
}

/// Whether a test shares the host with one other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Two such tests run at a time.
    Welcome,
    /// The test counts or measures, and runs alone.
    Unwelcome,
}

/// All system tests, in the order of their groups; with those of the long tier, or without.
pub fn all(long: bool) -> Vec<Test> {
    let tests = [
        fuzz::TESTS,
        trees::TESTS,
        demo::TESTS,
        boot::TESTS,
        damage::TESTS,
        in_place::TESTS,
        entry_state::TESTS,
        shapes::TESTS,
        registers::TESTS,
        linux::TESTS,
        uboot::TESTS,
        firmware::TESTS,
        gicv2::TESTS,
        states::TESTS,
        boards::TESTS,
        intruder::TESTS,
        restart::TESTS,
        waiting::TESTS,
        journal::TESTS,
        bench::TESTS,
    ]
    .concat();
    let of_long_tier = linux::LONG_TESTS.iter().filter(|_| long).copied();
    let is_again = |test: &Test| test.again == Again::Always || test.again == Again::Long && long;
    let both = |test: Test| {
        let again = is_again(&test).then_some(Test { board: Board::VirtGicv2, ..test });
        [Some(test), again].into_iter().flatten()
    };
    tests.into_iter().chain(of_long_tier).flat_map(both).collect()
}

/// The point in time after which waiting makes no sense.
pub fn patience() -> Instant {
    Instant::now() + PATIENCE
}
