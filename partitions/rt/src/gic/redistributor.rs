//! The redistributors of a GICv3: RD_base and SGI_base of each CPU.
//!
//! GICv3 §12.10.

use super::registers;
use crate::cpu;
use crate::machine::{Machine, Span};
use aarch64_cpu::registers::MPIDR_EL1;
use core::mem::offset_of;
use safe_mmio::fields::{ReadPure, ReadPureWrite};
use safe_mmio::{UniqueMmioPointer, field};
use tock_registers::register_bitfields;

/// How often a guest asks whether a redistributor is awake before it gives up.
const PATIENCE: u32 = 1_000_000;
/// Bytes of the two frames, of which SGI_base is the second; with virtual LPIs there are four.
const FRAMES: u64 = 0x2_0000;
pub(super) const SGI_BASE: u64 = 0x1_0000;

register_bitfields![u32,
    /// GICR_WAKER.
    GICR_WAKER [
        CHILDREN_ASLEEP OFFSET(2) NUMBITS(1) [],
        PROCESSOR_SLEEP OFFSET(1) NUMBITS(1) [],
    ]
];

register_bitfields![u64,
    /// GICR_TYPER.
    GICR_TYPER [
        AFFINITY OFFSET(32) NUMBITS(32) [],
        LAST OFFSET(4) NUMBITS(1) [],
        VLPIS OFFSET(1) NUMBITS(1) [],
    ]
];

/// The frame RD_base of one CPU.
#[repr(C)]
struct Redistributor {
    ctlr: ReadPureWrite<u32>,
    iidr: ReadPure<u32>,
    typer: ReadPure<u64>,
    statusr: ReadPureWrite<u32>,
    waker: ReadPureWrite<u32>,
}

const _: () = assert!(offset_of!(Redistributor, waker) == 0x14);

/// The address of the first frame, RD_base, of the redistributor of the CPU that asks.
///
/// # Panics
/// If it has none.
pub fn own_frame(machine: &Machine) -> u64 {
    own(machine.redistributors).ptr().addr() as u64
}

/// Wakes the redistributor of the CPU that asks, and says where its SGI_base is.
pub(super) fn awake(machine: &Machine) -> u64 {
    let mut redistributor = own(machine.redistributors);
    wake(&mut redistributor);
    redistributor.ptr().addr() as u64 + SGI_BASE
}

/// The redistributor of the CPU that asks, among those in `span`.
fn own(span: Span) -> UniqueMmioPointer<'static, Redistributor> {
    let own = cpu::affinity();
    let mut base = span.base;
    while span.covers(&Span { base, size: FRAMES }) {
        let mut redistributor = registers::<Redistributor>(base);
        let typer = field!(redistributor, typer).read();
        if GICR_TYPER::AFFINITY.read(typer) == packed(own) {
            return redistributor;
        }
        if GICR_TYPER::LAST.is_set(typer) {
            break;
        }
        base += if GICR_TYPER::VLPIS.is_set(typer) { 2 * FRAMES } else { FRAMES };
    }
    panic!("no redistributor in {span} is that of the CPU with affinity {own:#x}");
}

/// An affinity as GICR_TYPER has it: Aff3 follows Aff2.
fn packed(affinity: u64) -> u64 {
    (affinity & 0xff_ffff) | (MPIDR_EL1::Aff3.read(affinity) << 24)
}

fn wake(redistributor: &mut UniqueMmioPointer<'static, Redistributor>) {
    let mut waker = field!(*redistributor, waker);
    waker.modify(|waker| waker & !GICR_WAKER::PROCESSOR_SLEEP::SET.value);
    for _ in 0..PATIENCE {
        if !GICR_WAKER::CHILDREN_ASLEEP.is_set(waker.read()) {
            return;
        }
        cpu::relax();
    }
    panic!("the redistributor does not wake up");
}
