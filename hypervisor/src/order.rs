//! What one partition does to another that it controls.
//!
//! The call returns at once: the other's own CPUs do what is to be done. Who may control whom, the plan says
//! and `bulkhead-core` has checked.

use crate::berth;
use crate::partition::Partition;
use crate::stop;
use crate::system::System;
use bulkhead_abi as abi;
use bulkhead_core::{Next, Order, Phase, Registers, Start, Stop, Verb, Why};

/// Carries out an order of partition `by`. It comes seldom: in the loop of exits, what it needs would be set up there
/// each time a CPU begins.
#[inline(never)]
pub(crate) fn carry_out(system: &System, by: &Partition, registers: &mut Registers, order: Order) {
    let Some(target) = system.partitions.get(order.target) else { return };
    let mut result = [0; 5];
    let status = match order.verb {
        Verb::Name => {
            let words = target.compartment.partition.name.0.as_chunks::<8>().0;
            result[1..].iter_mut().zip(words).for_each(|(word, bytes)| *word = u64::from_le_bytes(*bytes));
            abi::SUCCESS
        }
        Verb::State => {
            stop::report_sleepers(target);
            let power = target.power.lock();
            result[1] = state(power.phase()) as u64;
            result[2] = u64::from(power.restarts());
            result[3] = power.inside();
            abi::SUCCESS
        }
        Verb::Start => start(system, target),
        Verb::Stop => stop(system, target, Why::Order(by.index, Next::Off)),
        Verb::Restart => match stop(system, target, Why::Order(by.index, Next::Restart)) {
            abi::ALREADY => start(system, target),
            status => status,
        },
    };
    result[0] = status.cast_unsigned();
    registers.x[..result.len()].copy_from_slice(&result);
}

const fn state(phase: Phase) -> abi::State {
    match phase {
        Phase::Running => abi::State::Running,
        Phase::Stopping => abi::State::Stopping,
        Phase::Ending => abi::State::Ending,
        Phase::Off => abi::State::Off,
    }
}

fn stop(system: &System, target: &Partition, why: Why) -> i64 {
    match stop::begin(system, target, why) {
        Stop::Revoke | Stop::UnderWay => abi::SUCCESS,
        Stop::IsOff => abi::ALREADY,
        Stop::Denied => abi::DENIED,
    }
}

fn start(system: &System, target: &Partition) -> i64 {
    let mut power = target.power.lock();
    let mut answer = power.start(target.entry, &target.policy);
    if let Start::Ask(cpus) = answer {
        let asked = (0..target.compartment.cpus.len()).filter(|vcpu| cpus >> vcpu & 1 != 0);
        for vcpu in asked.filter(|vcpu| berth::is_off(system, target.cpu_index(*vcpu))) {
            power.is_off(vcpu);
        }
        answer = power.start(target.entry, &target.policy);
    }
    if answer == Start::Start {
        stop::is_no_longer_off(target);
    }
    drop(power);
    match answer {
        Start::Start if stop::start_first(system, target) => abi::SUCCESS,
        Start::Start => abi::FAILED,
        Start::UnderWay => abi::SUCCESS,
        Start::IsOn => abi::ALREADY,
        Start::Ask(_) => abi::BUSY,
        Start::Denied => abi::DENIED,
    }
}
