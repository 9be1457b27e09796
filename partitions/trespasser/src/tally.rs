//! How the attempts ended.

use crate::attempt::Outcome;
use core::fmt;
use core::ops::Add;

/// Numbers of attempts by how they ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    probes: u64,
    aborted: u64,
    succeeded: u64,
}

impl Tally {
    /// Counts one more.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.probes += 1;
        match outcome {
            Outcome::Refused => self.aborted += 1,
            Outcome::Succeeded => self.succeeded += 1,
            Outcome::Other(_) => {}
        }
    }

    /// How many ended in another way than by an external abort.
    pub(crate) fn not_refused(&self) -> u64 {
        self.probes - self.aborted
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            probes: self.probes + other.probes,
            aborted: self.aborted + other.aborted,
            succeeded: self.succeeded + other.succeeded,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} probes, {} aborted, {} succeeded", self.probes, self.aborted, self.succeeded)?;
        match self.not_refused() - self.succeeded {
            0 => Ok(()),
            other => write!(f, ", {other} with another fault"),
        }
    }
}
