//! Counts what a machine executes at EL2, by CPU and by reason.
//!
//! Whoever sees the machine execute (`plugin/`, a TCG plugin of QEMU) tells the [`Books`]; they know nothing
//! of QEMU and are tested on the host. What they hold at the end is a [`Report`], which tests read.

#![forbid(unsafe_code)]

mod books;
mod mark;
mod report;

pub use books::{Books, Place};
pub use mark::Mark;
pub use report::{Cause, Exits, Phase, Report, Tally, Window};
