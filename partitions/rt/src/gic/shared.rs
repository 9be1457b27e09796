//! Interrupts that any CPU can take: SPIs.
//!
//! GICv3 §12.9. Only registers are written of which a write concerns one interrupt, so that partitions, and
//! CPUs, that share a distributor do not come between each other.

use super::{PRIORITY, enable_distributor, registers};
use crate::machine::Machine;
use core::mem::offset_of;
use safe_mmio::fields::ReadPureWrite;
use safe_mmio::{UniqueMmioPointer, field};

const SPIS: core::ops::Range<u32> = 32..1020;
const INTERRUPTS: usize = 1024;
const WORDS: usize = INTERRUPTS / 32;

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
    reserved_d00: [u32; 0x14c0],
    irouter: [ReadPureWrite<u64>; INTERRUPTS],
}

const _: () = assert!(offset_of!(Distributor, ispendr) == 0x200);
const _: () = assert!(offset_of!(Distributor, ipriorityr) == 0x400);
const _: () = assert!(offset_of!(Distributor, icfgr) == 0xc00);
const _: () = assert!(offset_of!(Distributor, irouter) == 0x6000);

/// The SPIs of the machine.
pub struct Shared {
    distributor: UniqueMmioPointer<'static, Distributor>,
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
        enable_distributor(machine.distributor);
        Self { distributor: registers(machine.distributor.base) }
    }

    /// Lets the SPI `intid` come to the CPU of this affinity.
    ///
    /// # Panics
    /// If it is no SPI.
    pub fn enable(&mut self, intid: u32, affinity: u64) {
        let (index, word, bit) = place(intid);
        // Of the one register that others have bits in the group is the board's affair where there is a
        // hypervisor; on the bare machine it is nobody else's.
        if let Some(mut groups) = field!(self.distributor, igroupr).get(word) {
            groups.modify(|groups| groups | bit);
        }
        if let Some(mut route) = field!(self.distributor, irouter).get(index) {
            route.write(affinity);
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
            route: field!(self.distributor, irouter).get(index)?.read(),
        })
    }
}

/// The position of an SPI, that of the word with its bit, and the bit.
fn place(intid: u32) -> (usize, usize, u32) {
    assert!(SPIS.contains(&intid), "INTID {intid} is no SPI");
    let index = intid as usize;
    (index, index / 32, 1 << (intid % 32))
}
