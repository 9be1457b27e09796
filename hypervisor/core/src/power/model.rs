//! Every order in which three CPUs, a firmware and a controller can do what they do.
//!
//! The machine is [`Power`]; around it the model keeps where each CPU really is. Whatever interleaving of
//! calls, arrivals, departures and orders is possible is tried, once from each state that can be reached. So is
//! every whim of the firmware: it turns a CPU off that asks for it, or refuses, and the CPU waits at its berth.
//! Where there is no firmware, all CPUs begin at theirs.

use super::{Entry, Phase, Power, PowerAction, PowerState, Renewal, Start, Stop};
use crate::berth::{Berth, Change};
use crate::call::Psci;
use crate::compartment::Compartment;
use crate::life::{Cause, Next, Policy};
use bulkhead_plan::sample::Sample;
use bulkhead_plan::{Ipa, Plan, Restart};
use std::collections::HashSet;
use std::vec::Vec;

const CPUS: usize = 3;
const ENTRY: Entry = Entry { address: Ipa(0x4000_0000), context: 0 };
const POLICY: Policy = Policy { restart: Restart::OnFault, max_restarts: 1, delay: 100 };

/// Where a CPU is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// Off.
    Firmware,
    /// At its berth.
    Berth,
    /// Started, not yet asked where to go.
    Arriving,
    /// In the guest.
    Guest,
    /// At EL2, about to have the firmware start another.
    Starting(usize),
    /// At EL2, about to leave a partition that stops.
    Leaving,
    /// The last one out, cleaning up.
    Ending,
    /// The last one out, about to have the firmware start the first.
    Renewing,
    /// About to call the firmware's CPU_OFF.
    GoingOff,
}

/// A world without what is the same in all of them: many fit where few worlds do.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    states: [PowerState; CPUS],
    places: [Place; CPUS],
    berths: [Berth; CPUS],
    phase: Phase,
    next: Next,
    restarts: u32,
    faults: u32,
    failed: bool,
    is_condemned: bool,
    is_starting: bool,
    is_born: bool,
    started: [bool; CPUS],
}

impl From<Key> for World {
    fn from(key: Key) -> Self {
        let Key { states, places, berths, phase, next, restarts, faults, failed, is_condemned, .. } = key;
        let Key { is_starting, is_born, started, .. } = key;
        let mut power =
            Power { phase, next, restarts, faults, failed, is_condemned, ..Power::new(ENTRY, None) };
        states.into_iter().enumerate().for_each(|(cpu, state)| power.set(cpu, state));
        Self { power, places, berths, is_starting, is_born, started }
    }
}

#[derive(Clone, Debug)]
struct World {
    power: Power,
    places: [Place; CPUS],
    berths: [Berth; CPUS],
    /// Whether the controller is about to have the firmware start the first CPU.
    is_starting: bool,
    /// Whether the first CPU has begun this life in the guest, and which CPUs have been started in it.
    is_born: bool,
    started: [bool; CPUS],
}

impl World {
    /// With a firmware that has the other CPUs, or none, and they wait.
    fn new(berth: Berth) -> Self {
        let other = if berth == Berth::Waiting { Place::Berth } else { Place::Firmware };
        let (places, berths) = ([Place::Arriving, other, other], [Berth::Empty, berth, berth]);
        let power = Power::new(ENTRY, None);
        Self { power, places, berths, is_starting: false, is_born: false, started: [false; CPUS] }
    }

    /// With a firmware that has the third CPU; the second has booted the board.
    fn booted() -> Self {
        let places = [Place::Arriving, Place::GoingOff, Place::Firmware];
        Self { power: Power::new(ENTRY, Some(1)), places, ..Self::new(Berth::Empty) }
    }

    /// All that can happen next.
    fn steps(&self, compartment: &Compartment<'_>) -> Vec<Self> {
        let mut next = Vec::new();
        for cpu in 0..CPUS {
            match self.places[cpu] {
                Place::Firmware => {}
                Place::Guest => self.guest(compartment, cpu, &mut next),
                Place::Ending => {
                    let mut loud = self.clone();
                    loud.power.condemn();
                    next.extend([Some(loud), self.advance(cpu)].into_iter().flatten());
                }
                Place::GoingOff => {
                    let mut refused = self.with(cpu, Place::Berth);
                    assert!(refused.berths[cpu].make(Change::ENTER), "a berth is its CPU's: {self:?}");
                    next.extend([Some(refused), self.advance(cpu)].into_iter().flatten());
                }
                _ => next.extend(self.advance(cpu)),
            }
        }
        next.extend(self.orders());
        next
    }

    /// What EL2 does next on `cpu`, if it can go on.
    fn advance(&self, cpu: usize) -> Option<Self> {
        let mut world = self.clone();
        world.places[cpu] = match self.places[cpu] {
            Place::Arriving if cpu == 0 && !world.is_born && !world.all_are_off(cpu) => return None,
            Place::Arriving => match world.power.arrive(cpu) {
                Some(_) => {
                    world.is_born = true;
                    Place::Guest
                }
                None => Place::Leaving,
            },
            Place::Starting(target) => {
                if !world.starts(target) {
                    assert!(world.started[target], "a life finds its CPUs off: {self:?}");
                    world.power.start_failed(target, true);
                }
                world.started[target] = true;
                Place::Guest
            }
            Place::Leaving if world.power.leave(cpu) => Place::Ending,
            Place::Leaving => Place::GoingOff,
            Place::Ending => {
                if !world.all_are_off(cpu) {
                    return None;
                }
                (world.is_born, world.started) = (false, [false; CPUS]);
                match world.power.renew(cpu, ENTRY) {
                    Renewal::Here => Place::Arriving,
                    Renewal::There => Place::Renewing,
                    Renewal::Off => Place::GoingOff,
                }
            }
            Place::Renewing => {
                assert!(world.starts(0), "the first CPU is off when its next life begins");
                Place::GoingOff
            }
            Place::GoingOff => Place::Firmware,
            Place::Berth if world.berths[cpu].make(Change::LEAVE) => Place::Arriving,
            Place::Firmware | Place::Berth | Place::Guest => return None,
        };
        Some(world)
    }

    /// What the guest on `cpu` can do, and what its faulting can.
    fn guest(&self, compartment: &Compartment<'_>, cpu: usize, next: &mut Vec<Self>) {
        if self.power.phase() != Phase::Running {
            next.push(self.with(cpu, Place::Leaving));
        }
        let on = |target| Psci::On { target, entry: ENTRY.address.0, context: 0 };
        let calls = [Psci::Off, Psci::SystemOff, Psci::SystemReset, on(0), on(1), on(2)];
        for call in calls {
            let mut world = self.clone();
            let mut action = world.power.call(compartment, cpu, call);
            if let PowerAction::Ask { target, .. } = action {
                assert!(target == 0 || self.started[target], "a life finds its CPUs off: {self:?}");
                if !self.is_off(target) {
                    continue;
                }
                world.power.is_off(target);
                action = world.power.call(compartment, cpu, call);
            }
            match action {
                PowerAction::Start(target) => world.places[cpu] = Place::Starting(target),
                PowerAction::Off => world.places[cpu] = Place::GoingOff,
                PowerAction::End(cause) => {
                    world.power.stop(cause, &POLICY);
                    world.places[cpu] = Place::Leaving;
                }
                PowerAction::Return(_) | PowerAction::Wait => {}
                PowerAction::Ask { .. } => unreachable!("the firmware has been asked"),
            }
            next.push(world);
        }
        let mut faulted = self.with(cpu, Place::Leaving);
        faulted.power.stop(Cause::Fault, &POLICY);
        next.push(faulted);
    }

    /// What who controls the partition can do.
    fn orders(&self) -> Vec<Self> {
        if self.is_starting {
            let mut world = self.clone();
            assert!(world.starts(0), "who is started from outside is off");
            world.is_starting = false;
            return std::vec![world];
        }
        let mut next = Vec::new();
        for order in [Next::Off, Next::Restart] {
            let mut world = self.clone();
            let stop = world.power.stop(Cause::Order(order), &POLICY);
            let is_refused = matches!(stop, Stop::IsOff | Stop::Denied);
            assert_eq!(is_refused, self.power.phase() == Phase::Off || stop == Stop::Denied);
            assert!(stop != Stop::Denied || self.power.is_condemned, "{self:?}");
            next.push(world);
        }
        let mut world = self.clone();
        if let Start::Ask(cpus) = world.power.start(ENTRY, &POLICY) {
            let mut asked = (0..CPUS).filter(|cpu| cpus >> cpu & 1 != 0);
            if asked.clone().any(|cpu| !self.is_off(cpu)) {
                return next;
            }
            asked.by_ref().for_each(|cpu| world.power.is_off(cpu));
            world.is_starting = world.power.start(ENTRY, &POLICY) == Start::Start;
            assert!(world.is_starting);
        } else {
            world.is_starting = world.power.phase() != self.power.phase();
        }
        next.push(world);
        next
    }

    fn with(&self, cpu: usize, place: Place) -> Self {
        let mut world = self.clone();
        world.places[cpu] = place;
        world
    }

    fn starts(&mut self, target: usize) -> bool {
        let is_off = self.places[target] == Place::Firmware;
        if is_off {
            self.places[target] = Place::Arriving;
        }
        is_off || self.berths[target].make(Change::CALL)
    }

    /// Whether the firmware has it, or it waits.
    fn is_off(&self, cpu: usize) -> bool {
        self.places[cpu] == Place::Firmware || self.berths[cpu] == Berth::Waiting
    }

    /// Whether all CPUs but `last` are off; what is learned is passed on.
    fn all_are_off(&mut self, last: usize) -> bool {
        let others = || (0..CPUS).filter(|cpu| *cpu != last);
        let are_off = others().all(|cpu| self.is_off(cpu));
        if are_off {
            others().for_each(|cpu| self.power.is_off(cpu));
        }
        are_off
    }

    fn is_at(&self, places: impl Fn(Place) -> bool) -> usize {
        self.places.iter().filter(|place| places(**place)).count()
    }

    fn check(&self) {
        let (power, phase) = (&self.power, self.power.phase());
        let at_the_end = self.is_at(|place| matches!(place, Place::Ending | Place::Renewing));
        assert!(at_the_end <= 1, "one CPU cleans up: {self:?}");
        assert_eq!(phase == Phase::Ending, self.is_at(|place| place == Place::Ending) == 1, "{self:?}");
        let inside = |place| matches!(place, Place::Guest | Place::Leaving | Place::Starting(_));
        match phase {
            Phase::Ending | Phase::Off => {
                let called = self.berths.iter().filter(|berth| **berth == Berth::Called).count();
                let left = called + self.is_at(|place| inside(place) || place == Place::Arriving);
                assert_eq!(left, 0, "nobody is inside who does not clean up: {self:?}");
            }
            Phase::Stopping => assert_ne!(power.inside(), 0, "somebody is left to end it: {self:?}"),
            Phase::Running => assert_ne!(power.inside(), 0, "nobody could start a CPU: {self:?}"),
        }
        let is_alive = matches!(phase, Phase::Running | Phase::Stopping);
        assert!(!(power.is_condemned && is_alive), "a device still writes its memory: {self:?}");
        for cpu in 0..CPUS {
            let is_there = self.places[cpu] == Place::Berth;
            assert_eq!(is_there, self.berths[cpu] != Berth::Empty, "a berth is its CPU's: {self:?}");
            let is_expected = matches!(self.places[cpu], Place::Arriving | Place::Leaving)
                || self.berths[cpu] == Berth::Called
                || self.places.contains(&Place::Starting(cpu))
                || cpu == 0 && (self.is_starting || self.places.contains(&Place::Renewing));
            if power.state(cpu) == PowerState::OnPending {
                assert!(is_expected, "a start is not forgotten: {self:?}");
            }
            if inside(self.places[cpu]) {
                let known = matches!(power.state(cpu), PowerState::On | PowerState::OnPending);
                assert!(known, "whoever is inside is known to be: {self:?}");
            }
        }
    }

    /// The counter of restarts bounded, so that there is an end to the states.
    fn bounded(mut self) -> Self {
        self.power.restarts = self.power.restarts.min(1);
        self
    }

    /// All that differs between two worlds.
    fn key(&self) -> Key {
        let Power { phase, next, restarts, faults, failed, is_condemned, .. } = self.power;
        let Self { places, berths, is_starting, is_born, started, .. } = *self;
        let states = [0, 1, 2].map(|cpu| self.power.state(cpu));
        Key {
            states,
            places,
            berths,
            phase,
            next,
            restarts,
            faults,
            failed,
            is_condemned,
            is_starting,
            is_born,
            started,
        }
    }
}

/// The sample with three CPUs in its first partition.
fn with_three<T>(test: impl FnOnce(&Compartment<'_>) -> T) -> T {
    let mut sample = Sample::default();
    sample.partitions[0].cpus.count = 3;
    sample.cpus[2].virtual_mpidr = 2;
    let bytes = sample.encode();
    let plan = Plan::decode(bytes.bytes()).unwrap();
    test(&Compartment::new(&plan, &plan.partitions[0]))
}

#[test]
fn no_interleaving_loses_a_cpu_or_leaves_one_in_a_former_life() {
    with_three(|compartment| {
        let mut seen = HashSet::new();
        let worlds = [World::new(Berth::Empty), World::new(Berth::Waiting), World::booted()];
        let mut open: Vec<Key> = worlds.iter().map(World::key).collect();
        let (mut restarts, mut ends) = (0_u64, 0_u64);
        while let Some(world) = open.pop().map(World::from) {
            world.check();
            restarts += u64::from(world.power.restarts() != 0);
            ends += u64::from(world.power.phase() == Phase::Off);
            let steps = world.steps(compartment);
            assert!(!steps.is_empty(), "there is always a way on: {world:?}");
            open.extend(steps.into_iter().map(|step| step.bounded().key()).filter(|key| seen.insert(*key)));
        }
        assert!(seen.len() > 1000 && restarts > 100 && ends > 10, "{} {restarts} {ends}", seen.len());
    });
}
