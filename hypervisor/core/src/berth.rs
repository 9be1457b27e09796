//! Where a CPU waits at EL2 that nobody turns off: for its next life.
//!
//! Some firmware refuses CPU_OFF, and boards without PSCI have none to ask. To its partition such a CPU is off
//! all the same: it is in no guest, and whoever starts it calls it instead of the firmware. One call, one life.

/// What there is to know of a CPU at EL2 between two lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Berth {
    /// It is at work, or in the firmware's hands.
    #[default]
    Empty = 0,
    /// It waits here.
    Waiting = 1,
    /// It waits here, and is to go.
    Called = 2,
}

/// What becomes of a berth that is as the first says: it is as the second says, in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change(pub Berth, pub Berth);

impl Change {
    /// The CPU comes.
    pub const ENTER: Self = Self(Berth::Empty, Berth::Waiting);
    /// Whoever starts it calls the CPU; only one that waits can be called, and once.
    pub const CALL: Self = Self(Berth::Waiting, Berth::Called);
    /// The CPU was called, and goes.
    pub const LEAVE: Self = Self(Berth::Called, Berth::Empty);
}

impl Berth {
    /// Makes a change. False, and nothing has changed, if the berth is not as the change wants it.
    pub fn make(&mut self, Change(from, to): Change) -> bool {
        let is_possible = *self == from;
        if is_possible {
            *self = to;
        }
        is_possible
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_that_waits_is_called_once_and_goes_once() {
        let mut berth = Berth::default();
        assert!(berth.make(Change::ENTER) && !berth.make(Change::LEAVE));
        assert!(berth.make(Change::CALL) && !berth.make(Change::CALL));
        assert!(berth.make(Change::LEAVE) && !berth.make(Change::LEAVE));
        assert_eq!(berth, Berth::Empty);
    }

    #[test]
    fn nobody_calls_a_cpu_that_is_elsewhere() {
        let mut berth = Berth::default();
        assert!(!berth.make(Change::CALL) && !berth.make(Change::LEAVE));
    }
}
