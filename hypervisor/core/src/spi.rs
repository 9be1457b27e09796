//! A set of SPIs, laid out as the distributor lays out its bits.
//!
//! One word stands for 32 INTIDs, as in GICD_ISENABLER<n>: ownership is then a mask away.

use bulkhead_plan::limits::{FIRST_SPI, LAST_SPI};

/// A set of INTIDs from 32 to 1019.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpiSet([u32; 32]);

impl SpiSet {
    /// The SPIs among `intids`.
    pub fn new(intids: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Self::default();
        for intid in intids {
            set.insert(intid);
        }
        set
    }

    /// Adds an SPI; other INTIDs are ignored.
    pub fn insert(&mut self, intid: u32) {
        if (FIRST_SPI..=LAST_SPI).contains(&intid) {
            let bit = 1_u32.wrapping_shl(intid);
            self.set_word(index(intid), self.word(index(intid)) | bit);
        }
    }

    /// Whether the SPI is in the set.
    pub fn contains(&self, intid: u32) -> bool {
        intid <= LAST_SPI && self.word(index(intid)) & 1_u32.wrapping_shl(intid) != 0
    }

    /// The bits of INTIDs `32 * index` to `32 * index + 31`; none beyond the last SPI.
    pub fn word(&self, index: usize) -> u32 {
        self.0.get(index).copied().unwrap_or(0)
    }

    /// Replaces those bits.
    pub fn set_word(&mut self, index: usize, bits: u32) {
        if let Some(word) = self.0.get_mut(index) {
            *word = bits;
        }
    }

    /// The words that hold an SPI, with their indices.
    pub fn words(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.0.iter().copied().enumerate().filter(|(_, bits)| *bits != 0)
    }

    /// The INTIDs in the set, rising.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (FIRST_SPI..=LAST_SPI).filter(|intid| self.contains(*intid))
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.words().next().is_none()
    }
}

fn index(intid: u32) -> usize {
    usize::try_from(intid >> 5).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_spis_and_nothing_else() {
        let set = SpiSet::new([0, 31, 32, 79, 1019, 1020, 1023, 5000, u32::MAX]);
        let members: std::vec::Vec<u32> = (0..6000).filter(|&intid| set.contains(intid)).collect();
        assert_eq!(members, [32, 79, 1019]);
        assert_eq!(set.word(2), 1 << 15);
        assert!(!set.contains(u32::MAX));
    }
}
