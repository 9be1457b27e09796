//! The power state of a partition's CPUs and the phases of its life: one state machine.
//!
//! PSCI 1.1 §5 and §6.6, with an end and a new beginning for the partition as a whole. Its CPUs share it
//! behind one lock, and each call is one transition. A CPU on its way to the firmware is `OffPending` until
//! the firmware says that it is off: only the firmware knows, so a transition asks for it. Where the firmware
//! turns no CPU off, one that has reached its [`Berth`](crate::berth::Berth) is off, and its berth is asked as well.
//!
//! ```text
//!  Running ──stop──► Stopping ──last CPU out──► Ending ──► Off ──start──► Running
//!     ▲                                           └──────renew──────────────▲
//! ```

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use crate::call::{Psci, Return};
use crate::compartment::Compartment;
use crate::life::{Cause, Next, Policy};
use bulkhead_plan::{Ipa, limits};

/// The state of one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PowerState {
    /// Off, in the firmware's hands.
    #[default]
    Off,
    /// Asked for; not yet in the guest.
    OnPending,
    /// In the guest, or at EL2 on its behalf.
    On,
    /// On its way to the firmware.
    OffPending,
}

/// Where a partition is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Its CPUs run its guest.
    Running,
    /// Its memory is revoked, and its CPUs leave.
    Stopping,
    /// They have left but for one, which cleans up behind them.
    Ending,
    /// Nobody is in it.
    Off,
}

/// Where a CPU begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its first instruction.
    pub address: Ipa,
    /// Its x0.
    pub context: u64,
}

/// What has to happen after a guest's call.
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
    /// The partition's life ends because of this.
    End(Cause),
}

/// What an end of a partition's life comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The caller revokes the partition's memory and wakes its CPUs.
    Revoke,
    /// Somebody else has begun; an order has changed what follows.
    UnderWay,
    /// It is off already.
    IsOff,
    /// It may not have another life.
    Denied,
}

/// What a start from outside comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The caller has the firmware start the first CPU; if it will not, it calls [`Power::abandon`].
    Start,
    /// It is on already.
    IsOn,
    /// It is on its way off and will begin again.
    UnderWay,
    /// These CPUs (bit n: CPU n) were on their way off when last seen: the caller asks the firmware, says
    /// what it learns to [`Power::is_off`], and tries again if all are off.
    Ask(u64),
    /// It may not have another life.
    Denied,
}

/// Who begins a partition's next life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The caller, which is the first CPU.
    Here,
    /// The first CPU, once the caller has had the firmware start it; the caller goes off.
    There,
    /// Nobody: an order has come in between. The caller goes off.
    Off,
}

/// The power states of one partition.
#[derive(Clone, Debug)]
pub struct Power {
    cpus: [(PowerState, Entry); limits::CPUS],
    phase: Phase,
    next: Next,
    /// Restarts since somebody started it, and those of them that faults have caused.
    restarts: u32,
    faults: u32,
    /// Whether what follows the end that is under way follows a fault, and not an order.
    failed: bool,
    /// Whether a device of it may write its memory for ever.
    is_condemned: bool,
}

impl Power {
    /// A partition with all CPUs off but its first, which is about to begin at `entry`, and the one that
    /// boots the board, which is on its way off if it is another.
    pub fn new(entry: Entry, boot_cpu: Option<usize>) -> Self {
        let mut power = Self {
            cpus: [(PowerState::Off, Entry::default()); limits::CPUS],
            phase: Phase::Running,
            next: Next::Off,
            restarts: 0,
            faults: 0,
            failed: false,
            is_condemned: false,
        };
        if let Some(boot_cpu) = boot_cpu {
            power.set(boot_cpu, PowerState::OffPending);
        }
        power.begin(entry);
        power
    }

    /// What a call by CPU `caller` means.
    pub fn call(&mut self, compartment: &Compartment<'_>, caller: usize, call: Psci) -> PowerAction {
        match call {
            Psci::Suspend => PowerAction::Wait,
            Psci::SystemOff => PowerAction::End(Cause::Off),
            Psci::SystemReset => PowerAction::End(Cause::Reset),
            Psci::Off => self.turn_off(caller),
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
        if self.phase != Phase::Running || state != PowerState::OnPending {
            return None;
        }
        self.set(cpu, PowerState::On);
        Some(entry)
    }

    /// Ends the partition's life because of `cause`. An order overrides what was to follow; what the
    /// partition itself does no longer counts once an end is under way.
    pub fn stop(&mut self, cause: Cause, policy: &Policy) -> Stop {
        if cause == Cause::Order(Next::Restart) && !self.is_renewable(policy) {
            return Stop::Denied;
        }
        match (self.phase, cause) {
            (Phase::Off, _) => Stop::IsOff,
            (Phase::Running, _) => {
                self.phase = Phase::Stopping;
                self.next =
                    if self.is_renewable(policy) { policy.after(cause, self.faults) } else { Next::Off };
                self.failed = cause == Cause::Fault;
                Stop::Revoke
            }
            (Phase::Stopping | Phase::Ending, Cause::Order(next)) => {
                (self.next, self.failed) = (next, false);
                Stop::UnderWay
            }
            (Phase::Stopping | Phase::Ending, _) => Stop::UnderWay,
        }
    }

    /// Starts a partition that is off, at `entry`, because who controls it says so.
    pub fn start(&mut self, entry: Entry, policy: &Policy) -> Start {
        let leaving = self.mask(PowerState::OffPending);
        match self.phase {
            Phase::Running => Start::IsOn,
            _ if !self.is_renewable(policy) => Start::Denied,
            Phase::Stopping | Phase::Ending => {
                (self.next, self.failed) = (Next::Restart, false);
                Start::UnderWay
            }
            Phase::Off if leaving != 0 => Start::Ask(leaving),
            Phase::Off => {
                (self.restarts, self.faults) = (0, 0);
                self.begin(entry);
                Start::Start
            }
        }
    }

    /// The first CPU of a partition that was about to begin cannot be started; if the firmware says that it
    /// is on, it is still on its way off.
    pub fn abandon(&mut self, is_still_on: bool) {
        self.set(0, if is_still_on { PowerState::OffPending } else { PowerState::Off });
        self.phase = Phase::Off;
    }

    /// CPU `cpu` leaves a partition that is being stopped. True for the last one, which stays to clean up
    /// and then asks [`Power::renew`].
    pub fn leave(&mut self, cpu: usize) -> bool {
        self.set(cpu, PowerState::OffPending);
        if self.phase != Phase::Stopping || self.inside() != 0 {
            return false;
        }
        self.set(cpu, PowerState::On);
        self.phase = Phase::Ending;
        true
    }

    /// What is to follow the life that ends.
    pub const fn next(&self) -> Next {
        self.next
    }

    /// What is to follow turns out to be impossible for now.
    pub fn give_up(&mut self) {
        self.next = Next::Off;
    }

    /// A device does not fall silent: whatever anybody wants, the memory is never used again.
    pub fn condemn(&mut self) {
        self.next = Next::Off;
        self.is_condemned = true;
    }

    /// Milliseconds that the end under way waits before it is a beginning.
    pub fn delay(&self, policy: &Policy) -> u64 {
        if self.failed { policy.delay_after(self.faults.saturating_add(1)) } else { 0 }
    }

    /// CPU `cpu`, the last one out, has cleaned up: who begins the next life, at `entry`. All others are off.
    pub fn renew(&mut self, cpu: usize, entry: Entry) -> Renewal {
        self.set(cpu, PowerState::OffPending);
        if self.next == Next::Off {
            self.phase = Phase::Off;
            return Renewal::Off;
        }
        self.restarts = self.restarts.saturating_add(1);
        self.faults = self.faults.saturating_add(u32::from(self.failed));
        self.begin(entry);
        if cpu == 0 { Renewal::Here } else { Renewal::There }
    }

    /// Where the partition is in its life.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// How often it has begun again since somebody started it.
    pub const fn restarts(&self) -> u32 {
        self.restarts
    }

    /// The CPUs that are in the guest or will look in at EL2; bit n: CPU n.
    pub fn inside(&self) -> u64 {
        self.mask(PowerState::On) | self.mask(PowerState::OnPending)
    }

    /// The CPUs that have entered the guest and not left it for good; bit n: CPU n.
    pub fn entered(&self) -> u64 {
        self.mask(PowerState::On)
    }

    /// The CPUs that are on their way to the firmware; bit n: CPU n.
    pub fn leaving(&self) -> u64 {
        self.mask(PowerState::OffPending)
    }

    /// The state of a CPU.
    pub fn state(&self, cpu: usize) -> PowerState {
        self.cpus.get(cpu).map_or(PowerState::Off, |(state, _)| *state)
    }

    /// Whether it may have another life.
    fn is_renewable(&self, policy: &Policy) -> bool {
        policy.is_renewable() && !self.is_condemned
    }

    /// The first CPU is about to begin, at `entry`.
    fn begin(&mut self, entry: Entry) {
        self.phase = Phase::Running;
        self.next = Next::Off;
        self.failed = false;
        if let Some(first) = self.cpus.first_mut() {
            *first = (PowerState::OnPending, entry);
        }
    }

    /// Nobody slips out of a partition that stops; and one whose last CPU goes has ended, for nothing inside
    /// of it could turn a CPU on again.
    fn turn_off(&mut self, caller: usize) -> PowerAction {
        let is_last =
            self.inside() == 1_u64.checked_shl(u32::try_from(caller).unwrap_or(u32::MAX)).unwrap_or(0);
        if is_last || self.phase != Phase::Running {
            return PowerAction::End(Cause::Off);
        }
        self.set(caller, PowerState::OffPending);
        PowerAction::Off
    }

    fn turn_on(&mut self, target: usize, entry: Entry) -> PowerAction {
        match self.state(target) {
            _ if self.phase != Phase::Running => PowerAction::Return(Return::DENIED),
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

    fn mask(&self, wanted: PowerState) -> u64 {
        let is_wanted = |(state, _): &(PowerState, Entry)| u64::from(*state == wanted);
        self.cpus.iter().rev().fold(0, |mask, cpu| mask << 1 | is_wanted(cpu))
    }
}
