//! Single transitions of the power state; `model.rs` tries every order of them.

use super::*;
use crate::compartment::tests::with_first;
use bulkhead_plan::Restart;
use std::vec::Vec;

const ENTRY: Entry = Entry { address: Ipa(0x4000_0000), context: 1 };
const POLICY: Policy = Policy { restart: Restart::OnFault, max_restarts: 2, delay: 100 };

fn on(target: u64) -> Psci {
    Psci::On { target, entry: 0x4000_1000, context: 7 }
}

fn started() -> Power {
    let mut power = Power::new(ENTRY, None);
    assert_eq!(power.arrive(0), Some(ENTRY));
    power
}

#[test]
fn a_cpu_is_started_once() {
    with_first(|first| {
        let mut power = started();
        assert_eq!(power.call(first, 0, on(1)), PowerAction::Start(1));
        assert_eq!(power.call(first, 0, on(1)), PowerAction::Return(Return::ON_PENDING));
        assert_eq!(power.arrive(1), Some(Entry { address: Ipa(0x4000_1000), context: 7 }));
        assert_eq!(power.call(first, 0, on(1)), PowerAction::Return(Return::ALREADY_ON));
        assert_eq!(power.arrive(1), None, "a CPU that is on does not arrive again");
    });
}

#[test]
fn who_is_named_must_be_the_partitions_own() {
    with_first(|first| {
        let mut power = started();
        let invalid = PowerAction::Return(Return::INVALID_PARAMETERS);
        for target in [2, 0x100, 1 << 16, 1 << 32, 1 << 40, u64::MAX] {
            assert_eq!(power.call(first, 0, on(target)), invalid, "{target:#x}");
            assert_eq!(power.call(first, 0, Psci::AffinityInfo { target, level: 0 }), invalid);
        }
        assert_eq!(power.call(first, 0, on(1 << 31 | 1)), PowerAction::Start(1), "RES1 as in MPIDR_EL1");
    });
}

#[test]
fn a_cpu_begins_in_the_partitions_ram() {
    with_first(|first| {
        let mut power = started();
        for entry in [0, 0x0900_0000, 0x4100_0000, u64::MAX, 0x4000_0002] {
            let refused = power.call(first, 0, Psci::On { target: 1, entry, context: 0 });
            assert_eq!(refused, PowerAction::Return(Return::INVALID_ADDRESS), "{entry:#x}");
        }
        assert_eq!(power.state(1), PowerState::Off);
    });
}

#[test]
fn affinity_info_tells_the_truth() {
    with_first(|first| {
        let mut power = started();
        let info = Psci::AffinityInfo { target: 1, level: 0 };
        assert_eq!(power.call(first, 0, info), PowerAction::Return(Return::OFF));
        power.call(first, 0, on(1));
        assert_eq!(power.call(first, 0, info), PowerAction::Return(Return::PENDING));
        power.arrive(1);
        assert_eq!(power.call(first, 0, info), PowerAction::Return(Return::SUCCESS));
        assert_eq!(power.call(first, 1, Psci::Off), PowerAction::Off);
        assert_eq!(power.call(first, 0, info), PowerAction::Ask { target: 1, otherwise: Return::SUCCESS });
        power.is_off(1);
        assert_eq!(power.call(first, 0, info), PowerAction::Return(Return::OFF));
        let level_1 = Psci::AffinityInfo { target: 1, level: 1 };
        assert_eq!(power.call(first, 0, level_1), PowerAction::Return(Return::INVALID_PARAMETERS));
    });
}

#[test]
fn a_cpu_on_its_way_off_is_started_only_once_it_is_off() {
    with_first(|first| {
        let mut power = started();
        power.call(first, 0, on(1));
        power.arrive(1);
        power.call(first, 1, Psci::Off);
        let ask = PowerAction::Ask { target: 1, otherwise: Return::ALREADY_ON };
        assert_eq!(power.call(first, 0, on(1)), ask);
        power.is_off(1);
        assert_eq!(power.call(first, 0, on(1)), PowerAction::Start(1));
    });
}

#[test]
fn a_refused_start_leaves_the_cpu_where_it_is() {
    with_first(|first| {
        let mut power = started();
        power.call(first, 0, on(1));
        assert_eq!(power.start_failed(1, true), Return::ALREADY_ON);
        assert_eq!(power.state(1), PowerState::OffPending);
        power.is_off(1);
        assert_eq!(power.call(first, 0, on(1)), PowerAction::Start(1));
        assert_eq!(power.start_failed(1, false), Return::INTERNAL_FAILURE);
        assert_eq!(power.state(1), PowerState::Off);
        assert_eq!(power.call(first, 0, on(1)), PowerAction::Start(1));
    });
}

#[test]
fn the_last_cpu_out_is_told_so() {
    with_first(|first| {
        let mut power = started();
        power.call(first, 0, on(1));
        assert_eq!(power.stop(Cause::Off, &POLICY), Stop::Revoke);
        assert_eq!(power.stop(Cause::Reset, &POLICY), Stop::UnderWay);
        assert_eq!(power.arrive(1), None, "a partition that stops lets nobody in");
        assert!(!power.leave(1) && power.leave(0));
        assert_eq!((power.renew(0, ENTRY), power.phase()), (Renewal::Off, Phase::Off));
    });
}

#[test]
fn an_order_has_the_last_word() {
    let mut power = started();
    power.stop(Cause::Reset, &POLICY);
    assert_eq!(power.stop(Cause::Order(Next::Off), &POLICY), Stop::UnderWay);
    assert_eq!(power.stop(Cause::Fault, &POLICY), Stop::UnderWay);
    assert!(power.leave(0));
    assert_eq!(power.next(), Next::Off);
    assert_eq!(power.start(ENTRY, &POLICY), Start::UnderWay);
    assert_eq!(power.renew(0, ENTRY), Renewal::Here);
    assert_eq!(power.start(ENTRY, &POLICY), Start::IsOn);
}

#[test]
fn faults_are_counted_until_somebody_starts_the_partition() {
    let mut power = started();
    let mut delays = Vec::new();
    for _ in 0..2 {
        power.stop(Cause::Fault, &POLICY);
        delays.push(power.delay(&POLICY));
        power.leave(0);
        assert_eq!(power.renew(0, ENTRY), Renewal::Here);
        power.arrive(0);
    }
    assert_eq!((delays, power.restarts()), (std::vec![100, 200], 2));
    power.stop(Cause::Fault, &POLICY);
    power.leave(0);
    assert_eq!(power.renew(0, ENTRY), Renewal::Off);
    assert_eq!(power.start(ENTRY, &POLICY), Start::Ask(1), "the last one is still on its way off");
    power.is_off(0);
    assert_eq!((power.start(ENTRY, &POLICY), power.restarts()), (Start::Start, 0));
}

#[test]
fn memory_that_a_device_may_write_has_no_second_life() {
    let never = Policy { restart: Restart::Never, ..POLICY };
    let mut power = started();
    assert_eq!(power.stop(Cause::Order(Next::Restart), &never), Stop::Denied);
    power.stop(Cause::Reset, &never);
    power.leave(0);
    assert_eq!(power.renew(0, ENTRY), Renewal::Off);
    assert_eq!(power.start(ENTRY, &never), Start::Denied);
}

#[test]
fn a_device_that_does_not_fall_silent_is_the_end() {
    let mut power = started();
    power.stop(Cause::Order(Next::Restart), &POLICY);
    power.leave(0);
    power.condemn();
    assert_eq!(power.stop(Cause::Order(Next::Restart), &POLICY), Stop::Denied);
    assert_eq!(power.start(ENTRY, &POLICY), Start::Denied);
    assert_eq!(power.renew(0, ENTRY), Renewal::Off);
    power.is_off(0);
    assert_eq!(power.start(ENTRY, &POLICY), Start::Denied);
}

#[test]
fn a_first_cpu_that_is_still_on_is_asked_for_again() {
    let mut power = started();
    power.stop(Cause::Off, &POLICY);
    power.leave(0);
    power.renew(0, ENTRY);
    power.is_off(0);
    assert_eq!(power.start(ENTRY, &POLICY), Start::Start);
    power.abandon(true);
    assert_eq!((power.phase(), power.start(ENTRY, &POLICY)), (Phase::Off, Start::Ask(1)));
    power.is_off(0);
    assert_eq!(power.start(ENTRY, &POLICY), Start::Start);
}

#[test]
fn only_who_has_entered_can_be_asleep() {
    with_first(|first| {
        let mut power = started();
        power.call(first, 0, on(1));
        power.stop(Cause::Reset, &POLICY);
        assert_eq!((power.inside(), power.entered()), (0b11, 0b01));
    });
}

#[test]
fn another_cpu_than_the_first_may_be_the_last() {
    with_first(|first| {
        let mut power = started();
        power.call(first, 0, on(1));
        power.arrive(1);
        power.call(first, 0, Psci::Off);
        power.stop(Cause::Reset, &POLICY);
        assert!(power.leave(1));
        assert_eq!(power.leaving(), 1);
        power.is_off(0);
        assert_eq!(power.renew(1, ENTRY), Renewal::There);
        assert_eq!((power.inside(), power.leaving()), (1, 2));
    });
}

#[test]
fn the_boot_cpu_is_on_its_way_off_unless_it_is_the_first() {
    assert_eq!(Power::new(ENTRY, Some(1)).state(1), PowerState::OffPending);
    assert_eq!(Power::new(ENTRY, Some(0)).state(0), PowerState::OnPending);
}
