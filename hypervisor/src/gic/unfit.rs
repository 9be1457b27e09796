//! Why the interrupt controller is not the one of the plan.

use core::fmt;

/// What is wrong with it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unfit {
    /// It is of another architecture.
    Kind,
    /// An ITS cannot be turned off.
    Translator,
    /// A redistributor belongs to another CPU than the plan says.
    Foreign,
    /// LPIs cannot be turned off.
    Lpis,
    /// The distributor does not settle.
    Unsettled,
    /// There is no such interrupt.
    Missing(u32),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => f.write_str("wrong board: its interrupt controller is not of the plan's kind"),
            Self::Translator => f.write_str("interrupt controller: an ITS cannot be turned off"),
            Self::Foreign => {
                f.write_str("interrupt controller: a redistributor belongs to another CPU than the plan says")
            }
            Self::Lpis => f.write_str("interrupt controller: LPIs cannot be turned off"),
            Self::Unsettled => f.write_str("interrupt controller: the distributor does not settle"),
            Self::Missing(intid) => write!(f, "wrong board: it has no interrupt {intid}"),
        }
    }
}
