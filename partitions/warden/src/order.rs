//! One order, and what must come of it.

use crate::clock::sleep;
use core::fmt;
use guest_rt::control::{self, Charge, Refusal, State, Status};
use guest_rt::machine;

/// Milliseconds between two looks, and looks after which something has not come.
const STEP: u64 = 5;
const PATIENCE: u32 = 12_000;
/// Milliseconds after which who still sleeps is not going to wake up.
const LONG: u64 = 2500;

/// What to do to whom, and how often.
pub(crate) struct Order {
    verb: Verb,
    name: &'static str,
    cpus: u64,
    pub(crate) count: u64,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// Start it: it is off.
    Start,
    /// Stop it: it goes off.
    Stop,
    /// Restart it: it begins again, if it was off for the first time.
    Restart,
    /// Stop it, although one of its CPUs cannot be woken: it stays on its way.
    Strand,
    /// Stop it, although a device of it goes on writing memory: it never begins again.
    Lose,
}

/// What was wrong.
pub(crate) enum Wrong {
    /// There is no such charge.
    Unknown,
    /// The call says this.
    Refused(Refusal),
    /// The call says nothing of the kind where it should.
    Accepted,
    /// It did not come to what it should, but to this.
    Became(Status),
}

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Order {
    /// Reads `VERB@NAME:CPUS*COUNT`; both numbers are 1 if they are not there.
    pub(crate) fn parse(text: &'static str) -> Option<Self> {
        let (verb, rest) = text.split_once('@')?;
        let (rest, count) = rest.split_once('*').unwrap_or((rest, "1"));
        let (name, cpus) = rest.split_once(':').unwrap_or((rest, "1"));
        let verbs = [Verb::Start, Verb::Stop, Verb::Restart, Verb::Strand, Verb::Lose];
        let verb = verbs.into_iter().find(|known| known.name() == verb)?;
        Some(Self { verb, name, cpus: machine::parse(cpus)?, count: machine::parse(count)? })
    }

    /// Gives the order `pause` milliseconds after the charge is ready, and waits for what it comes to.
    pub(crate) fn carry_out(&self, pause: u64) -> Result<Status, Wrong> {
        let is_meant = |charge: &Charge| charge.name().is_ok_and(|name| name.as_str() == self.name);
        let charge = control::charges().find(is_meant).ok_or(Wrong::Unknown)?;
        match self.verb {
            Verb::Start => start(charge),
            Verb::Stop => {
                let status = self.stop(charge, pause)?;
                refuses(charge.stop(), Refusal::ALREADY).map(|()| status)
            }
            Verb::Restart => self.restart(charge, pause),
            Verb::Lose => {
                self.stop(charge, pause)?;
                refuses(charge.start(), Refusal::DENIED)?;
                refuses(charge.restart(), Refusal::DENIED)?;
                Ok(charge.status()?)
            }
            Verb::Strand => {
                self.wait_for_readiness(charge, pause)?;
                charge.stop()?;
                sleep(LONG);
                let is_left_behind = |status: &Status| status.inside != 0;
                // Whatever is ordered is kept for when it has left, and nobody waits for that.
                for order in [Charge::stop, Charge::start, Charge::restart, Charge::stop] {
                    until(charge, State::Stopping, &[], is_left_behind)?;
                    order(charge)?;
                }
                until(charge, State::Stopping, &[], is_left_behind)
            }
        }
    }

    fn stop(&self, charge: Charge, pause: u64) -> Result<Status, Wrong> {
        self.wait_for_readiness(charge, pause)?;
        charge.stop()?;
        until(charge, State::Off, &[State::Stopping, State::Ending], |_| true)
    }

    fn restart(&self, charge: Charge, pause: u64) -> Result<Status, Wrong> {
        let before = charge.status()?;
        let mut expected = 0;
        if before.state != State::Off {
            self.wait_for_readiness(charge, pause)?;
            expected = before.restarts + 1;
        }
        charge.restart()?;
        until(charge, State::Running, &[State::Stopping, State::Ending], |status| status.restarts == expected)
    }

    /// Meanwhile it may end and begin again by itself. How long that takes is its affair: whoever runs this has limits
    /// of their own.
    fn wait_for_readiness(&self, charge: Charge, pause: u64) -> Result<(), Wrong> {
        loop {
            let status = charge.status()?;
            match status.state {
                State::Running if u64::from(status.inside.count_ones()) == self.cpus => break,
                State::Off => return Err(Wrong::Became(status)),
                State::Running | State::Stopping | State::Ending => sleep(STEP),
            }
        }
        sleep(pause);
        Ok(())
    }
}

impl Verb {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Strand => "strand",
            Self::Lose => "lose",
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.verb.name(), self.name)
    }
}

/// A status in words.
pub(crate) struct Shown(pub(crate) Status);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { state, restarts, inside } = self.0;
        write!(f, "{state:?}, restart {restarts}, CPUs {inside:#b}")
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no such charge"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Accepted => f.write_str("what was to be refused was done"),
            Self::Became(status) => write!(f, "{}", Shown(*status)),
        }
    }
}

/// A CPU that the firmware has not got yet is no reason to give up; one that it never gets is.
fn start(charge: Charge) -> Result<Status, Wrong> {
    let before = charge.status()?;
    if before.state != State::Off {
        return Err(Wrong::Became(before));
    }
    let mut answer = charge.start();
    for _ in 0..PATIENCE {
        if answer != Err(Refusal::BUSY) {
            break;
        }
        sleep(STEP);
        answer = charge.start();
    }
    answer?;
    let status = until(charge, State::Running, &[], |status| status.restarts == 0)?;
    refuses(charge.start(), Refusal::ALREADY).map(|()| status)
}

/// What is done cannot be done again, and what is over does not come back.
fn refuses(answer: Result<(), Refusal>, expected: Refusal) -> Result<(), Wrong> {
    match answer {
        Err(refusal) if refusal == expected => Ok(()),
        Err(refusal) => Err(refusal.into()),
        Ok(()) => Err(Wrong::Accepted),
    }
}

/// Waits until the charge is in state `goal` and `is_enough`; on the way there it may be in these others.
fn until(
    charge: Charge,
    goal: State,
    between: &[State],
    is_enough: impl Fn(&Status) -> bool,
) -> Result<Status, Wrong> {
    let mut status = charge.status()?;
    for _ in 0..PATIENCE {
        if status.state == goal && is_enough(&status) {
            return Ok(status);
        }
        if !between.contains(&status.state) {
            break;
        }
        sleep(STEP);
        status = charge.status()?;
    }
    Err(Wrong::Became(status))
}
