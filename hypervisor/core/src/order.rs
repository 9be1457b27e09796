//! Calls of Bulkhead's own: one partition controls another.
//!
//! Their numbers are `bulkhead-abi`'s. Whom a partition may control, the plan says; whom it may not, it
//! cannot name.

use crate::compartment::Compartment;
use bulkhead_abi as abi;

/// What a partition wants of another, which it controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The other's index among the partitions of the plan.
    pub target: usize,
    /// What.
    pub verb: Verb,
}

/// What a partition can want of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Its name.
    Name,
    /// How it is.
    State,
    /// That it begins.
    Start,
    /// That it ends.
    Stop,
    /// That it ends and begins again.
    Restart,
}

impl Verb {
    /// What the function `id` wants, if it is one of these.
    pub(crate) const fn of(id: u32) -> Option<Self> {
        match id {
            abi::PARTITION_NAME => Some(Self::Name),
            abi::PARTITION_STATE => Some(Self::State),
            abi::PARTITION_START => Some(Self::Start),
            abi::PARTITION_STOP => Some(Self::Stop),
            abi::PARTITION_RESTART => Some(Self::Restart),
            _ => None,
        }
    }
}

impl Compartment<'_> {
    /// The partition that this one calls its number `position`: its index in the plan.
    pub(crate) fn controlled(&self, position: u64) -> Option<usize> {
        let controls = self.partition.controls;
        let mut indices = (0..u32::BITS).filter(|index| controls.wrapping_shr(*index) & 1 != 0);
        let position = usize::try_from(position).ok()?;
        indices.nth(position).and_then(|index| usize::try_from(index).ok())
    }
}

#[cfg(test)]
mod tests {
    use crate::compartment::tests::{with_first, with_second};
    use bulkhead_plan::Partition;

    #[test]
    fn whom_it_does_not_control_a_partition_cannot_name() {
        with_first(|first| {
            assert_eq!(
                [0, 1, 31, 1 << 32, u64::MAX].map(|at| first.controlled(at)),
                [Some(1), None, None, None, None]
            );
            let partition = Partition { controls: 1 << 31 | 0b101, ..*first.partition };
            let mut other = *first;
            other.partition = &partition;
            assert_eq!([0, 1, 2, 3].map(|at| other.controlled(at)), [Some(0), Some(2), Some(31), None]);
        });
        with_second(|second| assert_eq!(second.controlled(0), None));
    }
}
