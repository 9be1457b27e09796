//! The CPU interface of whichever interrupt controller the machine has.
//!
//! Of a GICv3 it is system registers (GICv3 §12.2), of a GICv2 a page (GICv2 §4.4), where what enables
//! interrupts and what splits their end lie in one register.

use crate::raw::{self, ACTIVE_PRIORITIES, BINARY_POINT, GROUP_ENABLE, INTERFACE_CONTROL, PRIORITY_MASK};
use crate::traces::expect;
use guest_rt::{Frame, Machine};

const CTLR: u64 = 0x0;
const PMR: u64 = 0x4;
const BPR: u64 = 0x8;
const IAR: u64 = 0xc;
/// GICC_APR0 to 3, then GICC_NSAPR0 to 3.
const APR: u64 = 0xd0;

/// GICC_CTLR: interrupts are enabled, and are deactivated by GICC_DIR.
const ENABLE: u32 = 1;
const EOI_MODE: u32 = 1 << 9;
/// GICC_IAR: the INTID.
const INTID: u32 = 0x3ff;

/// Looks whether it is closed, and nothing active.
pub(crate) fn look(machine: &Machine) {
    if machine.has_gicv2() {
        let page = Frame::cpu_interface(machine);
        for (name, offset) in [("GICC_CTLR", CTLR), ("GICC_PMR", PMR)] {
            expect(name, page.load(offset).into(), 0);
        }
        for word in 0..8 {
            expect(format_args!("GICC_APR{word}"), page.load(APR + 4 * word).into(), 0);
        }
        let point = page.load(BPR);
        page.store(BPR, 0);
        expect("GICC_BPR", point.into(), page.load(BPR).into());
        return;
    }
    for register in [GROUP_ENABLE, PRIORITY_MASK, ACTIVE_PRIORITIES] {
        expect(register.name, (register.read)(), register.born);
    }
    expect("icc_ctlr_el1.EOImode", (INTERFACE_CONTROL.read)() & INTERFACE_CONTROL.soil, 0);
    let point = (BINARY_POINT.read)();
    (BINARY_POINT.write)(0);
    expect(BINARY_POINT.name, point, (BINARY_POINT.read)());
}

/// Leaves as much as possible in it, and lets interrupts through.
pub(crate) fn soil(machine: &Machine) {
    if machine.has_gicv2() {
        let page = Frame::cpu_interface(machine);
        page.store(BPR, 4);
        page.store(PMR, 0xf0);
        page.store(CTLR, ENABLE | EOI_MODE);
        return;
    }
    (BINARY_POINT.write)(BINARY_POINT.soil);
    (PRIORITY_MASK.write)(PRIORITY_MASK.soil);
    (INTERFACE_CONTROL.write)(INTERFACE_CONTROL.soil);
    (GROUP_ENABLE.write)(GROUP_ENABLE.soil);
}

/// Takes the interrupt that comes first, and does not end it; its INTID.
pub(crate) fn acknowledge(machine: &Machine) -> u64 {
    if machine.has_gicv2() {
        return (Frame::cpu_interface(machine).load(IAR) & INTID).into();
    }
    raw::acknowledge()
}

/// Masks interrupts of every priority.
pub(crate) fn mask_priorities(machine: &Machine) {
    if machine.has_gicv2() {
        return Frame::cpu_interface(machine).store(PMR, 0);
    }
    (PRIORITY_MASK.write)(0);
}

/// Closes it.
pub(crate) fn close(machine: &Machine) {
    if machine.has_gicv2() {
        return Frame::cpu_interface(machine).store(CTLR, 0);
    }
    (GROUP_ENABLE.write)(0);
}
