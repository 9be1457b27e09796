//! The power state of a partition's CPUs: PSCI as a state machine.
//!
//! PSCI 1.1 §5 and §6.6. The partition owns the machine, its CPUs share it behind one lock, and each call
//! is one transition. A CPU that has called CPU_OFF is `OffPending` until the firmware says that it is
//! off: only the firmware knows, so the transition asks for it by [`PowerAction::Ask`].

use crate::call::{Psci, Return};
use crate::compartment::Compartment;
use bulkhead_plan::{Ipa, limits};

/// The state of one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PowerState {
    /// Off, in the firmware's hands.
    #[default]
    Off,
    /// Asked for; not yet in the guest.
    OnPending,
    /// In the guest.
    On,
    /// On its way to the firmware.
    OffPending,
}

/// Where a CPU begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its first instruction.
    pub address: Ipa,
    /// Its x0.
    pub context: u64,
}

/// What has to happen after a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerAction {
    /// Return this to the caller.
    Return(Return),
    /// Have the firmware start this CPU of the partition, then return SUCCESS; if the firmware will not,
    /// call [`Power::start_failed`] and return what it says.
    Start(usize),
    /// Ask the firmware whether CPU `target` is off. If so, say it to [`Power::is_off`] and make the call
    /// again; if not, return `otherwise`.
    Ask {
        /// The CPU.
        target: usize,
        /// What the caller is told as long as the firmware has not finished.
        otherwise: Return,
    },
    /// Wait for an interrupt, then return SUCCESS.
    Wait,
    /// This CPU leaves; it comes back by CPU_ON.
    Off,
    /// The partition stops, for good.
    Stop,
    /// The partition stops; a partition that may be restarted would be.
    Reset,
}

/// The power states of one partition.
#[derive(Clone, Debug)]
pub struct Power {
    cpus: [(PowerState, Entry); limits::CPUS],
    stopping: bool,
}

impl Power {
    /// A partition with all CPUs off but its first, which is about to begin at `entry`, and the one that
    /// boots the board, which is on its way off if it is another.
    pub fn new(entry: Entry, boot_cpu: Option<usize>) -> Self {
        let mut power = Self { cpus: [(PowerState::Off, Entry::default()); limits::CPUS], stopping: false };
        if let Some(boot_cpu) = boot_cpu {
            power.set(boot_cpu, PowerState::OffPending);
        }
        if let Some(first) = power.cpus.first_mut() {
            *first = (PowerState::OnPending, entry);
        }
        power
    }

    /// What a call by CPU `caller` means.
    pub fn call(&mut self, compartment: &Compartment<'_>, caller: usize, call: Psci) -> PowerAction {
        match call {
            Psci::Suspend => PowerAction::Wait,
            Psci::Off if self.stopping => PowerAction::Stop,
            Psci::SystemOff => PowerAction::Stop,
            Psci::SystemReset => PowerAction::Reset,
            Psci::Off => {
                self.set(caller, PowerState::OffPending);
                PowerAction::Off
            }
            Psci::On { target, entry, context } => match compartment.cpu_of(target) {
                None => PowerAction::Return(Return::INVALID_PARAMETERS),
                Some(_) if !compartment.may_run(entry) => PowerAction::Return(Return::INVALID_ADDRESS),
                Some(target) => self.turn_on(target, Entry { address: Ipa(entry), context }),
            },
            Psci::AffinityInfo { target, level } => match compartment.cpu_of(target) {
                Some(target) if level == 0 => self.affinity_info(target),
                _ => PowerAction::Return(Return::INVALID_PARAMETERS),
            },
        }
    }

    /// CPU `target`, on its way to the firmware, has got there.
    pub fn is_off(&mut self, target: usize) {
        if self.state(target) == PowerState::OffPending {
            self.set(target, PowerState::Off);
        }
    }

    /// The firmware has refused to start `target`: what the caller is told. If it says that the CPU is on,
    /// the CPU is still on its way off.
    pub fn start_failed(&mut self, target: usize, is_still_on: bool) -> Return {
        let (state, answer) = match is_still_on {
            true => (PowerState::OffPending, Return::ALREADY_ON),
            false => (PowerState::Off, Return::INTERNAL_FAILURE),
        };
        if self.state(target) == PowerState::OnPending {
            self.set(target, state);
        }
        answer
    }

    /// CPU `cpu` has come from the firmware: where it goes, or `None` if the partition is being stopped.
    pub fn arrive(&mut self, cpu: usize) -> Option<Entry> {
        let (state, entry) = *self.cpus.get(cpu)?;
        if self.stopping || state != PowerState::OnPending {
            return None;
        }
        self.set(cpu, PowerState::On);
        Some(entry)
    }

    /// Begins to stop the partition. True for the first to say so.
    pub fn stop(&mut self) -> bool {
        !core::mem::replace(&mut self.stopping, true)
    }

    /// Whether the partition is being stopped.
    pub const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// CPU `cpu` leaves a partition that is being stopped. True for the last one.
    pub fn leave(&mut self, cpu: usize) -> bool {
        self.set(cpu, PowerState::Off);
        self.stopping && self.cpus.iter().all(|(state, _)| !state.holds_up_a_stop())
    }

    /// The state of a CPU.
    pub fn state(&self, cpu: usize) -> PowerState {
        self.cpus.get(cpu).map_or(PowerState::Off, |(state, _)| *state)
    }

    fn turn_on(&mut self, target: usize, entry: Entry) -> PowerAction {
        match self.state(target) {
            _ if self.stopping => PowerAction::Return(Return::DENIED),
            PowerState::On => PowerAction::Return(Return::ALREADY_ON),
            PowerState::OnPending => PowerAction::Return(Return::ON_PENDING),
            PowerState::OffPending => PowerAction::Ask { target, otherwise: Return::ALREADY_ON },
            PowerState::Off => {
                if let Some(cpu) = self.cpus.get_mut(target) {
                    *cpu = (PowerState::OnPending, entry);
                }
                PowerAction::Start(target)
            }
        }
    }

    fn affinity_info(&self, target: usize) -> PowerAction {
        match self.state(target) {
            PowerState::On => PowerAction::Return(Return::SUCCESS),
            PowerState::OnPending => PowerAction::Return(Return::PENDING),
            PowerState::OffPending => PowerAction::Ask { target, otherwise: Return::SUCCESS },
            PowerState::Off => PowerAction::Return(Return::OFF),
        }
    }

    fn set(&mut self, cpu: usize, state: PowerState) {
        if let Some((current, _)) = self.cpus.get_mut(cpu) {
            *current = state;
        }
    }
}

impl PowerState {
    /// Whether a stop has to wait for a CPU in this state: it is in the guest, or will look in at EL2.
    const fn holds_up_a_stop(self) -> bool {
        matches!(self, Self::On | Self::OnPending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compartment::tests::with_first;
    use std::collections::HashSet;
    use std::vec::Vec;

    const ENTRY: Entry = Entry { address: Ipa(0x4000_0000), context: 1 };

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
            assert_eq!(
                power.call(first, 0, info),
                PowerAction::Ask { target: 1, otherwise: Return::SUCCESS }
            );
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
            assert!(power.stop() && !power.stop());
            assert_eq!(power.arrive(1), None, "a partition that stops lets nobody in");
            assert!(!power.leave(1) && power.leave(0));
        });
    }

    #[test]
    fn the_boot_cpu_is_on_its_way_off_unless_it_is_the_first() {
        assert_eq!(Power::new(ENTRY, Some(1)).state(1), PowerState::OffPending);
        assert_eq!(Power::new(ENTRY, Some(0)).state(0), PowerState::OnPending);
    }

    /// Every state that two CPUs can reach by any sequence of calls, arrivals and firmware answers.
    #[test]
    fn no_sequence_starts_a_cpu_that_is_not_off_or_loses_one() {
        with_first(|first| {
            let calls =
                [Psci::Off, on(0), on(1), Psci::SystemOff, Psci::AffinityInfo { target: 1, level: 0 }];
            let mut seen = HashSet::new();
            let mut open: Vec<Power> = std::vec![Power::new(ENTRY, None)];
            while let Some(power) = open.pop() {
                assert_one_is_last(&power);
                let key = std::format!("{:?}{:?}{}", power.state(0), power.state(1), power.stopping);
                if !seen.insert(key) {
                    continue;
                }
                for cpu in [0, 1] {
                    let mut arrived = power.clone();
                    let let_in = arrived.arrive(cpu).is_some();
                    assert_eq!(let_in, power.state(cpu) == PowerState::OnPending && !power.stopping);
                    open.push(arrived);
                    let mut settled = power.clone();
                    settled.is_off(cpu);
                    open.push(settled);
                    if power.state(cpu) != PowerState::On {
                        continue;
                    }
                    for call in calls {
                        let mut next = power.clone();
                        match next.call(first, cpu, call) {
                            PowerAction::Start(target) => {
                                assert_eq!(power.state(target), PowerState::Off);
                                assert_eq!(next.state(target), PowerState::OnPending);
                                assert!(!next.stopping);
                            }
                            PowerAction::Ask { target, .. } => {
                                assert_eq!(next.state(target), PowerState::OffPending);
                            }
                            PowerAction::Off => {
                                assert_eq!(next.state(cpu), PowerState::OffPending);
                                assert!(!power.stopping, "nobody slips out of a partition that stops");
                            }
                            PowerAction::Stop => assert!(next.stop() || power.stopping),
                            PowerAction::Return(_) | PowerAction::Wait | PowerAction::Reset => {
                                assert_eq!(next.state(0), power.state(0));
                                assert_eq!(next.state(1), power.state(1));
                            }
                        }
                        open.push(next);
                    }
                }
            }
            // 4 states of each of 2 CPUs, but never both pending; whoever stops the partition is on.
            assert_eq!(seen.len(), 15 + 7);
        });
    }

    /// If the partition stops now, whoever is in it or comes leaves, and exactly one of them is the last.
    fn assert_one_is_last(power: &Power) {
        let mut power = power.clone();
        power.stop();
        let inside = [0, 1].map(|cpu| power.state(cpu).holds_up_a_stop());
        let last = [0, 1].into_iter().filter(|cpu| inside[*cpu] && power.leave(*cpu)).count();
        assert_eq!(last, usize::from(inside.contains(&true)));
    }
}
