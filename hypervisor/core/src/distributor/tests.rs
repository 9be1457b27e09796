//! What a partition sees of the distributor, and which interrupts its accesses reach.
//!
//! The properties are written from GICv3 §12.9 and GICv2 §4.3, not from the model.

use super::affinity::{ENABLE_GROUP_1, IRM};
use super::*;
use crate::compartment::tests::{with_first, with_gicv2};
use crate::registers::Registers;
use proptest::prelude::{Strategy, any, prop};
use proptest::{prop_assert, prop_assert_eq, proptest};
use std::vec::Vec;

fn load(log2: u64) -> Mmio {
    Mmio::decode(1 << 24 | log2 << 22, &Registers::default()).unwrap()
}

fn store(log2: u64, value: u64) -> Mmio {
    let registers = Registers::new([value; 31], 0, 0);
    Mmio::decode(1 << 24 | log2 << 22 | 1 << 6, &registers).unwrap()
}

#[test]
fn the_guests_distributor_is_off_until_it_turns_it_on() {
    with_first(|first| {
        let mut distributor = Distributor::new();
        let enable = store(2, 1 << 1 | 1 << 2);
        assert_eq!(distributor.access(first, 0, 0x104, &enable), Access::Value(0));
        let shown = distributor.access(first, 0, 0x104, &load(2));
        assert_eq!(shown, Access::Value(1 << 1), "33 is owned, 34 is not");
        let on = distributor.access(first, 0, 0, &store(2, ENABLE_GROUP_1));
        assert_eq!(on, Access::Enable(SpiSet::new([33])));
        let more = distributor.access(first, 0, 0x108, &store(2, u64::MAX));
        assert_eq!(more, Access::Store { offset: 0x108, width: Width::Word, value: 1 << 15 });
        let off = distributor.access(first, 0, 0, &store(2, 0));
        assert_eq!(off, Access::Disable(SpiSet::new([33, 79])));
        let on = distributor.access(first, 0, 0, &store(2, ENABLE_GROUP_1));
        assert_eq!(on, Access::Enable(SpiSet::new([33, 79])), "what was enabled is so again");
    });
}

#[test]
fn a_route_names_a_vcpu_and_never_any_of_all() {
    with_first(|first| {
        let route = |value| Distributor::new().access(first, 0, IROUTER + 8 * 33, &store(3, value));
        assert_eq!(route(1), Access::StoreRoute { intid: 33, vcpu: 1 });
        assert_eq!(route(2), Access::StoreRoute { intid: 33, vcpu: 0 }, "CPU 2 is the neighbour's");
        assert_eq!(route(1 << IRM | 1), Access::StoreRoute { intid: 33, vcpu: 0 });
        let half =
            |offset, value| Distributor::new().access(first, 0, IROUTER + 8 * 33 + offset, &store(2, value));
        assert_eq!(half(0, 1), Access::StoreRoute { intid: 33, vcpu: 1 });
        assert_eq!(half(4, 0), Access::Value(0));
        assert_eq!(half(4, 1), Access::StoreRoute { intid: 33, vcpu: 0 });
        assert_eq!(route_of_guest(first, 1), 1);
        assert_eq!(route_of_guest(first, 3), 0, "a route outside the partition is not shown");
    });
}

#[test]
fn no_lpis_no_messages_no_extended_range() {
    with_first(|first| {
        let Access::Load { mask, set, .. } = Distributor::new().access(first, 0, 4, &load(2)) else {
            panic!("GICD_TYPER is the hardware's");
        };
        assert_eq!(mask & (0x1f << 11 | 1 << 16 | 1 << 17 | 1 << 8 | 1 << 9 | 0x1f << 27), 0);
        assert_eq!(set, 1 << 25);
        for message in [0x40, 0x48, 0x50, 0x58] {
            assert_eq!(Distributor::new().access(first, 0, message, &store(2, 33)), Access::Value(0));
        }
    });
}

#[test]
fn configuration_and_group_show_the_truth_and_take_nothing() {
    with_first(|first| {
        let mut distributor = Distributor::new();
        let configuration = Access::Load { offset: 0xc08, width: Width::Word, mask: 0b11 << 2, set: 0 };
        assert_eq!(distributor.access(first, 0, 0xc08, &load(2)), configuration);
        assert_eq!(distributor.access(first, 0, 0xc08, &store(2, u64::MAX)), Access::Value(0));
        assert_eq!(distributor.access(first, 0, 0x84, &store(2, 0)), Access::Value(0));
    });
}

#[test]
fn a_priority_is_written_by_owned_bytes() {
    with_first(|first| {
        let mut distributor = Distributor::new();
        let word = distributor.access(first, 0, 0x420, &store(2, 0x1122_3344));
        assert_eq!(word, Access::StoreBytes { offset: 0x420, value: 0x1122_3344, lanes: 0b0010 });
        let byte = distributor.access(first, 0, 0x421, &store(0, 0x80));
        assert_eq!(byte, Access::StoreBytes { offset: 0x421, value: 0x80, lanes: 0b0001 });
        assert_eq!(distributor.access(first, 0, 0x422, &store(0, 0x80)), Access::Value(0));
        let shown = Access::Load { offset: 0x420, width: Width::Word, mask: 0xff00, set: 0 };
        assert_eq!(distributor.access(first, 0, 0x420, &load(2)), shown);
    });
}

#[test]
fn a_gicv2_knows_as_many_cpus_as_the_partition_has() {
    with_gicv2(|first| {
        let mut distributor = Distributor::new();
        let kind = Access::Load { offset: 4, width: Width::Word, mask: 0x41f, set: 1 << 5 };
        assert_eq!(distributor.access(first, 0, 4, &load(2)), kind);
        assert_eq!(distributor.access(first, 1, 0x81c, &load(2)), Access::Value(0x0202_0202));
        assert_eq!(distributor.access(first, 0, 0x803, &load(0)), Access::Value(0x01));
        assert_eq!(distributor.access(first, 0, 0x800, &store(2, u64::MAX)), Access::Value(0));
    });
}

#[test]
fn a_target_is_a_vcpu_to_the_guest_and_an_interface_to_the_gic() {
    with_gicv2(|first| {
        let mut distributor = Distributor::new();
        let mut target = |offset, width, value| distributor.access(first, 0, offset, &store(width, value));
        let byte = |value| Access::StoreBytes { offset: 0x821, value, lanes: 1 };
        assert_eq!(target(0x821, 0, 0b01), byte(1 << 2));
        assert_eq!(target(0x821, 0, 0b11), byte(1 << 2 | 1 << 5));
        assert_eq!(target(0x821, 0, 0b1110), byte(1 << 5), "there is no vCPU 2");
        assert_eq!(target(0x821, 0, 0), byte(0), "it goes nowhere");
        assert_eq!(target(0x822, 0, 1), Access::Value(0), "34 is not owned");
        let word = Access::StoreBytes { offset: 0x820, value: 0x2420_0424, lanes: 0b0010 };
        assert_eq!(target(0x820, 2, 0xff02_0103), word);
        let shown = Access::LoadTargets { offset: 0x820, width: Width::Word, mask: 0xff00 };
        assert_eq!(distributor.access(first, 0, 0x820, &load(2)), shown);
        assert_eq!(targets_of_guest(first, 0x2400), 0x0300);
        assert_eq!(targets_of_guest(first, 0xdb00), 0, "a target outside the partition is not shown");
    });
}

#[test]
fn sgis_and_ppis_of_a_gicv2_are_those_of_the_cpu_that_asks() {
    with_gicv2(|first| {
        let mut distributor = Distributor::new();
        let enable = Access::Store { offset: 0x100, width: Width::Word, value: 0xf000_00ff };
        assert_eq!(distributor.access(first, 1, 0x100, &store(2, 0xf000_00ff)), enable, "on or off");
        let priority = Access::StoreBytes { offset: 0x41b, value: 0x80, lanes: 1 };
        assert_eq!(distributor.access(first, 1, 0x41b, &store(0, 0x80)), priority);
        let pending = Access::Load { offset: 0x200, width: Width::Word, mask: 0xffff_ffff, set: 0 };
        assert_eq!(distributor.access(first, 1, 0x200, &load(2)), pending);
        assert_eq!(distributor.access(first, 1, 0x80, &store(2, u64::MAX)), Access::Value(0), "groups");
    });
}

#[test]
fn an_sgi_of_a_gicv2_comes_from_the_partition() {
    with_gicv2(|first| {
        let mut distributor = Distributor::new();
        let set = distributor.access(first, 0, 0xf20, &store(2, 0xff04_ff20));
        assert_eq!(set, Access::StoreBytes { offset: 0xf20, value: 0x2404_2420, lanes: 0b1111 });
        let clear = distributor.access(first, 0, 0xf13, &store(0, 0xff));
        assert_eq!(clear, Access::StoreBytes { offset: 0xf13, value: 0x24, lanes: 0b0001 });
        let shown = Access::Load { offset: 0xf10, width: Width::Byte, mask: 0x2424_2424, set: 0 };
        assert_eq!(distributor.access(first, 0, 0xf10, &load(0)), shown);
    });
}

#[test]
fn a_byte_that_names_nobody_who_could_have_sent_an_sgi_is_not_stored() {
    with_gicv2(|first| {
        let mut distributor = Distributor::new();
        let mut stored = |value| distributor.access(first, 0, 0xf20, &store(2, value));
        let one = Access::StoreBytes { offset: 0xf20, value: 0x0004_0000, lanes: 0b0100 };
        assert_eq!(stored(0xdb04_0000), one, "the last byte names CPUs of other partitions");
        assert_eq!(stored(0), Access::StoreBytes { offset: 0xf20, value: 0, lanes: 0 });
    });
}

#[test]
fn a_gicv2_is_turned_on_by_its_first_bit_and_has_no_routes() {
    with_gicv2(|first| {
        let mut distributor = Distributor::new();
        assert_eq!(distributor.access(first, 0, 0x104, &store(2, 0b110)), Access::Value(0));
        assert_eq!(distributor.access(first, 0, 0, &load(2)), Access::Value(0));
        let on = distributor.access(first, 0, 0, &store(2, 1));
        assert_eq!(on, Access::Enable(SpiSet::new([33])));
        assert_eq!(distributor.access(first, 0, 0, &load(2)), Access::Value(1));
        assert_eq!(distributor.access(first, 0, 0, &store(2, 0b10)), Access::Disable(first.spis));
        assert_eq!(distributor.access(first, 0, IROUTER + 8 * 33, &store(3, 1)), Access::Value(0));
    });
}

/// The INTIDs whose state a physical store reaches, by GICv3 §12.9 and not by the code above.
fn touched(access: &Access) -> Vec<u32> {
    match *access {
        Access::Value(_) | Access::Load { .. } | Access::LoadRoute { .. } | Access::LoadTargets { .. } => {
            Vec::new()
        }
        Access::StoreBytes { offset: 0xf10..0xf30, .. } => std::vec![0],
        Access::Store { offset, value, .. } => {
            assert!((0x100..0x400).contains(&offset), "only registers with a set or a clear form");
            let first = u32::try_from(offset % 0x80 * 8).unwrap();
            (0..32).filter(|bit| value >> bit & 1 == 1).map(|bit| first + bit).collect()
        }
        Access::StoreBytes { offset, lanes, .. } => {
            let first = u32::try_from((offset - 0x400) % 0x400).unwrap();
            (0..4).filter(|lane| lanes >> lane & 1 == 1).map(|lane| first + lane).collect()
        }
        Access::StoreRoute { intid, .. } => std::vec![intid],
        Access::Enable(set) | Access::Disable(set) => (0..1020).filter(|id| set.contains(*id)).collect(),
    }
}

/// The INTIDs of which a physical load shows something.
fn shown(access: &Access) -> Vec<u32> {
    let (Access::Load { offset, mask, .. } | Access::LoadTargets { offset, mask, .. }) = *access else {
        return Vec::new();
    };
    let bits_per_intid = match offset {
        0x080..0x400 => 1,
        0x400..0xc00 => 8,
        0xc00..0xd00 => 2,
        _ => return Vec::new(),
    };
    let table = if offset < 0x400 { offset % 0x80 } else { offset % 0x400 };
    let first = u32::try_from(table * 8 / bits_per_intid).unwrap();
    let bits = u32::try_from(bits_per_intid).unwrap();
    (0..64).filter(|bit| mask >> bit & 1 == 1).map(|bit| first + bit / bits).collect()
}

fn any_access() -> impl Strategy<Value = (u64, Mmio)> {
    let interesting = prop::sample::select(std::vec![0_u64, 0x104, 0x108, 0x184, 0x204, 0x284, 0x304, 0x384]);
    let offset = proptest::prop_oneof![
        0_u64..0x1_0000,
        interesting,
        0x400_u64..0x480,
        0x800_u64..0x880,
        0xf00_u64..0xf30,
        0x6100_u64..0x6400
    ];
    let access = (0_u64..4, any::<Option<u64>>());
    (offset, access).prop_map(|(offset, (log2, value))| {
        (offset, value.map_or_else(|| load(log2), |value| store(log2, value)))
    })
}

proptest! {
    #[test]
    fn no_sequence_of_accesses_touches_a_foreign_interrupt(
        accesses in prop::collection::vec(any_access(), 1..60),
    ) {
        with_first(|first| {
            let mut distributor = Distributor::new();
            for (offset, access) in &accesses {
                let physical = distributor.access(first, 0, *offset, access);
                for intid in touched(&physical).into_iter().chain(shown(&physical)) {
                    prop_assert!(first.spis.contains(intid), "{intid} by {physical:?}");
                }
                if let Access::StoreRoute { vcpu, .. } = physical {
                    prop_assert!(vcpu < first.cpus.len());
                }
                if access.store.is_none() {
                    prop_assert_eq!(touched(&physical), Vec::<u32>::new());
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_sequence_touches_a_foreign_interrupt_or_cpu_of_a_gicv2(
        accesses in prop::collection::vec((any_access(), 0_usize..2), 1..60),
    ) {
        with_gicv2(|first| {
            let mut distributor = Distributor::new();
            for ((offset, access), caller) in &accesses {
                let offset = offset % 0x1000;
                let physical = distributor.access(first, *caller, offset, access);
                for intid in touched(&physical).into_iter().chain(shown(&physical)) {
                    prop_assert!(intid < 32 || first.spis.contains(intid), "{intid} by {physical:?}");
                }
                if let Access::StoreBytes { offset: 0x800..0xc00 | 0xf10..0xf30, value, .. } = physical {
                    prop_assert_eq!(value & !0x2424_2424, 0, "an interface of another partition");
                }
                if access.store.is_none() {
                    prop_assert_eq!(touched(&physical), Vec::<u32>::new());
                }
            }
            Ok(())
        })?;
    }
}
