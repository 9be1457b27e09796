//! The distributor as one partition sees it: its own interrupts, and nothing else.
//!
//! GICv3 §12.9, GICv2 §4.3. The frame is trapped; a guest reads and writes only bits of interrupts that it
//! owns, all others are RAZ/WI. Those are its SPIs, and where there is a GICv2 also the SGIs and PPIs of the CPU
//! that asks, whose registers are banked. Registers with a set and a clear form are written with the owned
//! bits, priorities and targets by bytes, routes by one 64-bit store, so nothing is read, modified and written
//! that two partitions share and no lock spans partitions. What has neither form (ICFGR, IGROUPR) was set from
//! the plan at boot; there a guest reads the truth and its writes are ignored.
//!
//! GICD_CTLR is virtual: a guest that turns its distributor off turns its own SPIs off. For that, the
//! enable bits that the guest has set are kept here and reach the hardware while the distributor is on.

mod affinity;
mod targets;
#[cfg(test)]
mod tests;

use crate::bits::{bit, field};
use crate::compartment::Compartment;
use crate::mmio::{Mmio, Width};
use crate::spi::SpiSet;
use bulkhead_plan::GicVersion;
use bulkhead_plan::limits::FIRST_SPI;

pub use affinity::route_of_guest;
pub use targets::{interfaces, targets_of_guest};

/// What an access to a trapped GIC frame becomes in hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load gives this; a store is ignored.
    Value(u64),
    /// Load from `offset` of the same frame; of that, the bits of `mask`, and `set` besides.
    Load {
        /// Bytes from the frame's base.
        offset: u64,
        /// Size of the physical access.
        width: Width,
        /// What the guest may see.
        mask: u64,
        /// What it sees in addition.
        set: u64,
    },
    /// Store `value` at `offset`.
    Store {
        /// Bytes from the frame's base.
        offset: u64,
        /// Size of the physical access.
        width: Width,
        /// Owned bits only.
        value: u64,
    },
    /// Store those bytes of `value` at `offset` whose bit in `lanes` is set.
    StoreBytes {
        /// Bytes from the frame's base, of byte 0.
        offset: u64,
        /// Four bytes.
        value: u32,
        /// Bit n: byte n.
        lanes: u32,
    },
    /// Load GICD_IROUTER<intid>, give it to [`route_of_guest`], and that moved down by `shift` bits.
    LoadRoute {
        /// An owned SPI.
        intid: u32,
        /// 0, or 32 for the upper half.
        shift: u32,
    },
    /// Route an owned SPI to a vCPU, by one 64-bit store to GICD_IROUTER<intid>.
    StoreRoute {
        /// An owned SPI.
        intid: u32,
        /// Position among the partition's CPUs.
        vcpu: usize,
    },
    /// Load from `offset`, a part of GICD_ITARGETSR, and give it to [`targets_of_guest`].
    LoadTargets {
        /// Bytes from the frame's base.
        offset: u64,
        /// Size of the physical access.
        width: Width,
        /// What the guest may see of that.
        mask: u64,
    },
    /// Write each word of the set to GICD_ISENABLER<n>.
    Enable(SpiSet),
    /// Write each word of the set to GICD_ICENABLER<n>.
    Disable(SpiSet),
}

/// What an access to a word with one bit for each interrupt becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// A load gives this; a store is ignored.
    Value(u32),
    /// Load the word at the same offset; of that, these bits.
    Load(u32),
    /// Store these bits at the same offset: all are owned.
    Store(u32),
}

/// The state of a partition's distributor that hardware does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Distributor {
    is_on: bool,
    enabled: SpiSet,
}

/// Offset of GICD_ISENABLER<n>, in bytes; GICD_ICENABLER, ISPENDR, ICPENDR, ISACTIVER, ICACTIVER follow
/// every 128 bytes.
pub const ISENABLER: u64 = 0x100;
/// Offset of GICD_ICENABLER<n>.
pub const ICENABLER: u64 = 0x180;
/// Offset of GICD_ISPENDR<n>; from here on hardware holds the state.
const ISPENDR: u64 = 0x200;
/// The words that [`Distributor::bits`] is about.
pub const BITS: core::ops::Range<u64> = ISENABLER..0x400;
/// Offset of GICD_IROUTER<0>; one every 8 bytes.
pub const IROUTER: u64 = 0x6000;

impl Distributor {
    /// The state at the start of a partition: off, all its interrupts disabled.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the `access` of vCPU `caller` at `offset` becomes.
    pub fn access(
        &mut self,
        compartment: &Compartment<'_>,
        caller: usize,
        offset: u64,
        access: &Mmio,
    ) -> Access {
        let owned = Owned::of(compartment);
        match (access.width, offset) {
            _ if !offset.is_multiple_of(access.width.bytes()) => Access::Value(0),
            (Width::Byte | Width::Word, 0x400..0x800) => priority(&owned, offset, access),
            (Width::Word, 0x080..0x400 | 0xc00..0xd00) => self.word(&owned, offset, access),
            _ => match compartment.gic {
                GicVersion::V2 => targets::access(self, compartment, caller, offset, access),
                GicVersion::V3 => affinity::access(self, compartment, offset, access),
            },
        }
    }

    const fn is_on(&self) -> bool {
        self.is_on
    }

    /// A store to GICD_CTLR.
    fn turn(&mut self, compartment: &Compartment<'_>, is_on: bool) -> Access {
        self.is_on = is_on;
        if is_on { Access::Enable(self.enabled) } else { Access::Disable(compartment.spis) }
    }

    /// Registers with one bit per INTID, or with two.
    fn word(&mut self, owned: &Owned<'_>, offset: u64, access: &Mmio) -> Access {
        match (offset, access.store) {
            (0x080..0x100, None) => load(offset, u64::from(owned.word(offset)), 0),
            (0x100..0x400, store) if index(offset) == 0 => owned.bank(offset, store),
            (0x100..0x400, store) => match self.bits(owned.spis, offset, store.map(low_word)) {
                Bits::Value(value) => Access::Value(u64::from(value)),
                Bits::Load(mask) => load(offset, u64::from(mask), 0),
                Bits::Store(bits) => Access::Store { offset, width: Width::Word, value: u64::from(bits) },
            },
            (0xc00..0xd00, None) => load(offset, configuration_mask(owned, offset), 0),
            _ => Access::Value(0),
        }
    }

    /// An access to the word of SPIs at `offset`, one of those with a set and a clear form: enabled, pending, active.
    #[inline]
    pub fn bits(&mut self, owned: &SpiSet, offset: u64, store: Option<u32>) -> Bits {
        let owned = owned.word(index(offset));
        match store.map(|value| value & owned) {
            None if offset < ISPENDR => Bits::Value(self.enabled.word(index(offset))),
            None => Bits::Load(owned),
            Some(bits) => {
                let reaches_hardware = offset >= ISPENDR || self.enable(offset, bits);
                if reaches_hardware && bits != 0 { Bits::Store(bits) } else { Bits::Value(0) }
            }
        }
    }

    /// GICD_ISENABLER<n> and GICD_ICENABLER<n>, with bits that the partition owns. Whether hardware has to know.
    fn enable(&mut self, offset: u64, bits: u32) -> bool {
        let index = index(offset);
        let before = self.enabled.word(index);
        let after = if offset < ICENABLER { before | bits } else { before & !bits };
        self.enabled.set_word(index, after);
        self.is_on
    }
}

/// The interrupts that the guest reaches by the distributor.
struct Owned<'c> {
    spis: &'c SpiSet,
    /// Those of the CPU that asks, a bit each.
    private: u32,
}

impl<'c> Owned<'c> {
    const fn of(compartment: &'c Compartment<'_>) -> Self {
        let private = match compartment.gic {
            GicVersion::V2 => u32::MAX,
            GicVersion::V3 => 0,
        };
        Self { spis: &compartment.spis, private }
    }

    /// The bits in the word at `offset` of a table with one for each INTID.
    fn word(&self, offset: u64) -> u32 {
        match index(offset) {
            0 => self.private,
            index => self.spis.word(index),
        }
    }

    /// An access to such a word of this CPU's own interrupts, one with a set or a clear form: hardware has it.
    fn bank(&self, offset: u64, store: Option<u64>) -> Access {
        let own = u64::from(self.private);
        match store.map(|value| value & own) {
            None => load(offset, own, 0),
            Some(0) => Access::Value(0),
            Some(value) => Access::Store { offset, width: Width::Word, value },
        }
    }

    fn contains(&self, intid: u32) -> bool {
        if intid < FIRST_SPI { bit(u64::from(self.private), intid) } else { self.spis.contains(intid) }
    }

    /// Those of the bytes of an access at `offset` of a table with a byte for each INTID.
    fn lanes(&self, offset: u64, width: Width) -> u32 {
        let first = intid(offset);
        let lanes = (0..4_u32).filter(|lane| u64::from(*lane) < width.bytes());
        let owned = lanes.filter(|lane| self.contains(first.wrapping_add(*lane)));
        owned.fold(0, |lanes, lane| lanes | 1_u32.wrapping_shl(lane))
    }
}

const fn load(offset: u64, mask: u64, set: u64) -> Access {
    Access::Load { offset, width: Width::Word, mask, set }
}

/// The index of the word at `offset` in any of the tables with one bit per INTID.
fn index(offset: u64) -> usize {
    usize::try_from(field(offset, 6, 2)).unwrap_or(usize::MAX)
}

fn low_word(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(0)
}

/// The first INTID that the byte table at `offset` from its beginning speaks of.
fn intid(offset_in_table: u64) -> u32 {
    u32::try_from(offset_in_table).unwrap_or(u32::MAX)
}

/// GICD_IPRIORITYR<n>: one byte per INTID.
fn priority(owned: &Owned<'_>, offset: u64, access: &Mmio) -> Access {
    let lanes = owned.lanes(offset.wrapping_sub(0x400), access.width);
    match access.store {
        _ if lanes == 0 => Access::Value(0),
        Some(value) => Access::StoreBytes { offset, value: low_word(value), lanes },
        None => Access::Load { offset, width: access.width, mask: spread(lanes, 8), set: 0 },
    }
}

/// GICD_ICFGR<n>: two bits per INTID.
fn configuration_mask(owned: &Owned<'_>, offset: u64) -> u64 {
    let first = intid(offset.wrapping_sub(0xc00).wrapping_mul(4));
    let bits = (0..16_u32).filter(|lane| owned.contains(first.wrapping_add(*lane)));
    spread(bits.fold(0, |lanes, lane| lanes | 1_u32.wrapping_shl(lane)), 2)
}

/// A mask with `width` ones for each bit of `lanes`.
fn spread(lanes: u32, width: u32) -> u64 {
    let ones = 1_u64.wrapping_shl(width).wrapping_sub(1);
    let lane =
        |lane: u32| if bit(u64::from(lanes), lane) { ones.wrapping_shl(lane.wrapping_mul(width)) } else { 0 };
    (0..16).fold(0, |mask, number| mask | lane(number))
}
