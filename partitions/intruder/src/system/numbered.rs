//! Registers of which a CPU has as many as it says.
//!
//! Breakpoints and watchpoints: ID_AA64DFR0_EL1.BRPs and WRPs (Arm ARM D19.3.1). Event counters: PMCR_EL0.N;
//! beyond it an access is CONSTRAINED UNPREDICTABLE (Arm ARM D13.4), but never somebody else's business.

use super::register::When;
use crate::attack::Slots;
use crate::encoding::Encoding;
use crate::features::{self, PMU};

/// How many there are.
pub(super) struct Numbered {
    breakpoints: u32,
    watchpoints: u32,
    counters: u32,
}

impl Numbered {
    /// Asks this CPU.
    pub(super) fn of_this_cpu() -> Self {
        let debug = features::id(5, 0);
        let field = |lowest: u32| u32::try_from(debug >> lowest & 0xf).unwrap_or(0) + 1;
        Self { breakpoints: field(12), watchpoints: field(20), counters: counters() }
    }

    /// When there is such a register; `None` if it is not one of these.
    pub(super) fn when(&self, encoding: Encoding) -> Option<When> {
        const BREAKPOINTS: Encoding = Encoding::new(2, 0, 0, 0, 0);
        const COUNTERS: Encoding = Encoding::new(3, 3, 14, 8, 0);
        /// PMEVCNTR<n>_EL0 for n from 0 to 30, then PMEVTYPER<n>_EL0.
        const MOST_COUNTERS: u32 = 31;
        if let Some(place @ 0..0x80) = encoding.beyond(BREAKPOINTS) {
            let (number, kind) = (place / 8, place % 8);
            let exists = match kind {
                4 | 5 => number < self.breakpoints,
                6 | 7 => number < self.watchpoints,
                _ => false,
            };
            return exists.then_some(When::Always);
        }
        match encoding.beyond(COUNTERS).filter(|place| *place < 0x40)? % 0x20 {
            MOST_COUNTERS => None,
            number if number < self.counters => Some(When::Always),
            _ => PMU.is_shown().then_some(When::Either),
        }
    }
}

/// PMCR_EL0.N, if there is one.
fn counters() -> u32 {
    if !PMU.is_shown() {
        return 0;
    }
    u32::try_from(
        Slots::the().run_one(Encoding::new(3, 3, 9, 12, 0).read(), [0; 4]).registers[0] >> 11 & 0x1f,
    )
    .unwrap_or(0)
}
