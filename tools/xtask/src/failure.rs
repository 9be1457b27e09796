//! Why a command ended early, with the exit code that says so.

use std::{fmt, io, path::Path};

use bulkhead::{run, system};

/// The command makes no sense.
pub(crate) const USAGE: u8 = 2;
/// A tool or a file is missing.
pub(crate) const MISSING: u8 = 3;
/// A run failed.
pub(crate) const FAILED: u8 = 4;

/// A text for the person, beside the exit code; the text is empty if all has been said.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: u8,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn usage(why: impl fmt::Display) -> Self {
        Self::new(USAGE, why)
    }

    pub(crate) fn missing(why: impl fmt::Display) -> Self {
        Self::new(MISSING, why)
    }

    pub(crate) fn failed(why: impl fmt::Display) -> Self {
        Self::new(FAILED, why)
    }

    /// Something failed that has been reported.
    pub(crate) fn reported() -> Self {
        Self { exit: FAILED, text: String::new() }
    }

    /// For `map_err`: what the host said about a file.
    pub(crate) fn about(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |error| Self::failed(format_args!("{}: {error}", path.display()))
    }

    fn new(exit: u8, why: impl fmt::Display) -> Self {
        Self { exit, text: format!("error: {why}") }
    }
}

impl From<run::Error> for Failure {
    fn from(error: run::Error) -> Self {
        Self::new(error.exit_code(), &error)
    }
}

/// A configuration's faults are many, and say `error` themselves.
impl From<system::Failure> for Failure {
    fn from(failure: system::Failure) -> Self {
        Self { exit: failure.exit_code(), text: failure.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.trim_end())
    }
}
