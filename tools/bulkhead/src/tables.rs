//! The stage-2 tables of a partition, as bytes.
//!
//! The crate `aarch64-paging` writes them; that they say what the plan says is proven afterwards, from the
//! bytes, by code that shares nothing with it. Descriptors are those of Arm ARM D8.3: RAM is Normal
//! Write-Back and inner shareable, everything else Device-nGnRE and never executable. No contiguous hint,
//! for the root is emptied entry by entry when a partition is stopped.

use crate::allocate::IPA_BITS;
use aarch64_paging::descriptor::{PhysicalAddress, Stage2Attributes};
use aarch64_paging::paging::{Constraints, MemoryRegion, RootTable, Stage2};
use aarch64_paging::target::TargetAllocator;
use bulkhead_core::stage2::VTCR;
use bulkhead_plan::{Region, RegionKind};

/// With 39 bits of address the walk begins at level 1, with a root of one page.
const ROOT_LEVEL: usize = 1;

/// The tables that map `regions`, to lie at `base`; the root is their first page.
pub(crate) fn tables(base: u64, regions: &[Region]) -> Result<Vec<u8>, String> {
    let mut root = RootTable::new(TargetAllocator::new(base), ROOT_LEVEL, Stage2);
    for region in regions {
        let start = address(region.ipa.0);
        let range = MemoryRegion::new(start, start + address(region.span.size));
        let output = PhysicalAddress(address(region.span.base.0));
        root.map_range(&range, output, attributes(region.kind), Constraints::NO_CONTIGUOUS_HINT)
            .map_err(|error| format!("the region at {} cannot be mapped: {error}", region.ipa))?;
    }
    Ok(root.translation().as_bytes())
}

/// VTCR_EL2 for such tables (Arm ARM D24.2.208); `physical_bits` are those that output addresses need.
pub(crate) fn vtcr(physical_bits: u32) -> u64 {
    const SL0_LEVEL_1: u64 = 1 << 6;
    let physical_size: u64 = match physical_bits {
        0..=40 => 0b010,
        41..=42 => 0b011,
        43..=44 => 0b100,
        _ => 0b101,
    };
    let input_size = u64::from(64 - IPA_BITS);
    VTCR | physical_size << 16 | SL0_LEVEL_1 | input_size
}

fn attributes(kind: RegionKind) -> Stage2Attributes {
    let common = Stage2Attributes::VALID | Stage2Attributes::S2AP_ACCESS_RW | Stage2Attributes::ACCESS_FLAG;
    match kind {
        RegionKind::Ram => {
            common
                | Stage2Attributes::MEMATTR_NORMAL_OUTER_WB
                | Stage2Attributes::MEMATTR_NORMAL_INNER_WB
                | Stage2Attributes::SH_INNER
        }
        RegionKind::Device | RegionKind::SgiFrame | RegionKind::CpuInterface => {
            common | Stage2Attributes::MEMATTR_DEVICE_nGnRE | Stage2Attributes::SH_NONE | Stage2Attributes::XN
        }
    }
}

/// Addresses are 64 bits wide, as are those of every host the tool runs on.
fn address(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_plan::{BLOCK, GIGABYTE, Ipa, PAGE, Span};

    fn region(ipa: u64, base: u64, size: u64, kind: RegionKind) -> Region {
        Region { ipa: Ipa(ipa), span: Span::new(base, size), kind, reserved: 0 }
    }

    fn word(bytes: &[u8], index: usize) -> u64 {
        u64::from_le_bytes(bytes[index * 8..index * 8 + 8].try_into().unwrap())
    }

    #[test]
    fn an_aligned_gigabyte_is_one_block() {
        let ram = region(GIGABYTE, 2 * GIGABYTE, GIGABYTE, RegionKind::Ram);
        let bytes = tables(0x4040_0000, &[ram]).unwrap();
        assert_eq!(bytes.len(), 0x1000);
        assert_eq!(word(&bytes, 1), (2 * GIGABYTE) | 0x7fd);
    }

    #[test]
    fn ram_that_is_not_aligned_to_a_gigabyte_is_blocks_of_two_megabytes() {
        let ram = region(GIGABYTE, 0x4060_0000, GIGABYTE, RegionKind::Ram);
        let bytes = tables(0x4040_0000, &[ram]).unwrap();
        assert_eq!(bytes.len(), 0x2000);
        assert_eq!(word(&bytes, 1), 0x4040_1003);
        assert_eq!(word(&bytes, 512), 0x4060_0000 | 0x7fd);
        assert_eq!(word(&bytes, 1023), (0x4060_0000 + 511 * BLOCK) | 0x7fd);
    }

    #[test]
    fn a_device_page_is_never_executable() {
        let device = region(0x900_0000, 0x900_0000, PAGE, RegionKind::Device);
        let bytes = tables(0x4040_0000, &[device]).unwrap();
        assert_eq!(word(&bytes, 1024), 1 << 54 | 0x900_0000 | 0x4c7 | 0b11);
    }

    #[test]
    fn vtcr_is_written_whole() {
        assert_eq!(vtcr(40), 0x8002_3559);
        assert_eq!(vtcr(44), 0x8004_3559);
    }
}
