//! `cargo xtask bench`: how long things take, measured and printed, never asserted.
//!
//! A figure that a test insists on would fail on a busy machine and pass on a fast one; these are for people.

mod tool;

use clap::ValueEnum;

use crate::failure::Failure;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to measure
    what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// `bulkhead check` and `build` for a system of 16 partitions
    Tool,
}

/// Measures and prints.
pub(crate) fn bench(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.what {
        What::Tool => tool::measure(),
    }
}
