//! The CPU interface of a GICv2: a page, behind which every CPU finds its own registers (GICv2 §4.4).

use super::{Taken, registers};
use crate::machine::Machine;
use aarch64_cpu::asm::barrier;
use core::mem::offset_of;
use safe_mmio::fields::{ReadOnly, ReadPureWrite, WriteOnly};
use safe_mmio::{UniqueMmioPointer, field};

/// GICC_CTLR: the group that there is, enabled.
const ENABLE: u32 = 1;
/// GICC_CTLR.FIQEn.
const FIQ_ENABLE: u32 = 1 << 3;
/// GICC_PMR: every priority passes.
const ALL: u32 = 0xff;
/// The first of the INTIDs that are no interrupt.
const SPECIAL: u32 = 1020;

#[repr(C)]
struct CpuInterface {
    ctlr: ReadPureWrite<u32>,
    pmr: ReadPureWrite<u32>,
    bpr: ReadPureWrite<u32>,
    iar: ReadOnly<u32>,
    eoir: WriteOnly<u32>,
}

const _: () = assert!(offset_of!(CpuInterface, eoir) == 0x10);

/// Lets interrupts with any priority come to this CPU.
pub(super) fn enable(machine: &Machine) {
    let mut interface = own(machine);
    field!(interface, pmr).write(ALL);
    field!(interface, ctlr).write(ENABLE);
}

/// Has interrupts come as FIQs from now on.
pub(super) fn ask_for_fiqs(machine: &Machine) {
    let mut interface = own(machine);
    field!(interface, ctlr).modify(|ctlr| ctlr | FIQ_ENABLE);
}

/// Takes the interrupt with the highest priority; `None` if it is gone.
pub(super) fn acknowledge(machine: &Machine) -> Option<Taken> {
    let mut interface = own(machine);
    let taken = Taken(field!(interface, iar).read());
    // What the interrupt announces must not be read before it is acknowledged.
    barrier::dsb(barrier::SY);
    (taken.intid() < SPECIAL).then_some(taken)
}

/// Ends the interrupt that [`acknowledge`] returned.
pub(super) fn end(machine: &Machine, taken: &Taken) {
    // What has silenced the device comes before it may be heard again.
    barrier::dsb(barrier::SY);
    let mut interface = own(machine);
    field!(interface, eoir).write(taken.0);
}

fn own(machine: &Machine) -> UniqueMmioPointer<'static, CpuInterface> {
    registers(machine.cpu_interface.base)
}
