//! Software-generated interrupts: the guest's targets become the partition's CPUs.
//!
//! ICC_SGI1R_EL1 (GICv3 §12.2.19) names CPUs by affinity. A guest names them by what it reads in its
//! MPIDR_EL1; whom it does not own it cannot name. GICD_SGIR (GICv2 §4.3.15) names them by number, which for a
//! guest are those of its vCPUs.

use crate::bits::{bit, field};
use crate::compartment::{Action, Compartment};
use bulkhead_plan::{Cpu, GicVersion};

/// What the guest's write of `value` to ICC_SGI1R_EL1 on vCPU `caller` does.
#[inline]
pub(crate) fn send(compartment: &Compartment<'_>, caller: usize, value: u64) -> Action {
    match targets(compartment.everybody, caller, value) {
        0 => Action::Resume,
        targets => Action::SendSgi { intid: field(value, 27, 24), targets },
    }
}

/// The vCPUs among `everybody` that `value` names, by bit. It takes no longer for many than for one: vCPUs
/// are 16 to a cluster (`bulkhead_plan::verify`), so a target list is 16 vCPUs in order.
#[inline]
fn targets(everybody: u64, caller: usize, value: u64) -> u64 {
    if bit(value, IRM) {
        everybody & !1_u64.wrapping_shl(shift(caller))
    } else if value & NOBODY == 0 {
        everybody & (value & 0xffff).wrapping_shl(cluster_shift(value))
    } else {
        0
    }
}

/// What the guest's write of `value` to GICD_SGIR on vCPU `caller` does. The group is the hardware's affair:
/// NSATT is ignored in a Non-secure access, and where there is one Security state.
#[inline]
pub(crate) fn generate(compartment: &Compartment<'_>, caller: usize, value: u64) -> Action {
    let own = || 1_u64.wrapping_shl(shift(caller));
    let targets = match field(value, 25, 24) {
        0b00 => field(value, 23, 16),
        0b01 => !own(),
        0b10 => own(),
        _ => 0,
    };
    match targets & compartment.everybody {
        0 => Action::Resume,
        targets => Action::SendSgi { intid: field(value, 3, 0), targets },
    }
}

/// The value for the physical ICC_SGI1R_EL1 that sends SGI `intid` to the CPU with this MPIDR.
pub const fn physical(intid: u64, mpidr: u64) -> u64 {
    let affinity = field(mpidr, 39, 32) << 48 | field(mpidr, 23, 16) << 32 | field(mpidr, 15, 8) << 16;
    let (range, member) = (field(mpidr, 7, 4), field(mpidr, 3, 0));
    affinity | range << 44 | (intid & 0xf) << 24 | 1_u64.wrapping_shl(low_half(member))
}

/// What sends SGI 0 to `cpu`: the value for its physical register of the one kind or, where there is a GICv2,
/// of GICD_SGIR. Those of several CPUs and an INTID make one value there.
pub const fn signal(gic: GicVersion, cpu: &Cpu) -> u64 {
    match gic {
        GicVersion::V2 => 1_u64.wrapping_shl(cpu.interface & 7) << 16,
        GicVersion::V3 => physical(0, cpu.mpidr),
    }
}

const IRM: u32 = 40;
/// Aff3, Aff2 and the range (RS), which are zero for every vCPU, and a cluster (Aff1) beyond the 64 that there
/// can be.
const NOBODY: u64 = 0xff << 48 | 0xf << 44 | 0xff << 32 | 0xfc << 16;

/// 16 times the cluster, of which `NOBODY` has left two bits.
#[allow(clippy::cast_possible_truncation, reason = "the value has six bits")]
const fn cluster_shift(value: u64) -> u32 {
    (value >> 12 & 0x30) as u32
}

/// A vCPU, of which there are at most 64, as a shift.
#[allow(clippy::cast_possible_truncation, reason = "the value has six bits")]
const fn shift(vcpu: usize) -> u32 {
    (vcpu & 63) as u32
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
    use bulkhead_plan::Cpu;
    use proptest::prelude::{any, prop};
    use proptest::{prop_assert, prop_assert_eq, proptest};

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
    fn a_list_of_numbers_names_the_partitions_own_vcpus_only() {
        with_first(|first| {
            assert_eq!(generate(first, 0, 5 | 0b10 << 16), Action::SendSgi { intid: 5, targets: 0b10 });
            assert_eq!(generate(first, 0, 5 | 0xff << 16), Action::SendSgi { intid: 5, targets: 0b11 });
            assert_eq!(generate(first, 0, 5 | 0b100 << 16), Action::Resume, "there is no vCPU 2");
            assert_eq!(
                generate(first, 0, 1 << 15 | 7 | 0b1 << 16),
                Action::SendSgi { intid: 7, targets: 0b1 },
                "NSATT says nothing"
            );
        });
        with_second(|second| {
            assert_eq!(generate(second, 0, 0b1 << 16), Action::SendSgi { intid: 0, targets: 0b1 });
        });
    }

    #[test]
    fn every_filter_ends_at_the_partition() {
        with_first(|first| {
            assert_eq!(
                generate(first, 1, 0b01 << 24 | 0xff << 16 | 3),
                Action::SendSgi { intid: 3, targets: 0b01 }
            );
            assert_eq!(
                generate(first, 1, 0b10 << 24 | 0xff << 16 | 3),
                Action::SendSgi { intid: 3, targets: 0b10 }
            );
            assert_eq!(generate(first, 1, 0b11 << 24 | 0xff << 16 | 3), Action::Resume, "reserved");
        });
        with_second(|second| assert_eq!(generate(second, 0, 0b01 << 24 | 0xff << 16), Action::Resume));
    }

    #[test]
    fn the_physical_value_names_one_cpu() {
        assert_eq!(physical(3, 0x01_0000_0213), 1 << 48 | 2 << 16 | 1 << 44 | 3 << 24 | 1 << 3);
    }

    /// Whether `value` names the CPU with this affinity, by the register's description.
    fn names(value: u64, mpidr: u64) -> bool {
        let same_cluster = field(value, 55, 48) == field(mpidr, 39, 32)
            && field(value, 39, 32) == field(mpidr, 23, 16)
            && field(value, 23, 16) == field(mpidr, 15, 8);
        let same_range = field(value, 47, 44) == field(mpidr, 7, 4);
        same_cluster && same_range && bit(value, low_half(field(mpidr, 3, 0)))
    }

    proptest! {
        #[test]
        fn a_list_names_who_has_the_affinity(
            count in 1_usize..=64, caller in 0_usize..64, list in any::<u16>(), others in any::<bool>(),
            cluster in 0_u64..6, higher in prop::sample::select(&[0_u64, 0, 0, 1 << 32, 1 << 44, 1 << 48]),
        ) {
            let caller = caller % count;
            let everybody = u64::MAX >> (64 - count);
            let value = u64::from(list) | cluster << 16 | higher | u64::from(others) << IRM;
            for (vcpu, affinity) in (0..64).map(|vcpu| u64::from(Cpu::affinity(vcpu))).enumerate() {
                let expected = match others {
                    true => vcpu != caller,
                    false => names(value, affinity),
                };
                let is_target = targets(everybody, caller, value) >> vcpu & 1 != 0;
                prop_assert_eq!(is_target, vcpu < count && expected, "vCPU {}", vcpu);
            }
        }

        #[test]
        fn the_physical_value_names_whom_it_is_for(mpidr in any::<u64>()) {
            let mpidr = mpidr & 0xff_00ff_ffff;
            prop_assert!(names(physical(0, mpidr), mpidr));
            prop_assert_eq!((physical(0, mpidr) & 0xffff).count_ones(), 1);
        }
    }
}
