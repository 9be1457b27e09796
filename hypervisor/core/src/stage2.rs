//! Stage-2 tables, read from their bytes.
//!
//! Arm ARM D8.2 and D8.3, 4 KiB granule. The walk is total: any bytes give leaves or a flaw, and every
//! page of tables is visited at most once, so hostile tables cannot make it long.

use bulkhead_plan::{Ipa, PAGE, Pa, Partition};

/// Stage-2 tables of all partitions, as they lie in memory.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    bytes: &'a [u8],
    base: Pa,
}

/// One mapping that the walk has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// First address that the guest sees.
    pub ipa: Ipa,
    /// Where it leads.
    pub pa: Pa,
    /// Bytes.
    pub size: u64,
    /// All other bits of the descriptor.
    pub attributes: u64,
}

/// Why tables are no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// VTCR_EL2 is not one that this hypervisor uses.
    Control(u64),
    /// A table lies outside the tables, or is used twice.
    Table(Pa),
    /// A descriptor at this address is neither invalid, nor a table, nor a leaf of its level.
    Descriptor(Ipa),
}

/// Attributes of RAM: Normal write-back, inner shareable, read-write, executable, accessed.
pub const RAM: u64 = 0b1111 << 2 | 0b11 << 6 | 0b11 << 8 | 1 << 10;
/// Attributes of a device: nGnRE, read-write, never executable, accessed.
pub const DEVICE: u64 = 0b0001 << 2 | 0b11 << 6 | 1 << 10 | 1 << 54;

/// Most pages of tables that all partitions have together.
pub const TABLE_PAGES: usize = 2048;

/// Which pages of the tables have been visited.
#[derive(Clone, Debug)]
pub struct Visited([u64; TABLE_PAGES / 64]);

/// Where a walk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Level of the root: 0 or 1.
    pub level: u32,
    /// Pages of the root.
    pub pages: u32,
}

impl Start {
    /// What VTCR_EL2 says; `None` if it is not a value that this hypervisor uses (Arm ARM D8.2.7).
    pub fn new(vtcr: u64) -> Option<Self> {
        let bits = 64_u64.checked_sub(vtcr & 0x3f)?;
        let start = match (vtcr >> 6 & 3, bits) {
            (1, 32..=39) => Self { level: 1, pages: 1 },
            (1, 40..=43) => {
                Self { level: 1, pages: 1_u32.checked_shl(u32::try_from(bits).ok()?.checked_sub(39)?)? }
            }
            (2, 44..=48) => Self { level: 0, pages: 1 },
            _ => return None,
        };
        let size = vtcr >> 16 & 7;
        (vtcr & !0x7_00ff == VTCR && size <= 6).then_some(start)
    }
}

/// Whether a CPU with this ID_AA64MMFR0_EL1.PARange translates as the plan says for `partition`: VTCR_EL2 is
/// one of ours, and asks for no more bits than there are.
pub fn suits(partition: &Partition, physical_range: u64) -> bool {
    const BITS: [u64; 7] = [32, 36, 40, 42, 44, 48, 52];
    let start = Start::new(partition.vtcr).filter(|start| start.pages == partition.root_pages);
    let bits = usize::try_from(physical_range).ok().and_then(|range| BITS.get(range));
    let asked = 64_u64.saturating_sub(partition.vtcr & 0x3f);
    start.is_some() && partition.vtcr >> 16 & 7 <= physical_range && bits.is_some_and(|bits| asked <= *bits)
}

impl<'a> Tables<'a> {
    /// The tables in `bytes`, which are meant for physical address `base`.
    pub const fn new(bytes: &'a [u8], base: Pa) -> Self {
        Self { bytes, base }
    }

    /// Shows every leaf below `root` to `visit`, by rising IPA, until that finds a flaw.
    pub fn walk<E: From<Flaw>>(
        &self,
        root: Pa,
        start: Start,
        visited: &mut Visited,
        visit: &mut impl FnMut(Leaf) -> Result<(), E>,
    ) -> Result<(), E> {
        for page in 0..u64::from(start.pages) {
            let below = page.wrapping_shl(span_bits(start.level));
            let table = Pa(root.0.wrapping_add(page.wrapping_mul(PAGE)));
            self.walk_table(table, start.level, below, visited, visit)?;
        }
        Ok(())
    }

    fn walk_table<E: From<Flaw>>(
        &self,
        table: Pa,
        level: u32,
        below: u64,
        visited: &mut Visited,
        visit: &mut impl FnMut(Leaf) -> Result<(), E>,
    ) -> Result<(), E> {
        let page = self.page(table, visited).ok_or(Flaw::Table(table))?;
        let shift = span_bits(level).saturating_sub(9);
        for (entry, index) in page.chunks_exact(8).zip(0_u64..) {
            let descriptor = entry.try_into().map_or(0, u64::from_le_bytes);
            let ipa = below | index.wrapping_shl(shift);
            match (descriptor & 3, level) {
                (0 | 2, _) => {}
                (3, 0..=2) if descriptor & !ADDRESS == 3 => {
                    self.walk_table(Pa(descriptor & ADDRESS), level.saturating_add(1), ipa, visited, visit)?;
                }
                (1, 1 | 2) | (3, 3) => {
                    let size = 1_u64.wrapping_shl(shift);
                    let pa = Pa(descriptor & ADDRESS);
                    if !pa.is_aligned(size) {
                        return Err(Flaw::Descriptor(Ipa(ipa)).into());
                    }
                    visit(Leaf { ipa: Ipa(ipa), pa, size, attributes: descriptor & !ADDRESS & !3 })?;
                }
                _ => return Err(Flaw::Descriptor(Ipa(ipa)).into()),
            }
        }
        Ok(())
    }

    fn page(&self, at: Pa, visited: &mut Visited) -> Option<&'a [u8]> {
        let offset = at.0.checked_sub(self.base.0).filter(|offset| offset.is_multiple_of(PAGE))?;
        let start = usize::try_from(offset).ok()?;
        let page = self.bytes.get(start..start.checked_add(0x1000)?)?;
        visited.first_time(start >> 12).then_some(page)
    }
}

impl Visited {
    /// Nothing has been visited.
    pub const fn new() -> Self {
        Self([0; TABLE_PAGES / 64])
    }

    fn first_time(&mut self, page: usize) -> bool {
        let bit = 1_u64.wrapping_shl(u32::try_from(page & 63).unwrap_or(0));
        match self.0.get_mut(page >> 6) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }
}

impl Default for Visited {
    fn default() -> Self {
        Self::new()
    }
}

/// VTCR_EL2 but for PS, SL0 and T0SZ: RES1, 4 KiB granule, inner shareable, write-back walks.
pub const VTCR: u64 = 1 << 31 | 3 << 12 | 1 << 10 | 1 << 8;

/// Output address of a descriptor.
const ADDRESS: u64 = 0xffff_ffff_f000;

/// Bits of IPA that a table of this level resolves, with those below it.
const fn span_bits(level: u32) -> u32 {
    48_u32.saturating_sub(level.saturating_mul(9))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_plan::sample::Sample;

    #[test]
    fn a_cpu_with_too_few_bits_does_not_suit() {
        let partition = Sample::default().partitions[0];
        assert!(suits(&partition, 2) && suits(&partition, 5), "40 bits of physical, 39 of guest address");
        assert!(!suits(&partition, 1), "36 bits");
        assert!(!suits(&partition, 9), "no such range");
        assert!(!suits(&Partition { root_pages: 2, ..partition }, 5));
    }

    #[test]
    fn only_our_own_control_values_have_a_start() {
        assert_eq!(Start::new(VTCR | 1 << 6 | 25), Some(Start { level: 1, pages: 1 }));
        assert_eq!(Start::new(VTCR | 1 << 6 | 23), Some(Start { level: 1, pages: 4 }));
        assert_eq!(Start::new(VTCR | 2 << 6 | 16), Some(Start { level: 0, pages: 1 }));
        for vtcr in
            [0, VTCR | 25, VTCR | 1 << 6 | 20, VTCR | 1 << 6 | 25 | 7 << 16, VTCR | 1 << 19 | 1 << 6 | 25]
        {
            assert_eq!(Start::new(vtcr), None, "{vtcr:#x}");
        }
    }
}
