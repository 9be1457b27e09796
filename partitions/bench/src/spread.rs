//! How measurements are distributed.

use core::fmt;

/// Most values that are told apart.
const MOST: usize = 24;

/// Measurements, by value.
pub(crate) struct Spread {
    values: [(u64, u64); MOST],
    /// How many there are of other values.
    others: u64,
    count: u64,
    sum: u64,
    greatest: u64,
}

impl Spread {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self { values: [(0, 0); MOST], others: 0, count: 0, sum: 0, greatest: 0 }
    }

    /// Adds a measurement.
    pub(crate) fn add(&mut self, value: u64) {
        self.count += 1;
        self.sum += value;
        self.greatest = self.greatest.max(value);
        match self.values.iter_mut().find(|(known, times)| *known == value || *times == 0) {
            Some(slot) => *slot = (value, slot.1 + 1),
            None => self.others += 1,
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, sum, greatest, .. } = self;
        write!(f, "count {count} sum {sum} max {greatest} spread")?;
        for (value, times) in self.values.iter().filter(|(_, times)| *times > 0) {
            write!(f, " {value}:{times}")?;
        }
        match self.others {
            0 => Ok(()),
            others => write!(f, " others:{others}"),
        }
    }
}
