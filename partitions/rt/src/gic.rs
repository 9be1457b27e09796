//! The GICv3 as far as a guest needs it.
//!
//! Registers in memory are touched when an interrupt is set up, never when one is taken: that is done by
//! system registers. In the distributor only bits are written that mean the same with one security state and
//! with two.

mod cpu_interface;
mod shared;

use crate::cpu;
use crate::machine::{Machine, Span};
use aarch64_cpu::registers::MPIDR_EL1;
use core::mem::offset_of;
use core::ptr::NonNull;
use safe_mmio::fields::{ReadPure, ReadPureWrite};
use safe_mmio::{UniqueMmioPointer, field};
use tock_registers::register_bitfields;

pub(crate) use cpu_interface::{acknowledge, end};
pub use cpu_interface::{send_sgi, sgi};
pub use shared::{Setting, Shared};

/// Interrupts that belong to a CPU: SGIs and PPIs.
const PRIVATE: u32 = 32;
/// The priority of all interrupts, in the middle.
const PRIORITY: u8 = 0x80;
/// How often a guest asks whether a redistributor is awake before it gives up.
const PATIENCE: u32 = 1_000_000;

register_bitfields![u32,
    /// GICD_CTLR, as non-secure software sees it.
    GICD_CTLR [
        ARE_NS OFFSET(4) NUMBITS(1) [],
        ENABLE_GRP1A OFFSET(1) NUMBITS(1) [],
    ],
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

#[repr(C)]
struct Distributor {
    ctlr: ReadPureWrite<u32>,
}

/// The frames RD_base and SGI_base of one CPU.
#[repr(C)]
struct Redistributor {
    ctlr: ReadPureWrite<u32>,
    iidr: ReadPure<u32>,
    typer: ReadPure<u64>,
    statusr: ReadPureWrite<u32>,
    waker: ReadPureWrite<u32>,
    reserved_018: [u32; 0x401a],
    igroupr0: ReadPureWrite<u32>,
    reserved_084: [u32; 0x1f],
    isenabler0: ReadPureWrite<u32>,
    reserved_104: [u32; 0x3f],
    ispendr0: ReadPureWrite<u32>,
    reserved_204: [u32; 0x7f],
    ipriorityr: [ReadPureWrite<u8>; PRIVATE as usize],
}

const _: () = assert!(offset_of!(Redistributor, waker) == 0x14);
const _: () = assert!(offset_of!(Redistributor, igroupr0) == 0x1_0080);
const _: () = assert!(offset_of!(Redistributor, isenabler0) == 0x1_0100);
const _: () = assert!(offset_of!(Redistributor, ispendr0) == 0x1_0200);
const _: () = assert!(offset_of!(Redistributor, ipriorityr) == 0x1_0400);

/// Bytes of the two frames; with virtual LPIs there are four.
const FRAMES: u64 = 0x2_0000;

/// The interrupts of one CPU.
pub struct Private {
    redistributor: UniqueMmioPointer<'static, Redistributor>,
}

impl Private {
    /// Those of the CPU that asks, which from now on can take interrupts; each is still disabled.
    ///
    /// # Panics
    /// If the CPU has no redistributor or cannot wake it.
    pub fn open(machine: &Machine) -> Self {
        enable_distributor(machine.distributor);
        let mut redistributor = own_redistributor(machine.redistributors);
        wake(&mut redistributor);
        cpu_interface::enable();
        Self { redistributor }
    }

    /// Lets the interrupt `intid`, an SGI or a PPI, come.
    ///
    /// # Panics
    /// If it is neither.
    pub fn enable(&mut self, intid: u32) {
        assert!(intid < PRIVATE, "INTID {intid} is neither an SGI nor a PPI");
        let mut priorities = field!(self.redistributor, ipriorityr);
        if let Some(mut priority) = priorities.get(intid as usize) {
            priority.write(PRIORITY);
        }
        field!(self.redistributor, igroupr0).modify(|groups| groups | (1 << intid));
        field!(self.redistributor, isenabler0).write(1 << intid);
    }

    /// SGIs and PPIs that are pending, a bit each.
    pub fn pending(&mut self) -> u32 {
        field!(self.redistributor, ispendr0).read()
    }

    /// SGIs and PPIs that are enabled, a bit each.
    pub fn enabled(&mut self) -> u32 {
        field!(self.redistributor, isenabler0).read()
    }
}

/// The address of the first frame, RD_base, of the redistributor of the CPU that asks.
///
/// # Panics
/// If it has none.
pub fn own_frame(machine: &Machine) -> u64 {
    own_redistributor(machine.redistributors).ptr().addr() as u64
}

/// Switches group 1 on; what other CPUs have set stays.
fn enable_distributor(span: Span) {
    let mut distributor = registers::<Distributor>(span.base);
    let enabled = GICD_CTLR::ARE_NS::SET.value | GICD_CTLR::ENABLE_GRP1A::SET.value;
    field!(distributor, ctlr).modify(|ctlr| ctlr | enabled);
}

/// The redistributor of the CPU that asks, among those in `span`.
fn own_redistributor(span: Span) -> UniqueMmioPointer<'static, Redistributor> {
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

/// The registers at `base`.
fn registers<T>(base: u64) -> UniqueMmioPointer<'static, T> {
    let address = usize::try_from(base).unwrap_or_default();
    let Some(pointer) = NonNull::new(core::ptr::with_exposed_provenance_mut(address)) else {
        panic!("the device tree puts the GIC at address 0");
    };
    // SAFETY: the device tree says that a GIC's registers are there, they are mapped as Device memory, and
    // a guest opens each CPU's interrupts once, on that CPU.
    unsafe { UniqueMmioPointer::new(pointer) }
}
