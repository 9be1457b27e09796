//! What only a GICv2 has: banked registers, and a CPU interface in memory.
//!
//! GICv2 §4.1.4: registers 0 to 31 of the distributor are banked, one for each CPU; so is all of the CPU interface.
//! The first page of that is the intruder's own or trapped; of the second, which has GICC_DIR, nothing is shown.
//! What lies behind, GICH and GICV, is nobody's: attacks on memory find it among their targets.

use super::own::forget_private;
use super::{Shown, Sweep, refused};
use crate::interface::{Interface, Register};
use crate::plain::{Plain, SIZES};
use crate::tally::Tally;
use crate::target::PAGE;
use guest_rt::{Machine, cpu, gic, timer};

/// What the register at `offset` may show to who has `cpus` CPUs (GICv2 §4.3, table of the distributor's
/// registers); `mask` says which bits speak of own interrupts: of the first one at an offset, bits for each.
pub(super) fn shows(cpus: usize, (offset, size): (u64, u64), mask: impl Fn(u64, u64) -> u64) -> Shown {
    /// GICD_CTLR: both groups of a GIC with one security state; a non-secure access sees one.
    const CTLR: u64 = 0b11;
    /// GICD_TYPER: LSPI, SecurityExtn, CPUNumber, ITLinesNumber.
    const TYPER: u64 = 0x1f << 11 | 1 << 10 | 7 << 5 | 0x1f;
    const WORD: u64 = 0xffff_ffff;
    let word = |mask| Shown::as_wide_as(mask, size == 4);
    let bytes = |mask| Shown::as_wide_as(mask, size == 1 || size == 4);
    let own_cpus = ((1 << cpus) - 1) * 0x0101_0101;
    match offset {
        0x0 => word(CTLR),
        0x4 => word(TYPER),
        0x8 | 0xfd0..0x1000 => word(WORD),
        0x80..0x400 => word(mask(offset % 0x80 * 8, 1)),
        0x400..0x800 => bytes(mask(offset - 0x400, 8)),
        0x800..0xc00 => bytes(mask(offset - 0x800, 8) & own_cpus),
        0xc00..0xd00 => word(mask((offset - 0xc00) * 4, 2)),
        0xf10..0xf30 => bytes(own_cpus),
        _ => Shown::Nothing,
    }
}

/// Attacks the CPU interface.
pub(super) fn attack(sweep: &mut Sweep<'_>, machine: &Machine) {
    let frame = machine.cpu_interface.base;
    first_page(sweep, machine);
    sweep.every_word("GICC_DIR's page", frame + PAGE, PAGE, |_, _| Shown::Nothing);
    for offset in [PAGE, PAGE + 4] {
        sweep.undescribed("GICC_DIR's page", frame + offset);
    }
    fiqs(sweep.tally, machine);
    other_group(sweep.tally, &sweep.plain, machine);
}

/// The page that is the intruder's: words answer, and afterwards it is as it was.
fn first_page(sweep: &mut Sweep<'_>, machine: &Machine) {
    let page = machine.cpu_interface.base;
    for offset in (0..PAGE).step_by(4) {
        for (number, value) in
            [(2, 0), (2, u64::MAX), (2, sweep.random.next()), (0, u64::MAX), (1, 0), (3, 0)]
        {
            if offset % SIZES[number] != 0 {
                continue;
            }
            let value = if ends(offset, SIZES[number]) { SPURIOUS } else { value };
            let left =
                [sweep.plain.load(number, page + offset), sweep.plain.store(number, page + offset, value)];
            let is_right = left.iter().all(|left| left.fault.is_none() || number != 2 && refused(left));
            sweep.tally.judge(is_right, format_args!("own GICC at {offset:#x}: {}, {}", left[0], left[1]));
        }
    }
    for offset in (0xd0..0xf0).step_by(4) {
        sweep.plain.set_word(page + offset, 0);
    }
    forget_private(&sweep.plain, machine);
    gic::Private::open(machine);
}

/// No interrupt: what is random must not end somebody's, for that a direct partition can (`active.rs`).
const SPURIOUS: u64 = 1023;

/// Whether an access ends interrupts: GICC_EOIR and GICC_AEOIR.
fn ends(offset: u64, size: u64) -> bool {
    [0x10, 0x24].iter().any(|register| (offset..offset + size).contains(register))
}

/// Own interrupts as FIQs, which EL1 has none of here: they come as IRQs (GICv2 §4.4.1, GICC_CTLR.FIQEn).
fn fiqs(tally: &mut Tally, machine: &Machine) {
    const FIQ_ENABLE: u64 = 1 << 3;
    const TIMES: u32 = 16;
    let interface = Interface::of(machine);
    for sgi in 0..TIMES {
        gic::Private::open(machine).enable(sgi);
        let is_set = interface.write(Register::Control, FIQ_ENABLE | 1);
        let end = timer::now() + timer::counts(200);
        crate::attack::with_fast_interrupts(|| {
            gic::send_sgi(sgi, cpu::affinity());
            while timer::now() < end {}
        });
        let control = interface.read(Register::Control).ok();
        let taken = interface.read(Register::Acknowledge).ok();
        interface.write(Register::End, taken.unwrap_or(SPURIOUS));
        let is_right = is_set
            && control.is_some_and(|control| control & FIQ_ENABLE == 0)
            && taken.is_some_and(|taken| taken & 0x3ff == u64::from(sgi));
        tally.judge(
            is_right,
            format_args!("SGI {sgi} as an FIQ: GICC_CTLR {control:x?}, GICC_IAR {taken:x?}"),
        );
    }
    gic::Private::open(machine);
}

/// Own interrupts put into the other group, one at a time: whether there is one is the GIC's choice (GICv2 §4.3.4), but
/// no interrupt is anybody else's for it.
fn other_group(tally: &mut Tally, plain: &Plain, machine: &Machine) {
    const IGROUPR0: u64 = 0x80;
    let register = machine.distributor.base + IGROUPR0;
    for intid in 0..32 {
        plain.set_word(register, 1 << intid);
        let groups = plain.word(register);
        tally.judge(
            groups & !(1 << intid) == 0,
            format_args!("INTID {intid} in the other group: {groups:#x}"),
        );
        plain.set_word(register, 0);
    }
    forget_private(plain, machine);
}
