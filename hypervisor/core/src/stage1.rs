//! EL2's own translation tables, built into pages that the caller provides.
//!
//! Arm ARM D8.3, 4 KiB granule, 48 bits of virtual address, one stage, one exception level. Tables are
//! built once at boot and never edited: what a CPU needs for a while (a partition's RAM, to load it) is
//! a root of its own that shares everything else.

use bulkhead_plan::{BLOCK, GIGABYTE, PAGE, Pa};

/// What a mapping is for; no kind can be both written and executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Instructions.
    Code,
    /// Constants, the plan, images.
    ReadOnly,
    /// Everything that changes.
    Data,
    /// Registers of a device.
    Device,
}

/// A stretch of virtual addresses and where it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First virtual address.
    pub va: u64,
    /// Where it leads.
    pub pa: Pa,
    /// Bytes; a multiple of the page size.
    pub size: u64,
    /// What for.
    pub kind: Kind,
}

/// Why a mapping could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// All pages are used up.
    OutOfPages,
    /// It is not made of whole pages, or it leaves the address space.
    Malformed,
    /// Something is mapped there already.
    Occupied,
}

/// A page of 512 descriptors.
pub type Page = [u64; 512];

/// Tables in the making.
#[derive(Debug)]
pub struct Tables<'p> {
    pages: &'p mut [Page],
    base: Pa,
    used: usize,
}

/// A root table: the index of its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root(usize);

/// MAIR_EL2: attribute 0 is Normal, write-back, allocating; attribute 1 is Device-nGnRE.
pub const MAIR: u64 = 0x04ff;

impl<'p> Tables<'p> {
    /// Builds into `pages`, all zero, which lie at physical address `base`.
    pub fn new(pages: &'p mut [Page], base: Pa) -> Self {
        Self { pages, base, used: 0 }
    }

    /// An empty root.
    pub fn root(&mut self) -> Result<Root, MapError> {
        self.allocate().map(Root)
    }

    /// A root that leads wherever `root` leads, and can lead further where `root` leads nowhere.
    pub fn branch(&mut self, root: Root) -> Result<Root, MapError> {
        let copy = self.root()?;
        // What is allocated later lies behind.
        let (before, from) = self.pages.split_at_mut_checked(copy.0).ok_or(MapError::OutOfPages)?;
        if let (Some(original), Some(page)) = (before.get(root.0), from.first_mut()) {
            page.copy_from_slice(original);
        }
        Ok(copy)
    }

    /// The physical address of a root, for TTBR0_EL2.
    pub fn address(&self, root: Root) -> Pa {
        self.page_address(root.0)
    }

    /// Pages that were used.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Adds `mapping` to `root`, in the largest blocks that fit.
    pub fn map(&mut self, root: Root, mapping: Mapping) -> Result<(), MapError> {
        let end = mapping.va.checked_add(mapping.size).filter(|end| *end <= 1 << 48);
        let pages = [mapping.va, mapping.pa.0, mapping.size].iter().all(|value| value.is_multiple_of(PAGE));
        if end.is_none() || mapping.pa.checked_add(mapping.size).is_none() || !pages {
            return Err(MapError::Malformed);
        }
        let mut done = 0;
        while done < mapping.size {
            let left = mapping.size.wrapping_sub(done);
            let (va, pa) = (mapping.va.wrapping_add(done), mapping.pa.0.wrapping_add(done));
            let fits = |size: u64| (va | pa).is_multiple_of(size) && left >= size;
            // As many pages as their table has room for; a larger block may fit behind it.
            let pages = BLOCK.wrapping_sub(va % BLOCK).min(left) / PAGE;
            let (level, size, count) = match () {
                () if fits(GIGABYTE) => (1, GIGABYTE, 1),
                () if fits(BLOCK) => (2, BLOCK, 1),
                () => (3, PAGE, pages),
            };
            let first = pa | attributes(mapping.kind) | if level == 3 { 3 } else { 1 };
            let descriptors = (0..count).map(|number| first.wrapping_add(number.wrapping_mul(size)));
            self.set(root, va, level, descriptors)?;
            done = done.wrapping_add(count.wrapping_mul(size));
        }
        Ok(())
    }

    /// Writes descriptors for `va` and what follows at `level`, in one table, with the tables that lead to it.
    fn set(
        &mut self,
        root: Root,
        va: u64,
        level: u32,
        descriptors: impl Iterator<Item = u64>,
    ) -> Result<(), MapError> {
        let mut page = root.0;
        for upper in 0..level {
            page = self.next(page, index(va, upper))?;
        }
        let table = self.pages.get_mut(page).ok_or(MapError::OutOfPages)?;
        let entries = table.get_mut(index(va, level)..).ok_or(MapError::Malformed)?;
        for (entry, descriptor) in entries.iter_mut().zip(descriptors) {
            if *entry != 0 {
                return Err(MapError::Occupied);
            }
            *entry = descriptor;
        }
        Ok(())
    }

    /// The page of the table below `page` at `index`, which is made if it is not there.
    fn next(&mut self, page: usize, index: usize) -> Result<usize, MapError> {
        let descriptor = *self.entry(page, index)?;
        match descriptor & 3 {
            0 => {
                let fresh = self.allocate()?;
                *self.entry(page, index)? = self.page_address(fresh).0 | 3;
                Ok(fresh)
            }
            3 => {
                let offset = (descriptor & ADDRESS).wrapping_sub(self.base.0);
                usize::try_from(offset.wrapping_div(PAGE)).map_err(|_| MapError::Malformed)
            }
            _ => Err(MapError::Occupied),
        }
    }

    fn entry(&mut self, page: usize, index: usize) -> Result<&mut u64, MapError> {
        self.pages.get_mut(page).and_then(|page| page.get_mut(index)).ok_or(MapError::OutOfPages)
    }

    fn allocate(&mut self) -> Result<usize, MapError> {
        let number = self.used;
        self.pages.get(number).ok_or(MapError::OutOfPages)?;
        self.used = number.saturating_add(1);
        Ok(number)
    }

    fn page_address(&self, page: usize) -> Pa {
        let offset = u64::try_from(page).unwrap_or(0).wrapping_mul(PAGE);
        Pa(self.base.0.wrapping_add(offset))
    }
}

/// Output address of a descriptor.
const ADDRESS: u64 = 0xffff_ffff_f000;

/// Lower and upper attributes (Arm ARM D8.3.2): AF, inner shareable, AP[1] is RES1, and what the kind says.
const fn attributes(kind: Kind) -> u64 {
    const AF: u64 = 1 << 10;
    const INNER: u64 = 3 << 8;
    const AP1: u64 = 1 << 6;
    const READ_ONLY: u64 = 1 << 7;
    const XN: u64 = 1 << 54;
    const DEVICE: u64 = 1 << 2;
    AF | AP1
        | match kind {
            Kind::Code => INNER | READ_ONLY,
            Kind::ReadOnly => INNER | READ_ONLY | XN,
            Kind::Data => INNER | XN,
            Kind::Device => DEVICE | XN,
        }
}

/// Index into the table of `level` for `va`.
fn index(va: u64, level: u32) -> usize {
    let shift = 39_u32.saturating_sub(level.saturating_mul(9));
    usize::try_from(va.wrapping_shr(shift) & 0x1ff).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    const BASE: Pa = Pa(0x4100_0000);

    fn translate(pages: &[Page], root: Root, va: u64) -> Option<u64> {
        let mut page = root.0;
        for level in 0..4 {
            let descriptor = pages[page][index(va, level)];
            let size = [0, GIGABYTE, BLOCK, PAGE][level as usize];
            match (descriptor & 3, level) {
                (0, _) => return None,
                (1, 1 | 2) | (3, 3) => return Some((descriptor & ADDRESS & !(size - 1)) + va % size),
                _ => page = usize::try_from(((descriptor & ADDRESS) - BASE.0) / PAGE).unwrap(),
            }
        }
        None
    }

    #[test]
    fn addresses_lead_where_the_mapping_says() {
        let mut pages = vec![[0; 512]; 8];
        let mut tables = Tables::new(&mut pages, BASE);
        let root = tables.root().unwrap();
        let mapping =
            Mapping { va: 0x8000_001f_f000, pa: Pa(0x401f_f000), size: 0x40_2000, kind: Kind::Data };
        tables.map(root, mapping).unwrap();
        assert_eq!(tables.used(), 5, "a root, two levels, one table of pages at each end");
        for offset in [0, 0x1000, 0x20_0fff, 0x40_1fff] {
            assert_eq!(translate(&pages, root, mapping.va + offset), Some(mapping.pa.0 + offset));
        }
        assert_eq!(translate(&pages, root, mapping.va - 1), None);
        assert_eq!(translate(&pages, root, mapping.va + mapping.size), None);
    }

    #[test]
    fn a_branch_sees_what_its_root_sees_and_more() {
        let mut pages = vec![[0; 512]; 8];
        let mut tables = Tables::new(&mut pages, BASE);
        let root = tables.root().unwrap();
        tables.map(root, Mapping { va: 0, pa: Pa(0), size: GIGABYTE, kind: Kind::Device }).unwrap();
        let branch = tables.branch(root).unwrap();
        let more = Mapping { va: 1 << 46, pa: Pa(GIGABYTE), size: GIGABYTE, kind: Kind::Data };
        tables.map(branch, more).unwrap();
        assert_eq!(translate(&pages, branch, 0x900), Some(0x900));
        assert_eq!(translate(&pages, branch, more.va), Some(GIGABYTE));
        assert_eq!(translate(&pages, root, more.va), None);
    }

    #[test]
    fn nothing_is_mapped_twice() {
        let mut pages = vec![[0; 512]; 8];
        let mut tables = Tables::new(&mut pages, BASE);
        let root = tables.root().unwrap();
        let block = Mapping { va: BLOCK, pa: Pa(BLOCK), size: BLOCK, kind: Kind::Data };
        tables.map(root, block).unwrap();
        assert_eq!(tables.map(root, block), Err(MapError::Occupied));
        let page = Mapping { size: PAGE, ..block };
        assert_eq!(tables.map(root, page), Err(MapError::Occupied));
    }

    #[test]
    fn running_out_of_pages_is_said() {
        let mut pages = vec![[0; 512]; 2];
        let mut tables = Tables::new(&mut pages, BASE);
        let root = tables.root().unwrap();
        let page = Mapping { va: 0, pa: Pa(0), size: PAGE, kind: Kind::Data };
        assert_eq!(tables.map(root, page), Err(MapError::OutOfPages));
    }

    #[test]
    fn no_kind_is_written_and_executed() {
        for kind in [Kind::Code, Kind::ReadOnly, Kind::Data, Kind::Device] {
            let (read_only, never_executed) = (attributes(kind) >> 7 & 1, attributes(kind) >> 54 & 1);
            assert!(read_only == 1 || never_executed == 1, "{kind:?}");
            assert_eq!(never_executed == 0, kind == Kind::Code);
        }
    }
}
