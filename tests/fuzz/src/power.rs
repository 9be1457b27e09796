//! Random walks of up to eight CPUs, their firmware and a controller.
//!
//! The exhaustive model in `bulkhead-core` has three CPUs; here are more of them, and long sequences. Some firmware turns
//! no CPU off, or is not there at all: its CPUs wait at their berths.

use arbitrary::{Arbitrary as _, Result, Unstructured};
use bulkhead_core::berth::{Berth, Change};
use bulkhead_core::{
    Cause, Compartment, Entry, Next, Phase, Policy, Power, PowerAction, PowerState, Psci, Renewal, Start,
};
use bulkhead_plan::sample::Sample;
use bulkhead_plan::{Cpu, Ipa, Plan, Restart};

const CPUS: usize = 8;
const ENTRY: Entry = Entry { address: Ipa(0x4000_0000), context: 0 };

/// Where a CPU is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Firmware,
    Berth,
    Arriving,
    Guest,
    Starting(usize),
    Leaving,
    Ending,
    Renewing,
    GoingOff,
}

struct Walk<'c, 'p> {
    compartment: &'c Compartment<'p>,
    policy: Policy,
    power: Power,
    places: [Place; CPUS],
    berths: [Berth; CPUS],
    /// Whether the firmware turns CPUs off.
    turns_off: bool,
    is_starting: bool,
}

/// One walk.
pub(crate) fn check(case: &mut Unstructured<'_>) -> Result<()> {
    let sample = Sample::default().encode();
    let plan = Plan::decode(sample.bytes()).unwrap_or_else(|error| panic!("the sample: {error}"));
    let cpu = |number| Cpu { virtual_mpidr: number, mpidr: number, ..plan.cpus[0] };
    let cpus: Vec<Cpu> = (0..CPUS as u64).map(cpu).collect();
    let mut compartment = Compartment::new(&plan, &plan.partitions[0]);
    compartment.cpus = &cpus;
    let restart = *case.choose(&[Restart::Never, Restart::OnRequest, Restart::OnFault])?;
    let policy = Policy { restart, max_restarts: case.int_in_range(0..=3)?, delay: 100 };
    let turns_off = bool::arbitrary(case)?;
    let (place, berth) = if turns_off || bool::arbitrary(case)? {
        (Place::Firmware, Berth::Empty)
    } else {
        (Place::Berth, Berth::Waiting)
    };
    let (mut places, mut berths) = ([place; CPUS], [berth; CPUS]);
    (places[0], berths[0]) = (Place::Arriving, Berth::Empty);
    let power = Power::new(ENTRY, None);
    let compartment = &compartment;
    let mut walk = Walk { compartment, policy, power, places, berths, turns_off, is_starting: false };
    while !case.is_empty() {
        walk.step(case)?;
        walk.check();
    }
    Ok(())
}

impl Walk<'_, '_> {
    fn step(&mut self, case: &mut Unstructured<'_>) -> Result<()> {
        let cpu = case.choose_index(CPUS + 1)?;
        match self.places.get(cpu).copied() {
            None => self.order(case)?,
            Some(Place::Guest) => self.guest(case, cpu)?,
            Some(place) => self.places[cpu] = self.advance(cpu, place),
        }
        Ok(())
    }

    fn advance(&mut self, cpu: usize, place: Place) -> Place {
        match place {
            Place::Arriving => match self.power.arrive(cpu) {
                Some(_) => Place::Guest,
                None => Place::Leaving,
            },
            Place::Starting(target) => {
                if !self.starts(target) {
                    self.power.start_failed(target, true);
                }
                Place::Guest
            }
            Place::Leaving if self.power.leave(cpu) => Place::Ending,
            Place::Leaving => Place::GoingOff,
            Place::Ending => {
                let mut others = (0..CPUS).filter(|other| *other != cpu);
                if !others.clone().all(|other| self.is_off(other)) {
                    return place;
                }
                others.by_ref().for_each(|other| self.power.is_off(other));
                match self.power.renew(cpu, ENTRY) {
                    Renewal::Here => Place::Arriving,
                    Renewal::There => Place::Renewing,
                    Renewal::Off => Place::GoingOff,
                }
            }
            Place::Renewing => {
                assert!(self.starts(0), "the first CPU is not off");
                Place::GoingOff
            }
            Place::GoingOff if self.turns_off => Place::Firmware,
            Place::GoingOff => {
                assert!(self.berths[cpu].make(Change::ENTER), "somebody is at the berth of CPU {cpu}");
                Place::Berth
            }
            Place::Berth if self.berths[cpu].make(Change::LEAVE) => Place::Arriving,
            Place::Firmware | Place::Berth | Place::Guest => place,
        }
    }

    fn guest(&mut self, case: &mut Unstructured<'_>, cpu: usize) -> Result<()> {
        let target = case.int_in_range(0..=CPUS as u64)?;
        let call = match case.int_in_range(0..=9)? {
            0 => Psci::Off,
            1 => Psci::SystemReset,
            2 => Psci::SystemOff,
            3 => Psci::AffinityInfo { target, level: case.int_in_range(0..=1)? },
            4 if self.power.phase() != Phase::Running => {
                self.places[cpu] = Place::Leaving;
                return Ok(());
            }
            5 => {
                self.power.stop(Cause::Fault, &self.policy);
                self.places[cpu] = Place::Leaving;
                return Ok(());
            }
            _ => Psci::On { target, entry: case.int_in_range(0x3fff_fff0..=0x4000_0010)?, context: 0 },
        };
        let mut action = self.power.call(self.compartment, cpu, call);
        if let PowerAction::Ask { target, .. } = action {
            if !self.is_off(target) {
                return Ok(());
            }
            self.power.is_off(target);
            action = self.power.call(self.compartment, cpu, call);
        }
        self.places[cpu] = match action {
            PowerAction::Start(target) => Place::Starting(target),
            PowerAction::Off => Place::GoingOff,
            PowerAction::End(cause) => {
                self.power.stop(cause, &self.policy);
                Place::Leaving
            }
            PowerAction::Return(_) | PowerAction::Wait => Place::Guest,
            PowerAction::Ask { .. } => panic!("the firmware was asked"),
        };
        Ok(())
    }

    fn order(&mut self, case: &mut Unstructured<'_>) -> Result<()> {
        if self.is_starting {
            assert!(self.starts(0), "who is started from outside is off");
            self.is_starting = false;
            return Ok(());
        }
        match case.int_in_range(0..=2)? {
            0 => drop(self.power.stop(Cause::Order(Next::Off), &self.policy)),
            1 => drop(self.power.stop(Cause::Order(Next::Restart), &self.policy)),
            _ => {
                let mut answer = self.power.start(ENTRY, &self.policy);
                if let Start::Ask(cpus) = answer {
                    let asked = (0..CPUS).filter(|cpu| cpus >> cpu & 1 != 0);
                    for cpu in asked.filter(|cpu| self.is_off(*cpu)).collect::<Vec<_>>() {
                        self.power.is_off(cpu);
                    }
                    answer = self.power.start(ENTRY, &self.policy);
                }
                self.is_starting = answer == Start::Start;
            }
        }
        Ok(())
    }

    /// By the firmware, or at its berth.
    fn starts(&mut self, target: usize) -> bool {
        let has_firmware = self.places[target] == Place::Firmware;
        if has_firmware {
            self.places[target] = Place::Arriving;
        }
        has_firmware || self.berths[target].make(Change::CALL)
    }

    fn is_off(&self, cpu: usize) -> bool {
        self.places[cpu] == Place::Firmware || self.berths[cpu] == Berth::Waiting
    }

    fn check(&self) {
        let count = |place: fn(&Place) -> bool| self.places.iter().filter(|it| place(it)).count();
        let inside = count(|place| matches!(place, Place::Guest | Place::Leaving | Place::Starting(_)));
        let ending = count(|place| *place == Place::Ending);
        match self.power.phase() {
            Phase::Running | Phase::Stopping => {
                assert_ne!(self.power.inside(), 0, "a life that nobody could end");
                assert_eq!(ending, 0);
            }
            Phase::Ending => assert_eq!((inside, ending), (0, 1)),
            Phase::Off => assert_eq!((inside, ending), (0, 0)),
        }
        for (cpu, place) in self.places.iter().enumerate() {
            let is_off = *place == Place::Firmware || self.berths[cpu] == Berth::Waiting;
            assert!(!is_off || self.power.state(cpu) != PowerState::On, "CPU {cpu} is off and counts as on");
            let is_there = self.berths[cpu] != Berth::Empty;
            assert_eq!(*place == Place::Berth, is_there, "a berth is its CPU's, {cpu}");
        }
        if self.policy.restart == Restart::Never {
            assert_eq!(self.power.restarts(), 0, "memory that may still be written was used again");
        }
    }
}
