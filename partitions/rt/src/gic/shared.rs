//! Interrupts that any CPU can take: SPIs.
//!
//! GICv3 §12.9, GICv2 §4.3. Only registers are written of which a write concerns one interrupt, so that partitions, and
//! CPUs, that share a distributor do not come between each other.

use super::{PRIORITY, Signal, enable_distributor, number, registers};
use crate::machine::{self, Machine};
use aarch64_cpu::asm::barrier;
use core::mem::offset_of;
use safe_mmio::fields::{ReadPureWrite, WriteOnly};
use safe_mmio::{UniqueMmioPointer, field};

const SPIS: core::ops::Range<u32> = 32..1020;
const INTERRUPTS: usize = 1024;
const WORDS: usize = INTERRUPTS / 32;
/// GICD_SGIR: the bit of CPU 0.
const TARGET_LIST: u32 = 16;

#[repr(C)]
struct Distributor {
    reserved_000: [u32; 0x20],
    igroupr: [ReadPureWrite<u32>; WORDS],
    isenabler: [ReadPureWrite<u32>; WORDS],
    icenabler: [ReadPureWrite<u32>; WORDS],
    ispendr: [ReadPureWrite<u32>; WORDS],
    icpendr: [ReadPureWrite<u32>; WORDS],
    isactiver: [ReadPureWrite<u32>; WORDS],
    icactiver: [ReadPureWrite<u32>; WORDS],
    ipriorityr: [ReadPureWrite<u8>; INTERRUPTS],
    itargetsr: [ReadPureWrite<u8>; INTERRUPTS],
    icfgr: [ReadPureWrite<u32>; INTERRUPTS / 16],
    reserved_d00: [u32; 0x80],
    sgir: WriteOnly<u32>,
}

/// The registers that only a GICv3 has.
#[repr(C)]
struct Routes {
    reserved_0000: [u32; 0x1800],
    irouter: [ReadPureWrite<u64>; INTERRUPTS],
}

const _: () = assert!(offset_of!(Distributor, ispendr) == 0x200);
const _: () = assert!(offset_of!(Distributor, ipriorityr) == 0x400);
const _: () = assert!(offset_of!(Distributor, icfgr) == 0xc00);
const _: () = assert!(offset_of!(Distributor, sgir) == 0xf00);
const _: () = assert!(offset_of!(Routes, irouter) == 0x6000);

/// The SPIs of the machine.
pub struct Shared {
    distributor: UniqueMmioPointer<'static, Distributor>,
    routes: Option<UniqueMmioPointer<'static, Routes>>,
}

/// What the distributor keeps about an SPI and only its owner may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    group: u32,
    is_enabled: bool,
    priority: u8,
    configuration: u32,
    route: u64,
}

impl Shared {
    /// The SPIs of `machine`; each is still disabled.
    pub fn open(machine: &Machine) -> Self {
        enable_distributor(machine);
        let base = machine.distributor.base;
        Self { distributor: registers(base), routes: (!machine.has_gicv2()).then(|| registers(base)) }
    }

    /// Lets the SPI `intid` come to the CPU of this affinity.
    ///
    /// # Panics
    /// If it is no SPI.
    pub fn enable(&mut self, intid: u32, affinity: u64) {
        let (index, word, bit) = place(intid);
        match &mut self.routes {
            Some(routes) => {
                // Of the one register that others have bits in the group is the board's affair where there is a
                // hypervisor; on the bare machine it is nobody else's.
                if let Some(mut groups) = field!(self.distributor, igroupr).get(word) {
                    groups.modify(|groups| groups | bit);
                }
                if let Some(mut route) = field!(*routes, irouter).get(index) {
                    route.write(affinity);
                }
            }
            None => {
                if let Some(mut targets) = field!(self.distributor, itargetsr).get(index) {
                    targets.write(1 << own_number(affinity));
                }
            }
        }
        if let Some(mut priority) = field!(self.distributor, ipriorityr).get(index) {
            priority.write(PRIORITY);
        }
        if let Some(mut enable) = field!(self.distributor, isenabler).get(word) {
            enable.write(bit);
        }
    }

    /// Makes the SPI `intid` pending.
    ///
    /// # Panics
    /// If it is no SPI.
    pub fn pend(&mut self, intid: u32) {
        let (_, word, bit) = place(intid);
        if let Some(mut pend) = field!(self.distributor, ispendr).get(word) {
            pend.write(bit);
        }
    }

    /// Whether the SPI `intid` is active: taken, and not yet ended.
    ///
    /// # Panics
    /// If it is no SPI.
    pub fn is_active(&mut self, intid: u32) -> bool {
        let (_, word, bit) = place(intid);
        field!(self.distributor, isactiver).get(word).is_some_and(|active| active.read() & bit != 0)
    }

    /// How the SPI `intid` is set up; `None` if it is no SPI.
    pub fn setting(&mut self, intid: u32) -> Option<Setting> {
        let (index, word, bit) = place(intid);
        let configuration = field!(self.distributor, icfgr).get(index / 16)?.read();
        Some(Setting {
            group: field!(self.distributor, igroupr).get(word)?.read() & bit,
            is_enabled: field!(self.distributor, isenabler).get(word)?.read() & bit != 0,
            priority: field!(self.distributor, ipriorityr).get(index)?.read(),
            configuration: configuration >> (index % 16 * 2) & 0b11,
            route: match &mut self.routes {
                Some(routes) => field!(*routes, irouter).get(index)?.read(),
                None => field!(self.distributor, itargetsr).get(index)?.read().into(),
            },
        })
    }
}

/// Sends the SGI `intid` to the CPU of this affinity.
pub(super) fn send_sgi(machine: &Machine, intid: u32, affinity: u64) {
    let mut distributor = registers::<Distributor>(machine.distributor.base);
    // What the CPUs of the guest share must be visible to the receiver.
    barrier::dsb(barrier::ISH);
    field!(distributor, sgir).write(sgi(machine, intid, affinity));
}

/// What sends it.
pub(super) fn signal(machine: &Machine, intid: u32, affinity: u64) -> Signal {
    let address = machine.distributor.base + offset_of!(Distributor, sgir) as u64;
    Signal::Store { address, value: sgi(machine, intid, affinity) }
}

/// What GICD_SGIR is written with to do that.
fn sgi(machine: &Machine, intid: u32, affinity: u64) -> u32 {
    1 << (TARGET_LIST + number(machine, affinity)) | intid
}

fn own_number(affinity: u64) -> u32 {
    machine::known().map_or(0, |machine| number(machine, affinity))
}

/// The position of an SPI, that of the word with its bit, and the bit.
fn place(intid: u32) -> (usize, usize, u32) {
    assert!(SPIS.contains(&intid), "INTID {intid} is no SPI");
    let index = intid as usize;
    (index, index / 32, 1 << (intid % 32))
}
