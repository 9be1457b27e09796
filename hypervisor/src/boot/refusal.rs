//! Why the board does not boot, in one line.
//!
//! Said before any guest has begun, so that whoever reads the console knows what to change.

use crate::gic::Unfit;
use bulkhead_core::handoff::Mismatch;
use bulkhead_core::stage1::MapError;
use bulkhead_plan::{DecodeError, Name, Violation};
use core::fmt;

/// A reason not to boot.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The plan cannot be read.
    NoPlan(DecodeError),
    /// A part of the image is not what the tool has written.
    Damaged(&'static str),
    /// The plan breaks an invariant.
    Unsound(Violation),
    /// The window is too small, or the plan points out of it.
    Memory,
    /// EL2's own tables cannot be built.
    Maps(MapError),
    /// The plan is for another board.
    Board(Mismatch),
    /// The interrupt controller is not what it should be.
    Gic(Unfit),
    /// The CPU cannot run EL2 without the Virtualization Host Extensions.
    Cpu,
    /// The CPU with this affinity does not come out of its spin table.
    Absent(u64),
    /// The CPU cannot translate as the partition's plan says.
    Translation(Name),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlan(error) => write!(f, "{error}"),
            Self::Damaged(what) => write!(f, "{what} is damaged"),
            Self::Unsound(violation) => write!(f, "the plan is unsound: {violation}"),
            Self::Memory => f.write_str("the hypervisor's window is too small for what the plan needs"),
            Self::Maps(error) => write!(f, "the hypervisor's own tables: {error:?}"),
            Self::Board(mismatch) => write!(f, "{mismatch}"),
            Self::Gic(unfit) => write!(f, "{unfit}"),
            Self::Cpu => f.write_str("this CPU cannot leave VHE mode (HCR_EL2.E2H is RES1)"),
            Self::Absent(mpidr) => write!(f, "CPU {mpidr:#x} does not come to EL2 when it is released"),
            Self::Translation(who) => write!(f, "wrong board: its CPUs have too few address bits for {who}"),
        }
    }
}
