//! Software-generated interrupts: the guest's targets become the partition's CPUs.
//!
//! ICC_SGI1R_EL1 (GICv3 §12.2.19) names CPUs by affinity. A guest names them by what it reads in its
//! MPIDR_EL1; whom it does not own it cannot name.

use crate::bits::{bit, field};
use crate::compartment::{Action, Compartment};
use bulkhead_plan::Cpu;

/// What the guest's write of `value` to ICC_SGI1R_EL1 on vCPU `caller` does.
pub(crate) fn send(compartment: &Compartment<'_>, caller: usize, value: u64) -> Action {
    let others = bit(value, IRM);
    let is_target = |(index, cpu): (usize, &Cpu)| {
        if others { index != caller } else { names(value, cpu.virtual_mpidr) }
    };
    let mut targets = 0;
    for (index, cpu) in compartment.cpus.iter().enumerate() {
        let index_bit = u32::try_from(index).ok().and_then(|index| 1_u64.checked_shl(index));
        if is_target((index, cpu)) {
            targets |= index_bit.unwrap_or(0);
        }
    }
    if targets == 0 {
        return Action::Resume;
    }
    Action::SendSgi { intid: field(value, 27, 24), targets }
}

/// The value for the physical ICC_SGI1R_EL1 that sends SGI `intid` to the CPU with this MPIDR.
pub const fn physical(intid: u64, mpidr: u64) -> u64 {
    let affinity = field(mpidr, 39, 32) << 48 | field(mpidr, 23, 16) << 32 | field(mpidr, 15, 8) << 16;
    let (range, member) = (field(mpidr, 7, 4), field(mpidr, 3, 0));
    affinity | range << 44 | (intid & 0xf) << 24 | 1_u64.wrapping_shl(low_half(member))
}

const IRM: u32 = 40;

fn names(value: u64, mpidr: u64) -> bool {
    let same_cluster = field(value, 55, 48) == field(mpidr, 39, 32)
        && field(value, 39, 32) == field(mpidr, 23, 16)
        && field(value, 23, 16) == field(mpidr, 15, 8);
    let same_range = field(value, 47, 44) == field(mpidr, 7, 4);
    same_cluster && same_range && bit(value, low_half(field(mpidr, 3, 0)))
}

/// A number of at most four bits, as a shift.
#[allow(clippy::cast_possible_truncation, reason = "the value has four bits")]
const fn low_half(value: u64) -> u32 {
    (value & 0xf) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compartment::tests::{with_first, with_second};

    #[test]
    fn a_list_names_the_partitions_own_cpus_only() {
        with_first(|first| {
            assert_eq!(send(first, 0, 5 << 24 | 0b10), Action::SendSgi { intid: 5, targets: 0b10 });
            assert_eq!(send(first, 0, 5 << 24 | 0xffff), Action::SendSgi { intid: 5, targets: 0b11 });
            assert_eq!(send(first, 0, 5 << 24 | 0b100), Action::Resume, "CPU 2 is the neighbour's");
        });
        with_second(|second| assert_eq!(send(second, 0, 1), Action::SendSgi { intid: 0, targets: 0b1 }));
    }

    #[test]
    fn all_but_self_ends_at_the_partition() {
        with_first(|first| {
            assert_eq!(send(first, 1, 1 << IRM | 3 << 24), Action::SendSgi { intid: 3, targets: 0b01 });
        });
        with_second(|second| assert_eq!(send(second, 0, 1 << IRM), Action::Resume));
    }

    #[test]
    fn another_cluster_or_range_is_nobody() {
        with_first(|first| {
            for foreign in [1 << 16, 1 << 32, 1 << 48, 1 << 44] {
                assert_eq!(send(first, 0, foreign | 1), Action::Resume, "{foreign:#x}");
            }
        });
    }

    #[test]
    fn the_physical_value_names_one_cpu() {
        assert_eq!(physical(3, 0x01_0000_0213), 1 << 48 | 2 << 16 | 1 << 44 | 3 << 24 | 1 << 3);
        assert!(names(physical(0, 0x12_0034_5678), 0x12_0034_5678));
    }
}
