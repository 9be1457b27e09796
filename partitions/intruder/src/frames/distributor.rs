//! Every offset of the distributor.

use super::own::{forget_private, own_spis};
use super::{Shown, Sweep, gicv2};
use guest_rt::Machine;

/// Attacks it.
pub(super) fn attack(sweep: &mut Sweep<'_>, machine: &Machine) {
    let owned = Owned::of(machine);
    let distributor = machine.distributor;
    sweep.every_word("the distributor", distributor.base, distributor.size, |offset, size| {
        match machine.has_gicv2() {
            true => {
                let mask = |first, width| owned.mask(first, width, size);
                gicv2::shows(machine.cpus().len(), (offset, size), mask)
            }
            false => owned.shows(offset, size),
        }
    });
    for offset in [0, 4, 0x104, 0x204, 0x420, 0x6100].into_iter().filter(|offset| *offset < distributor.size)
    {
        sweep.undescribed("the distributor", distributor.base + offset);
    }
    // What the sweep may have switched on.
    for word in 1..32 {
        for clear in [0x180, 0x280, 0x380] {
            sweep.plain.set_word(distributor.base + clear + 4 * word, 0xffff_ffff);
        }
    }
    forget_private(&sweep.plain, machine);
}

/// The interrupts in the distributor that the intruder owns, a bit each.
struct Owned([u32; 32]);

impl Owned {
    fn of(machine: &Machine) -> Self {
        let mut owned = Self([0; 32]);
        // Of a GICv2 those that belong to a CPU are there too.
        owned.0[0] = if machine.has_gicv2() { u32::MAX } else { 0 };
        for spi in own_spis(machine) {
            let (word, bit) = (usize::try_from(spi / 32).unwrap_or(0), spi % 32);
            owned.0[word] |= 1 << bit;
        }
        owned
    }

    /// Bits of the INTIDs from `first` on, `width` bits for each, as many as there are in `size` bytes.
    fn mask(&self, first: u64, width: u64, size: u64) -> u64 {
        let count = size * 8 / width;
        let is_owned = |intid: u64| {
            let word = usize::try_from(intid / 32).ok().and_then(|word| self.0.get(word));
            word.is_some_and(|word| word >> (intid % 32) & 1 == 1)
        };
        let ones = (1 << width) - 1;
        (0..count).filter(|lane| is_owned(first + lane)).fold(0, |mask, lane| mask | ones << (lane * width))
    }

    /// What the register at `offset` may show (GICv3 §12.8, table of the distributor's registers; §12.9).
    fn shows(&self, offset: u64, size: u64) -> Shown {
        /// GICD_CTLR as a non-secure access, or one with a single security state, sees it: RWP, E1NWF, DS, ARE,
        /// EnableGrp1; nothing of group 0.
        const CTLR: u64 = 1 << 31 | 1 << 7 | 1 << 6 | 1 << 4 | 1 << 1;
        /// GICD_TYPER: no LPIs, no messages, no extended range, no NMIs.
        const TYPER: u64 = 0x1f | 7 << 5 | 1 << 10 | 0x1f << 19 | 1 << 24 | 1 << 25 | 1 << 26;
        const WORD: u64 = 0xffff_ffff;
        let word = |mask| Shown::as_wide_as(mask, size == 4);
        match offset {
            0x0 => word(CTLR),
            0x4 => word(TYPER),
            0x8 | 0xffd0..0x1_0000 => word(WORD),
            0x80..0x400 => word(self.mask(offset % 0x80 * 8, 1, size)),
            0x400..0x800 => Shown::as_wide_as(self.mask(offset - 0x400, 8, size), size == 1 || size == 4),
            0xc00..0xd00 => word(self.mask((offset - 0xc00) * 4, 2, size)),
            0x6100..0x7fe0 => {
                let is_owned = self.mask((offset - 0x6000) / 8, 1, 1) & 1 == 1;
                let affinity = if is_owned { u64::MAX } else { 0 };
                Shown::as_wide_as(affinity, size >= 4)
            }
            _ => Shown::Nothing,
        }
    }
}
