//! Interrupts: none has ever come, and none is let through.
//!
//! GICv3 §12.9 to §12.12, GICv2 §4.3. What soils them must not let a CPU that sleeps wake up: an interrupt that is taken
//! and not ended holds back all that is enabled and pending.

use crate::interface;
use crate::traces::expect;
use guest_rt::{Frame, Machine, cpu, gic};

const CTLR: u64 = 0x0;
const IGROUPR: u64 = 0x80;
const ISENABLER: u64 = 0x100;
const ICENABLER: u64 = 0x180;
const ISPENDR: u64 = 0x200;
const ISACTIVER: u64 = 0x300;
const IPRIORITYR: u64 = 0x400;
const ICFGR1: u64 = 0xc04;
const INMIR: u64 = 0xf80;
const ITARGETSR: u64 = 0x800;
const SGIR: u64 = 0xf00;
const IROUTER: u64 = 0x6000;

/// GICD_CTLR: group 1 is enabled; of a GICv2 the group that there is.
const ENABLE_GROUP_1: u32 = 1 << 1;
const ENABLE: u32 = 1;
/// GICD_SGIR: an SGI to who sends it.
const SELF: u32 = 0b10 << 24;
/// Four priorities: what Bulkhead begins with.
const BORN_PRIORITIES: u32 = 0xa0a0_a0a0;
/// Every SGI: of those, some are enabled and pending, and some active.
const SGIS: u32 = 0xffff;
const ENABLED: u32 = 1 << 27 | 1 << 20 | 0b111_0001;
const PENDING: u32 = 1 << 20 | 0b100_1000;
const ACTIVE: u32 = 1 << 21 | 1 << 7;
/// The SGI that is taken, and the one that [`take_first`] takes above it.
const TAKEN: u32 = 4;
const FIRST: u32 = 8;

/// Looks at this CPU's own.
pub(crate) fn look(machine: &Machine, index: usize) {
    let frame = Frame::private(machine, index);
    // A GICv2 may have its SGIs enabled for ever (GICv2 §4.3.5).
    let to_look_at = if machine.has_gicv2() { !SGIS } else { u32::MAX };
    // Group 1 of a GICv3, unless groups are another Security state's; a GICv2 begins with group 0.
    let has_groups = !machine.has_gicv2() && !gic::has_two_states(machine);
    let group = if has_groups { u32::MAX } else { 0 };
    let words = [
        ("IGROUPR0", IGROUPR, group),
        ("ISPENDR0", ISPENDR, 0),
        ("ISACTIVER0", ISACTIVER, 0),
        ("INMIR0", INMIR, 0),
        // QEMU's GIC comes with level-sensitive PPIs.
        ("ICFGR1", ICFGR1, 0),
    ];
    for (name, offset, born) in words {
        expect(name, frame.load(offset).into(), born.into());
    }
    expect("ISENABLER0", (frame.load(ISENABLER) & to_look_at).into(), 0);
    for word in 0..8 {
        let found = frame.load(IPRIORITYR + 4 * word);
        expect(format_args!("IPRIORITYR{word}"), found.into(), BORN_PRIORITIES.into());
    }
    interface::look(machine);
}

/// Looks at what all CPUs share.
pub(crate) fn look_at_shared(machine: &Machine) {
    let frame = Frame::distributor(machine);
    expect("GICD_CTLR", (frame.load(CTLR) & enable(machine)).into(), 0);
    for intid in spis(machine) {
        let word = u64::from(intid / 32) * 4;
        for (name, register) in [("enabled", ISENABLER), ("pending", ISPENDR), ("active", ISACTIVER)] {
            let found = frame.load(register + word) >> (intid % 32) & 1;
            expect(format_args!("SPI {intid}, {name},"), found.into(), 0);
        }
        let priority = frame.load(IPRIORITYR + u64::from(intid & !3)) >> (intid % 4 * 8) & 0xff;
        expect(format_args!("the priority of SPI {intid}"), priority.into(), (BORN_PRIORITIES & 0xff).into());
        let (found, first) = if machine.has_gicv2() {
            let targets = frame.load(ITARGETSR + u64::from(intid & !3));
            (u64::from(targets >> (intid % 4 * 8) & 0xff), 1)
        } else {
            (frame.load_double(route(intid)), machine.cpus().first().copied().unwrap_or_default())
        };
        expect(format_args!("the route of SPI {intid}"), found, first);
    }
}

/// Leaves as much as possible in this CPU's own.
pub(crate) fn soil(machine: &Machine, index: usize) {
    let frame = Frame::private(machine, index);
    frame.store(ICENABLER, u32::MAX);
    frame.store(ICFGR1, 0xaaaa_aaaa);
    // All but the one that is taken; of group 1, as they are where the GIC has non-maskable interrupts.
    frame.store(INMIR, !(1 << TAKEN));
    (0..8).for_each(|word| frame.store(IPRIORITYR + 4 * word, 0x8080_8080));
    frame.store(IPRIORITYR + u64::from(TAKEN & !3), 0x8080_8040);
    frame.store(IGROUPR, !(1 << 5));
    frame.store(ISENABLER, ENABLED);
    interface::soil(machine);
    take(machine, frame, TAKEN);
    frame.store(ISACTIVER, ACTIVE);
    frame.store(ISPENDR, PENDING);
}

/// Leaves as much as possible in what all CPUs share: the last CPU is to take it.
pub(crate) fn soil_shared(machine: &Machine) {
    let frame = Frame::distributor(machine);
    frame.store(CTLR, frame.load(CTLR) | enable(machine));
    for intid in spis(machine) {
        let (word, bit) = (u64::from(intid / 32) * 4, 1 << (intid % 32));
        frame.store(IPRIORITYR + u64::from(intid & !3), 0xc0c0_c0c0);
        if machine.has_gicv2() {
            let last = 1 << (machine.cpus().len() - 1);
            frame.store(ITARGETSR + u64::from(intid & !3), last * 0x0101_0101);
        } else {
            frame.store_double(route(intid), machine.cpus().last().copied().unwrap_or_default());
        }
        for register in [ISENABLER, ISPENDR, ISACTIVER] {
            frame.store(register + word, bit);
        }
    }
}

/// Disables every SGI of this CPU.
pub(crate) fn disable_sgis(machine: &Machine, index: usize) {
    Frame::private(machine, index).store(ICENABLER, SGIS);
}

/// Moves every SGI of this CPU into group 0.
pub(crate) fn move_sgis(machine: &Machine, index: usize) {
    let frame = Frame::private(machine, index);
    frame.store(IGROUPR, frame.load(IGROUPR) & !SGIS);
}

/// Takes an interrupt of the highest priority, and does not end it.
pub(crate) fn take_first(machine: &Machine, index: usize) {
    let frame = Frame::private(machine, index);
    frame.store(IPRIORITYR + u64::from(FIRST & !3), 0x8080_8000);
    frame.store(ISENABLER, 1 << FIRST);
    take(machine, frame, FIRST);
}

fn take(machine: &Machine, frame: Frame, sgi: u32) {
    if machine.has_gicv2() {
        frame.store(SGIR, SELF | sgi);
    } else {
        frame.store(ISPENDR, 1 << sgi);
    }
    let intid = interface::acknowledge(machine);
    assert!(intid == sgi.into(), "CPU {}: SGI {sgi} was to come first, and {intid} did", cpu::index());
}

fn enable(machine: &Machine) -> u32 {
    if machine.has_gicv2() { ENABLE } else { ENABLE_GROUP_1 }
}

fn spis(machine: &Machine) -> impl Iterator<Item = u32> {
    machine.clock.and_then(|clock| clock.interrupt).into_iter()
}

fn route(intid: u32) -> u64 {
    IROUTER + 8 * u64::from(intid)
}
