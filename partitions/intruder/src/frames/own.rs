//! The intruder's own interrupts, which must work: isolation that took them too would be none.
//!
//! Its SPIs by the registers that have bits of them: those of its devices (boot argument `spis=N[,N…]`) and, where
//! its UART is a virtual one, the one that says so. Of a GICv3 its timer and an SGI put into group 0, which belongs
//! to nobody: they must reach nobody (GICv3 §4.6, groups).

use crate::plain::Plain;
use crate::tally::Tally;
use guest_rt::{Machine, gic, machine, println, timer};

/// Tries all of it.
pub(super) fn attack(tally: &mut Tally, plain: &Plain, machine: &Machine) {
    for spi in own_spis(machine) {
        match machine.has_gicv2() {
            true => targets(tally, plain, machine, spi),
            false => routes(tally, plain, machine.distributor.base, spi),
        }
        // QEMU 10.0 keeps no interrupt of a GICv2 pending that goes to no CPU; now it goes to one.
        bits(tally, plain, machine.distributor.base, spi);
        priorities(tally, plain, machine.distributor.base, spi);
    }
    if gic::has_two_states(machine) {
        println!("the GIC has two security states");
        no_groups(tally, plain, machine);
    }
    if !machine.has_gicv2() {
        group_0(tally, plain, machine);
    }
}

/// With two security states groups are the Secure one's: RAZ/WI (GICv3 §12.9, GICD_IGROUPR; GICv2 §4.3.4). And a
/// GICv3 says that there are two (GICD_CTLR.DS).
fn no_groups(tally: &mut Tally, plain: &Plain, machine: &Machine) {
    const IGROUPR: u64 = 0x80;
    const DS: u64 = 1 << 6;
    let shared = own_spis(machine).map(|spi| machine.distributor.base + IGROUPR + spi / 32 * 4);
    for register in shared.chain([gic::own_bank(machine) + IGROUPR]) {
        for value in [0, 0xffff_ffff] {
            plain.set_word(register, value);
            let groups = plain.word(register);
            tally.judge(groups == 0, format_args!("groups at {register:#x} set to {value:#x}: {groups:#x}"));
        }
    }
    let control = plain.word(machine.distributor.base);
    tally.judge(control & DS == 0, format_args!("GICD_CTLR with two security states: {control:#x}"));
}

/// This CPU's SGIs and PPIs are as if they had never been used: disabled, idle, of middle priority.
pub(super) fn forget_private(plain: &Plain, machine: &Machine) {
    let bank = gic::own_bank(machine);
    plain.set_word(bank + 0x180, 0xffff_ffff);
    for priority in (0x400..0x420).step_by(4) {
        plain.set_word(bank + priority, 0xa0a0_a0a0);
    }
    calm_private(plain, machine);
}

/// None of them is pending or active any more.
pub(super) fn calm_private(plain: &Plain, machine: &Machine) {
    const CPENDSGIR: u64 = 0xf10;
    let bank = gic::own_bank(machine);
    for clear in [0x280, 0x380] {
        plain.set_word(bank + clear, 0xffff_ffff);
    }
    if machine.has_gicv2() {
        (0..4).for_each(|word| plain.set_word(bank + CPENDSGIR + 4 * word, 0xffff_ffff));
    }
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

/// GICD_IPRIORITYR, of which at least the upper four bits exist (GICv3 §4.8, GICv2 §3.3).
fn priorities(tally: &mut Tally, plain: &Plain, distributor: u64, spi: u64) {
    let priority = distributor + 0x400 + spi;
    for value in [0xf0, 0x80, 0x10, 0xa0] {
        plain.store(0, priority, value);
        let after = plain.load(0, priority).registers[1];
        tally.judge(after == value, format_args!("priority {value:#x} of own SPI {spi}: {after:#x}"));
    }
}

/// GICD_ITARGETSR: CPUs that it has, and those only (GICv2 §4.3.12).
fn targets(tally: &mut Tally, plain: &Plain, machine: &Machine, spi: u64) {
    let target = machine.distributor.base + 0x800 + spi;
    let own = (1 << machine.cpus().len()) - 1;
    for value in [0xff, 0x80, 0xfe, 1] {
        plain.store(0, target, value);
        let after = plain.load(0, target).registers[1];
        tally.judge(after == value & own, format_args!("targets {value:#x} of own SPI {spi}: {after:#x}"));
    }
}

/// GICD_IROUTER.
fn routes(tally: &mut Tally, plain: &Plain, distributor: u64, spi: u64) {
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
