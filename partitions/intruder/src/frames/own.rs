//! The intruder's own interrupts, which must work: isolation that took them too would be none.
//!
//! Its SPIs by the registers that have bits of them: those of its devices (boot argument `spis=N[,N…]`) and, where
//! its UART is a virtual one, the one that says so. Its timer and an SGI put into group 0, which belongs to
//! nobody: they must reach nobody (GICv3 §4.6, groups).

use crate::plain::Plain;
use crate::tally::Tally;
use guest_rt::{Machine, machine, timer};

/// Tries all of it.
pub(super) fn attack(tally: &mut Tally, plain: &Plain, machine: &Machine) {
    for spi in own_spis(machine) {
        bits(tally, plain, machine.distributor.base, spi);
        bytes(tally, plain, machine.distributor.base, spi);
    }
    group_0(tally, plain, machine);
}

/// The INTIDs of the intruder's SPIs.
pub(crate) fn own_spis(machine: &Machine) -> impl Iterator<Item = u64> + Clone {
    spis(machine, "spis").chain(machine.uart_interrupt.map(u64::from))
}

/// The INTIDs of the boot argument `key`.
pub(super) fn spis(machine: &Machine, key: &str) -> impl Iterator<Item = u64> + Clone {
    machine.argument(key).into_iter().flat_map(|list| list.split(',')).map(|text| {
        match machine::parse(text) {
            Some(spi @ 32..1020) => spi,
            _ => panic!("boot argument with SPIs: expected an INTID from 32 to 1019, found {text}"),
        }
    })
}

/// Registers with a set and a clear form: GICD_ISENABLER, GICD_ISPENDR, GICD_ISACTIVER.
fn bits(tally: &mut Tally, plain: &Plain, distributor: u64, spi: u64) {
    let (word, bit) = (spi / 32 * 4, 1 << (spi % 32));
    for (set, name) in [(0x100, "enabled"), (0x200, "pending"), (0x300, "active")] {
        let (set, clear) = (distributor + set + word, distributor + set + 0x80 + word);
        plain.set_word(set, bit);
        let after = [plain.word(set), plain.word(clear)];
        tally.judge(after == [bit; 2], format_args!("own SPI {spi} made {name}: {after:x?}"));
        plain.set_word(clear, bit);
        let after = [plain.word(set), plain.word(clear)];
        tally.judge(after == [0; 2], format_args!("own SPI {spi} made not {name}: {after:x?}"));
    }
}

/// GICD_IPRIORITYR and GICD_IROUTER; of a priority at least the upper four bits exist (GICv3 §4.8).
fn bytes(tally: &mut Tally, plain: &Plain, distributor: u64, spi: u64) {
    let priority = distributor + 0x400 + spi;
    for value in [0xf0, 0x80, 0x10, 0xa0] {
        plain.store(0, priority, value);
        let after = plain.load(0, priority).registers[1];
        tally.judge(after == value, format_args!("priority {value:#x} of own SPI {spi}: {after:#x}"));
    }
    let route = distributor + 0x6000 + 8 * spi;
    // To the intruder's first CPU, to any of all, to a CPU that it does not have.
    for value in [0, 1 << 31, 0xff, 1 << 32] {
        plain.store(3, route, value);
        let after = plain.load(3, route).registers[1];
        tally.judge(after == 0, format_args!("route {value:#x} of own SPI {spi}: {after:#x}"));
    }
}

/// Bits of the timer and of the SGI that are put into group 0.
fn group_0(tally: &mut Tally, plain: &Plain, machine: &Machine) {
    const SGI: u64 = 1 << 3;
    const ALL: u64 = 0xffff_ffff;
    let frame = |offset: u64| machine.redistributors.base + 0x1_0000 + offset;
    let [group, enable, disable, pend] = [0x80, 0x100, 0x180, 0x200].map(frame);
    let mine = SGI | 1 << machine.timer;
    plain.set_word(group, ALL & !mine);
    plain.set_word(enable, mine);
    plain.set_word(pend, SGI);
    timer::set_deadline(timer::now());
    let end = timer::now() + timer::counts(2000);
    crate::attack::with_fast_interrupts(|| while timer::now() < end {});
    timer::stop();
    plain.set_word(disable, ALL);
    plain.set_word(group, ALL);
    for clear in [0x280, 0x380].map(frame) {
        plain.set_word(clear, ALL);
    }
    tally.judge(true, format_args!("own interrupts in group 0 reach nobody"));
}
