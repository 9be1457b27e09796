//! What outlives a life: two numbers in the registers of a PL061, of 8 bits each.
//!
//! PrimeCell GPIO (PL061, DDI 0190): GPIOIS and GPIOIBE say how pins interrupt. No pin does here, so they keep what
//! is written and do nothing.

use crate::plain::Plain;
use guest_rt::Machine;

const GPIOIS: u64 = 0x404;
const GPIOIBE: u64 = 0x408;

/// The notebook.
pub(super) struct Notebook {
    plain: Plain,
    base: u64,
}

impl Notebook {
    /// That of the boot arguments, if there is one.
    pub(super) fn of(machine: &Machine) -> Option<Self> {
        let base = machine.number("notebook", 0);
        (base != 0).then(|| Self { plain: Plain::new(), base })
    }

    /// Lives that have ended.
    pub(super) fn lives(&self) -> u64 {
        self.plain.word(self.base + GPIOIS)
    }

    /// Lives of which the next has found something.
    pub(super) fn wrong(&self) -> u64 {
        self.plain.word(self.base + GPIOIBE)
    }

    /// One more life ends: the last thing it does before that. Whoever is ended before is born again.
    pub(super) fn turn_page(&self) {
        self.plain.set_word(self.base + GPIOIS, self.lives() + 1);
    }

    /// The last one has left something.
    pub(super) fn note_wrong(&self) {
        self.plain.set_word(self.base + GPIOIBE, self.wrong() + 1);
    }
}
