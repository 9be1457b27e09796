//! The difference as a person reads it.

use super::{Change, Changed, Difference, How, Presence};
use std::fmt;

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "nobody gained or lost anything");
        }
        if !self.hypervisor.is_empty() {
            writeln!(f, "bulkhead")?;
            self.hypervisor.iter().try_for_each(|change| write!(f, "{change}"))?;
        }
        for Changed { name, presence, changes } in &self.partitions {
            let presence = match presence {
                Presence::Both => "",
                Presence::Added => ": new",
                Presence::Removed => ": gone",
            };
            writeln!(f, "partition {name}{presence}")?;
            changes.iter().try_for_each(|change| write!(f, "{change}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.how {
            How::Gained => '+',
            How::Lost => '-',
            How::Changed => '~',
        };
        writeln!(f, "  {sign} {}", self.what)
    }
}
