//! How a patient falls.
//!
//! Most of these are about being woken: a CPU that sleeps with everything masked leaves only if an interrupt
//! reaches it, and each of them takes away another thing that this depends on. One that goes astray is awake and
//! never comes near memory, so that it does not notice when that is taken away.

use crate::{interface, interrupts, raw};
use core::fmt;
use guest_rt::{Machine, psci};

/// A way to fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fall {
    /// By SYSTEM_RESET.
    Reset,
    /// By SYSTEM_OFF.
    Off,
    /// By an exception where there is no memory.
    Vector,
    /// By exceptions that it takes where nothing is translated.
    Astray,
    /// By exceptions that it takes beyond all addresses.
    Beyond,
    /// Into a loop with everything masked.
    Loop,
    /// Asleep in WFI.
    Wfi,
    /// Asleep in WFE.
    Wfe,
    /// Asleep, all SGIs disabled.
    SgiOff,
    /// Asleep, all SGIs in group 0.
    SgiGroup0,
    /// Asleep, the priority mask closed.
    Pmr,
    /// Asleep, an interrupt of the highest priority not ended.
    Active,
    /// Asleep, the CPU interface closed.
    Igrpen,
}

const FALLS: [(&str, Fall); 13] = [
    ("reset", Fall::Reset),
    ("off", Fall::Off),
    ("vector", Fall::Vector),
    ("astray", Fall::Astray),
    ("beyond", Fall::Beyond),
    ("loop", Fall::Loop),
    ("wfi", Fall::Wfi),
    ("wfe", Fall::Wfe),
    ("sgi-off", Fall::SgiOff),
    ("sgi-group0", Fall::SgiGroup0),
    ("pmr", Fall::Pmr),
    ("active", Fall::Active),
    ("igrpen", Fall::Igrpen),
];

impl Fall {
    /// The one that the boot arguments name.
    ///
    /// # Panics
    /// If they name none.
    pub(crate) fn of(machine: &Machine) -> Self {
        let name = machine.argument("fall").unwrap_or_default();
        let known = FALLS.iter().find(|(known, _)| *known == name);
        known.unwrap_or_else(|| panic!("boot argument fall={name}: there is no such fall")).1
    }

    /// Falls with CPU `index`. What ends the whole partition is the first CPU's to do; others sleep.
    pub(crate) fn fall(self, machine: &Machine, index: usize) -> ! {
        match self {
            Self::Reset if index == 0 => psci::system_reset(),
            Self::Off if index == 0 => psci::system_off(),
            Self::Vector if index == 0 => raw::lose_vectors(),
            Self::Astray => raw::go_astray(),
            Self::Beyond => raw::go_beyond(),
            Self::Loop => raw::run_in_a_circle(),
            Self::Wfe => raw::doze(),
            Self::SgiOff => interrupts::disable_sgis(machine, index),
            Self::SgiGroup0 => interrupts::move_sgis(machine, index),
            Self::Pmr => interface::mask_priorities(machine),
            Self::Active => interrupts::take_first(machine, index),
            Self::Igrpen => interface::close(machine),
            Self::Wfi | Self::Reset | Self::Off | Self::Vector => {}
        }
        raw::sleep()
    }
}

impl fmt::Display for Fall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        FALLS.iter().filter(|(_, fall)| fall == self).try_for_each(|(name, _)| f.write_str(name))
    }
}
