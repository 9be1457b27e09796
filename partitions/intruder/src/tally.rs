//! What the families have counted, and what they have to report.
//!
//! *Distinct* counts operation, form and target: whoever calls [`Tally::judge`] does so once for each. What
//! differs by random arguments only goes through [`Tally::again`]; it must end as it should too.

use core::fmt;
use guest_rt::println;

/// Most lines of a family about attacks that ended in another way.
const MOST_LINES: u64 = 24;

/// The attacks of a family.
#[derive(Debug)]
pub(crate) struct Tally {
    family: &'static str,
    distinct: u64,
    answered: u64,
    again: u64,
    wrong: u64,
}

impl Tally {
    /// None so far.
    pub(crate) fn new(family: &'static str) -> Self {
        Self { family, distinct: 0, answered: 0, again: 0, wrong: 0 }
    }

    /// Counts an attack that has not been made before; `found` says what it was and how it ended.
    pub(crate) fn judge(&mut self, is_right: bool, found: fmt::Arguments<'_>) {
        self.distinct += 1;
        self.answered += u64::from(is_right);
        self.note(is_right, found);
    }

    /// Counts an attack that differs from another by a random argument only.
    pub(crate) fn again(&mut self, is_right: bool, found: fmt::Arguments<'_>) {
        self.again += 1;
        self.note(is_right, found);
    }

    /// Counts attacks of which somebody else has kept count.
    pub(crate) fn add(&mut self, distinct: u64, answered: u64) {
        self.distinct += distinct;
        self.answered += answered;
        self.wrong += distinct - answered;
    }

    /// Prints the family's line.
    pub(crate) fn report(&self) {
        println!("{self}");
    }

    /// Attacks that ended in another way than they must.
    pub(crate) fn wrong(&self) -> u64 {
        self.wrong
    }

    fn note(&mut self, is_right: bool, found: fmt::Arguments<'_>) {
        if is_right {
            return;
        }
        self.wrong += 1;
        if self.wrong <= MOST_LINES {
            println!("{}: WRONG: {found}", self.family);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, distinct, answered, again, wrong } = self;
        write!(f, "{family}: {distinct} distinct, {answered} answered")?;
        if *again != 0 {
            write!(f, ", {again} more with random arguments")?;
        }
        if *wrong != 0 {
            write!(f, ", {wrong} WRONG")?;
        }
        Ok(())
    }
}
