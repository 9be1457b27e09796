//! Whether a partition begins again: its policy, and what asked for its end.
//!
//! The plan says whether a partition may have another life at all, and how often by itself. Who controls
//! it may always end it, and has the last word.

use bulkhead_plan::{Partition, Restart};

/// What ends a life of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It has called SYSTEM_OFF.
    Off,
    /// It has called SYSTEM_RESET.
    Reset,
    /// It has failed in a way that another life may mend.
    Fault,
    /// It cannot live: its image is damaged, or its hardware does not follow.
    Hopeless,
    /// A partition that controls it wants this.
    Order(Next),
}

/// What follows a life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Next {
    /// It stays off until somebody starts it.
    #[default]
    Off,
    /// It begins again.
    Restart,
}

/// What the plan says of a partition's lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether it begins again, and after what.
    pub restart: Restart,
    /// How often after faults.
    pub max_restarts: u32,
    /// Milliseconds before the first restart after a fault.
    pub delay: u32,
}

/// Doublings of the delay, at the most.
const DOUBLINGS: u32 = 6;

impl Policy {
    /// The policy of `partition`.
    pub const fn of(partition: &Partition) -> Self {
        let Partition { restart, max_restarts, restart_delay, .. } = *partition;
        Self { restart, max_restarts, delay: restart_delay }
    }

    /// Whether it may have another life.
    pub fn is_renewable(&self) -> bool {
        self.restart != Restart::Never
    }

    /// What follows `cause`, after `faults` restarts that faults have caused.
    pub fn after(&self, cause: Cause, faults: u32) -> Next {
        match cause {
            Cause::Reset | Cause::Order(Next::Restart) if self.is_renewable() => Next::Restart,
            Cause::Fault if self.restart == Restart::OnFault && faults < self.max_restarts => Next::Restart,
            _ => Next::Off,
        }
    }

    /// Milliseconds until it begins again after the `faults`th fault.
    pub fn delay_after(&self, faults: u32) -> u64 {
        let doublings = faults.saturating_sub(1).min(DOUBLINGS);
        u64::from(self.delay).checked_shl(doublings).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { restart: Restart::OnFault, max_restarts: 2, delay: 100 };

    #[test]
    fn a_fault_is_answered_as_the_plan_says_and_so_often() {
        assert_eq!(
            [0, 1, 2, 3].map(|faults| POLICY.after(Cause::Fault, faults) == Next::Restart),
            [true, true, false, false]
        );
        let on_request = Policy { restart: Restart::OnRequest, ..POLICY };
        assert_eq!(on_request.after(Cause::Fault, 0), Next::Off);
        assert_eq!(on_request.after(Cause::Reset, 9), Next::Restart);
    }

    #[test]
    fn memory_that_a_device_may_write_is_not_used_again() {
        let never = Policy { restart: Restart::Never, ..POLICY };
        for cause in [Cause::Reset, Cause::Fault, Cause::Order(Next::Restart)] {
            assert_eq!(never.after(cause, 0), Next::Off, "{cause:?}");
        }
    }

    #[test]
    fn who_goes_or_cannot_live_stays_off() {
        for cause in [Cause::Off, Cause::Hopeless, Cause::Order(Next::Off)] {
            assert_eq!(POLICY.after(cause, 0), Next::Off, "{cause:?}");
        }
    }

    #[test]
    fn the_delay_doubles_and_is_bounded() {
        let delays = [0, 1, 2, 3, 7, 8, u32::MAX].map(|faults| POLICY.delay_after(faults));
        assert_eq!(delays, [100, 100, 200, 400, 6400, 6400, 6400]);
    }
}
