//! The interrupt controller as far as a guest needs it: a GICv3 or a GICv2, as the device tree says.
//!
//! Registers of the distributor are touched when an interrupt is set up, never when one is taken: that is done
//! by the CPU interface, which of a GICv3 is system registers and of a GICv2 a page. In the distributor only bits
//! are written that mean the same with one security state and with two. Where both kinds have a register it is
//! at the same offset: SGIs and PPIs of a GICv2 are banked in the distributor.

mod cpu_interface;
mod cpu_page;
mod redistributor;
mod shared;

use crate::machine::{self, Machine};
use core::mem::offset_of;
use core::ptr::NonNull;
use safe_mmio::fields::{ReadPure, ReadPureWrite};
use safe_mmio::{UniqueMmioPointer, field};
use tock_registers::register_bitfields;

pub use cpu_interface::sgi;
pub use redistributor::own_frame;
pub use shared::{Setting, Shared};

/// Interrupts that belong to a CPU: SGIs and PPIs.
const PRIVATE: u32 = 32;
/// The priority of all interrupts, in the middle.
const PRIORITY: u8 = 0x80;

register_bitfields![u32,
    /// GICD_CTLR, as non-secure software sees it.
    GICD_CTLR [
        ARE_NS OFFSET(4) NUMBITS(1) [],
        ENABLE_GRP1A OFFSET(1) NUMBITS(1) [],
        /// Of a GICv2: the group that there is.
        ENABLE OFFSET(0) NUMBITS(1) [],
    ],
    GICD_TYPER [
        SECURITY_EXTN OFFSET(10) NUMBITS(1) [],
    ]
];

#[repr(C)]
struct Distributor {
    ctlr: ReadPureWrite<u32>,
    typer: ReadPure<u32>,
}

/// The registers of the interrupts of one CPU: SGI_base, or the distributor of a GICv2.
#[repr(C)]
struct Bank {
    reserved_000: [u32; 0x20],
    igroupr0: ReadPureWrite<u32>,
    reserved_084: [u32; 0x1f],
    isenabler0: ReadPureWrite<u32>,
    reserved_104: [u32; 0x3f],
    ispendr0: ReadPureWrite<u32>,
    reserved_204: [u32; 0x7f],
    ipriorityr: [ReadPureWrite<u8>; PRIVATE as usize],
}

const _: () = assert!(offset_of!(Bank, igroupr0) == 0x80);
const _: () = assert!(offset_of!(Bank, isenabler0) == 0x100);
const _: () = assert!(offset_of!(Bank, ispendr0) == 0x200);
const _: () = assert!(offset_of!(Bank, ipriorityr) == 0x400);

/// The interrupts of one CPU.
pub struct Private {
    bank: UniqueMmioPointer<'static, Bank>,
    has_groups: bool,
}

/// How an SGI is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// ICC_SGI1R_EL1 is written with this.
    Register(u64),
    /// This is stored in GICD_SGIR.
    Store {
        /// Where GICD_SGIR is.
        address: u64,
        /// What is stored.
        value: u32,
    },
}

/// An interrupt that is being taken.
pub(crate) struct Taken(u32);

impl Taken {
    /// Its INTID. A GICv2 says besides where an SGI comes from.
    pub(crate) const fn intid(&self) -> u32 {
        self.0 & 0x3ff
    }
}

impl Private {
    /// Those of the CPU that asks, which from now on can take interrupts; each is still disabled.
    ///
    /// # Panics
    /// If the CPU has no redistributor or cannot wake it.
    pub fn open(machine: &Machine) -> Self {
        enable_distributor(machine);
        if machine.has_gicv2() {
            cpu_page::enable(machine);
            return Self { bank: registers(machine.distributor.base), has_groups: false };
        }
        let bank = redistributor::awake(machine);
        cpu_interface::enable();
        Self { bank: registers(bank), has_groups: true }
    }

    /// Lets the interrupt `intid`, an SGI or a PPI, come.
    ///
    /// # Panics
    /// If it is neither.
    pub fn enable(&mut self, intid: u32) {
        assert!(intid < PRIVATE, "INTID {intid} is neither an SGI nor a PPI");
        let mut priorities = field!(self.bank, ipriorityr);
        if let Some(mut priority) = priorities.get(intid as usize) {
            priority.write(PRIORITY);
        }
        if self.has_groups {
            field!(self.bank, igroupr0).modify(|groups| groups | (1 << intid));
        }
        field!(self.bank, isenabler0).write(1 << intid);
    }

    /// SGIs and PPIs that are pending, a bit each.
    pub fn pending(&mut self) -> u32 {
        field!(self.bank, ispendr0).read()
    }

    /// SGIs and PPIs that are enabled, a bit each.
    pub fn enabled(&mut self) -> u32 {
        field!(self.bank, isenabler0).read()
    }
}

/// Takes the interrupt with the highest priority; `None` if it is gone.
pub(crate) fn acknowledge() -> Option<Taken> {
    match gicv2() {
        Some(machine) => cpu_page::acknowledge(machine),
        None => cpu_interface::acknowledge(),
    }
}

/// Ends the interrupt that [`acknowledge`] returned.
pub(crate) fn end(taken: &Taken) {
    match gicv2() {
        Some(machine) => cpu_page::end(machine, taken),
        None => cpu_interface::end(taken),
    }
}

/// What sends the SGI `intid`, 0 to 15, to the CPU of this affinity, whose Aff0 is below 16.
pub fn signal(machine: &Machine, intid: u32, affinity: u64) -> Signal {
    match machine.has_gicv2() {
        true => shared::signal(machine, intid, affinity),
        false => Signal::Register(sgi(intid, affinity)),
    }
}

/// Sends the SGI `intid`, 0 to 15, to the CPU of this affinity, whose Aff0 is below 16.
pub fn send_sgi(intid: u32, affinity: u64) {
    match gicv2() {
        Some(machine) => shared::send_sgi(machine, intid, affinity),
        None => cpu_interface::send_sgi(intid, affinity),
    }
}

/// The address of the registers of the SGIs and PPIs of the CPU that asks, GICR_IGROUPR0 and on: SGI_base, or the
/// distributor of a GICv2.
pub fn own_bank(machine: &Machine) -> u64 {
    match machine.has_gicv2() {
        true => machine.distributor.base,
        false => own_frame(machine) + redistributor::SGI_BASE,
    }
}

/// Whether the GIC has two Security states, of which a guest has the Non-secure one: there are no groups for it.
pub fn has_two_states(machine: &Machine) -> bool {
    let mut distributor = registers::<Distributor>(machine.distributor.base);
    GICD_TYPER::SECURITY_EXTN.is_set(field!(distributor, typer).read())
}

/// Has a GICv2 signal the interrupts of this CPU as FIQs, which no guest takes: where there is a hypervisor it has
/// to say no. Nothing happens where there is a GICv3.
pub fn ask_for_fiqs() {
    if let Some(machine) = gicv2() {
        cpu_page::ask_for_fiqs(machine);
    }
}

/// The machine, if its interrupt controller is a GICv2.
fn gicv2() -> Option<&'static Machine> {
    machine::known().filter(|machine| machine.has_gicv2())
}

/// Switches the group on that there is; what other CPUs have set stays.
fn enable_distributor(machine: &Machine) {
    let mut distributor = registers::<Distributor>(machine.distributor.base);
    let enabled = if machine.has_gicv2() {
        GICD_CTLR::ENABLE::SET.value
    } else {
        GICD_CTLR::ARE_NS::SET.value | GICD_CTLR::ENABLE_GRP1A::SET.value
    };
    field!(distributor, ctlr).modify(|ctlr| ctlr | enabled);
}

/// The number by which a GICv2 knows the CPU of this affinity: its index among all.
fn number(machine: &Machine, affinity: u64) -> u32 {
    let index = machine.cpus().iter().position(|cpu| *cpu == affinity).unwrap_or(0);
    u32::try_from(index).unwrap_or(0)
}

/// The registers at `base`.
fn registers<T>(base: u64) -> UniqueMmioPointer<'static, T> {
    let address = usize::try_from(base).unwrap_or_default();
    let Some(pointer) = NonNull::new(core::ptr::with_exposed_provenance_mut(address)) else {
        panic!("the device tree puts the GIC at address 0");
    };
    // SAFETY: the device tree says that a GIC's registers are there, they are mapped as Device memory, and
    // a guest opens each CPU's interrupts once, on that CPU; those of a GICv2's interface are another CPU's
    // for every CPU.
    unsafe { UniqueMmioPointer::new(pointer) }
}
