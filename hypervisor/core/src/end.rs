//! Why a life of a partition ends, in words and for its policy.
//!
//! The words are what a person finds on the console; `bulkhead decode` and the tests look for them.

use crate::life::{Cause, Next};
use core::fmt;

/// Why a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has called SYSTEM_OFF, or its last CPU has turned itself off.
    Off,
    /// It has called SYSTEM_RESET.
    Reset,
    /// A partition that controls it has said so: its index, and what is to follow.
    Order(usize, Next),
    /// It has failed.
    Fault(FaultKind),
    /// What arrived in its memory is not what the plan says.
    Damaged,
    /// The redistributor of one of its CPUs does not wake.
    Asleep,
    /// One of its CPUs is another one to the GIC than the plan says.
    Misnumbered,
    /// The firmware does not start its first CPU, and says this.
    NotStarted(i64),
}

/// How a partition fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It has no memory where its exceptions are taken: it would take them for ever.
    Vector,
    /// An SError on one of its CPUs.
    SError,
    /// An interrupt that EL2 had to take.
    Interrupt,
}

impl Why {
    /// Whether it is a fault, of which there is a record.
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Fault(_))
    }

    /// What the partition's policy makes of it.
    pub const fn cause(self) -> Cause {
        match self {
            Self::Off => Cause::Off,
            Self::Reset => Cause::Reset,
            Self::Order(_, next) => Cause::Order(next),
            Self::Fault(_) => Cause::Fault,
            Self::Damaged | Self::Asleep | Self::Misnumbered | Self::NotStarted(_) => Cause::Hopeless,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Reset => f.write_str("reset"),
            Self::Order(_, Next::Off) => f.write_str("stopped by order"),
            Self::Order(_, Next::Restart) => f.write_str("restarted by order"),
            Self::Fault(kind) => write!(f, "{kind}"),
            Self::Damaged => f.write_str("its image is damaged: not started"),
            Self::Asleep => f.write_str("the redistributor of one of its CPUs does not wake"),
            Self::Misnumbered => {
                f.write_str("wrong board: the GIC knows one of its CPUs by another number than the plan")
            }
            Self::NotStarted(answer) => write!(f, "the firmware does not start its first CPU ({answer})"),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vector => "failed: no memory where it takes its exceptions",
            Self::SError => "failed: an SError",
            Self::Interrupt => "failed: an interrupt that only the hypervisor could take",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fault_is_a_fault() {
        assert_eq!(Why::Fault(FaultKind::SError).cause(), Cause::Fault);
        assert_eq!(Why::Order(1, Next::Restart).cause(), Cause::Order(Next::Restart));
        for why in [Why::Damaged, Why::Asleep, Why::Misnumbered, Why::NotStarted(-2)] {
            assert_eq!(why.cause(), Cause::Hopeless, "{why}");
        }
    }
}
