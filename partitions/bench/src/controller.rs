//! The interrupt controller: its registers, and what only it does.

use crate::instruction::{self, Register};
use crate::spread::Spread;
use crate::{row, taken};
use guest_rt::gic::{self, Private};
use guest_rt::{Machine, cpu, interrupt, mark, println, timer};

const ISENABLER1: u64 = 0x104;
const GICR_TYPER: u64 = 0x8;
/// In SGI_base, and in the distributor of a GICv2.
const ISENABLER0: u64 = 0x100;
const IPRIORITYR: u64 = 0x400;

/// [`taken::order`] when INTID 15 comes first and 0 last.
const BY_PRIORITY: u64 = 0xfedc_ba98_7654_3210;

/// Measures with interrupts masked, but for the storm.
pub(crate) fn measure(machine: &'static Machine, private: &mut Private, samples: u64) {
    let enable = Register::of_distributor(machine, ISENABLER1);
    row::measure::<3, _>("gicd_read", samples, || enable.time_read());
    let own = owned(machine);
    row::measure::<4, _>("gicd_isenabler_write", samples, || enable.time_write(own));
    let own_enable = Register::of_bank(machine, ISENABLER0);
    if machine.has_gicv2() {
        row::measure::<6, _>("gicd_isenabler0_write", samples, || own_enable.time_write(0));
    } else {
        let typer = Register::of_redistributor(machine, GICR_TYPER);
        row::measure::<5, _>("gicr_read", samples, || typer.time_read());
        row::measure::<6, _>("gicr_isenabler0_write", samples, || own_enable.time_write(0));
    }
    row::measure::<7, _>("pmr_write", samples, || instruction::time_mask(machine, 0xff));
    private.enable(machine.timer);
    row::measure::<8, _>("eoi", samples, || {
        timer::set_deadline(timer::now());
        instruction::time_end(machine, timer::stop)
    });
    storm(machine, private, samples);
}

/// A bit of ISENABLER1 that is this machine's: the clock's, if it has one.
fn owned(machine: &Machine) -> u32 {
    1 << (machine.number("clock-interrupt", 32) % 32)
}

/// Sixteen interrupts at once, each with a priority of its own, the highest INTID first. Measured is the
/// time from letting them come to the arrival of the last.
fn storm(machine: &'static Machine, private: &mut Private, samples: u64) {
    let priority = |intid: u64| Register::of_bank(machine, IPRIORITYR + intid);
    for intid in 0..16_u8 {
        private.enable(intid.into());
        priority(intid.into()).write_byte((15 - intid) << 3);
    }
    let mut spread = Spread::new();
    let mut in_order = 0;
    for _ in 0..samples {
        taken::prepare();
        (0..16).for_each(|intid| gic::send_sgi(intid, cpu::affinity()));
        mark::begin::<9>();
        let begin = instruction::count();
        interrupt::unmask();
        let last = taken::watch(16);
        interrupt::mask();
        mark::end::<9>();
        spread.add(last - begin);
        in_order += u64::from(taken::order() == BY_PRIORITY);
    }
    row::print::<9>("storm", &spread);
    println!("bench: {in_order} of {samples} storms came in the order of priorities");
    (0..16).for_each(|intid| priority(intid).write_byte(0x80));
}
