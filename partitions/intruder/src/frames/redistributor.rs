//! Every offset of the redistributors.
//!
//! GICv3 §12.10 and §12.11. The first page of SGI_base is the intruder's own and has whatever it has; of the rest
//! nothing may speak of LPIs, whose tables the GIC writes wherever it is told.

use super::{Shown, Sweep};
use guest_rt::Machine;

/// Bytes of the two frames of one CPU, and of one frame.
const FRAMES: u64 = 0x2_0000;
const FRAME: u64 = 0x1_0000;

/// Attacks them.
pub(super) fn attack(sweep: &mut Sweep<'_>, machine: &Machine) {
    for (number, _) in (0..).zip(machine.cpus()) {
        let base = machine.redistributors.base + number * FRAMES;
        sweep.every_word("RD_base", base, FRAME, shown);
        sweep.every_word("SGI_base", base + FRAME + 0x1000, FRAME - 0x1000, |_, _| Shown::Nothing);
        own_page(sweep, base + FRAME);
        for offset in [0, 8, 0x70, FRAME + 0x1000] {
            sweep.undescribed("a redistributor", base + offset);
        }
        lpis(sweep, base, machine.memory().first().map_or(0, |ram| ram.base));
    }
}

/// What RD_base may show at `offset`.
fn shown(offset: u64, size: u64) -> Shown {
    /// GICR_CTLR: UWP, DPG, RWP, IR, CES; never EnableLPIs.
    const CTLR: u64 = 1 << 31 | 7 << 24 | 1 << 3 | 1 << 2 | 1 << 1;
    /// GICR_TYPER: affinity, PPInum, number, Last; no LPIs of any kind, no MPAM.
    const TYPER: u64 = 0xffff_ffff << 32 | 0x1f << 27 | 0xffff << 8 | 1 << 4;
    let word = |mask| Shown::as_wide_as(mask, size == 4);
    match (offset, size) {
        (0x0, _) => word(CTLR),
        (0x4 | 0xffd0..0x1_0000, _) => word(0xffff_ffff),
        (0x8, 8) => Shown::Bits(TYPER),
        (0x8, _) => word(TYPER & 0xffff_ffff),
        (0xc, _) => word(TYPER >> 32),
        _ => Shown::Nothing,
    }
}

/// The page of SGIs and PPIs that is the intruder's: it answers, and afterwards is as it was.
fn own_page(sweep: &mut Sweep<'_>, page: u64) {
    // How its interrupts are triggered is the board's, not known beforehand: GICR_ICFGR0 and GICR_ICFGR1.
    let triggers = [0xc00, 0xc04].map(|offset| (page + offset, sweep.plain.word(page + offset)));
    for offset in (0..0x1000).step_by(4) {
        for (number, value) in
            [(2, 0), (2, u64::MAX), (2, sweep.random.next()), (0, u64::MAX), (1, 0), (3, 0)]
        {
            if offset % crate::plain::SIZES[number] != 0 {
                continue;
            }
            let left =
                [sweep.plain.load(number, page + offset), sweep.plain.store(number, page + offset, value)];
            let is_right =
                left.iter().all(|left| left.fault.is_none() || number != 2 && super::refused(left));
            sweep
                .tally
                .judge(is_right, format_args!("own SGI_base at {offset:#x}: {}, {}", left[0], left[1]));
        }
    }
    for clear in [0x180, 0x280, 0x380] {
        sweep.plain.set_word(page + clear, 0xffff_ffff);
    }
    sweep.plain.set_word(page + 0x80, 0xffff_ffff);
    for priority in (0x400..0x420).step_by(4) {
        sweep.plain.set_word(page + priority, 0xa0a0_a0a0);
    }
    for (register, value) in triggers {
        sweep.plain.set_word(register, value);
    }
}

/// Tables for LPIs in memory of anybody's: they are never taken, and LPIs never on.
fn lpis(sweep: &mut Sweep<'_>, base: u64, own: u64) {
    const ENABLE_LPIS: u64 = 1;
    for table in [own, 0, 1 << 30, 1 << 40] {
        for (offset, name) in [(0x70, "GICR_PROPBASER"), (0x78, "GICR_PENDBASER")] {
            let stored = sweep.plain.store(3, base + offset, table | 0x78f);
            let loaded = sweep.plain.load(3, base + offset);
            let is_right = super::nothing(&loaded) && (stored.fault.is_none() || super::refused(&stored));
            sweep.tally.judge(is_right, format_args!("{name} {table:#x}: {stored}, {loaded}"));
        }
        sweep.plain.set_word(base, ENABLE_LPIS);
        let control = sweep.plain.word(base);
        sweep.tally.judge(
            control & ENABLE_LPIS == 0,
            format_args!("GICR_CTLR with LPIs, tables at {table:#x}: {control:#x}"),
        );
    }
}
