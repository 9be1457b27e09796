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

#[cfg(test)]
mod tests {
    use super::affinity::{ENABLE_GROUP_1, IRM};
    use super::*;
    use crate::compartment::tests::{with_first, with_gicv2};
    use crate::registers::Registers;
    use proptest::prelude::{Strategy, any, prop};
    use proptest::{prop_assert, prop_assert_eq, proptest};
    use std::vec::Vec;

    fn load(log2: u64) -> Mmio {
        Mmio::decode(1 << 24 | log2 << 22, &Registers::default()).unwrap()
    }

    fn store(log2: u64, value: u64) -> Mmio {
        let registers = Registers::new([value; 31], 0, 0);
        Mmio::decode(1 << 24 | log2 << 22 | 1 << 6, &registers).unwrap()
    }

    #[test]
    fn the_guests_distributor_is_off_until_it_turns_it_on() {
        with_first(|first| {
            let mut distributor = Distributor::new();
            let enable = store(2, 1 << 1 | 1 << 2);
            assert_eq!(distributor.access(first, 0, 0x104, &enable), Access::Value(0));
            let shown = distributor.access(first, 0, 0x104, &load(2));
            assert_eq!(shown, Access::Value(1 << 1), "33 is owned, 34 is not");
            let on = distributor.access(first, 0, 0, &store(2, ENABLE_GROUP_1));
            assert_eq!(on, Access::Enable(SpiSet::new([33])));
            let more = distributor.access(first, 0, 0x108, &store(2, u64::MAX));
            assert_eq!(more, Access::Store { offset: 0x108, width: Width::Word, value: 1 << 15 });
            let off = distributor.access(first, 0, 0, &store(2, 0));
            assert_eq!(off, Access::Disable(SpiSet::new([33, 79])));
            let on = distributor.access(first, 0, 0, &store(2, ENABLE_GROUP_1));
            assert_eq!(on, Access::Enable(SpiSet::new([33, 79])), "what was enabled is so again");
        });
    }

    #[test]
    fn a_route_names_a_vcpu_and_never_any_of_all() {
        with_first(|first| {
            let route = |value| Distributor::new().access(first, 0, IROUTER + 8 * 33, &store(3, value));
            assert_eq!(route(1), Access::StoreRoute { intid: 33, vcpu: 1 });
            assert_eq!(route(2), Access::StoreRoute { intid: 33, vcpu: 0 }, "CPU 2 is the neighbour's");
            assert_eq!(route(1 << IRM | 1), Access::StoreRoute { intid: 33, vcpu: 0 });
            let half = |offset, value| {
                Distributor::new().access(first, 0, IROUTER + 8 * 33 + offset, &store(2, value))
            };
            assert_eq!(half(0, 1), Access::StoreRoute { intid: 33, vcpu: 1 });
            assert_eq!(half(4, 0), Access::Value(0));
            assert_eq!(half(4, 1), Access::StoreRoute { intid: 33, vcpu: 0 });
            assert_eq!(route_of_guest(first, 1), 1);
            assert_eq!(route_of_guest(first, 3), 0, "a route outside the partition is not shown");
        });
    }

    #[test]
    fn no_lpis_no_messages_no_extended_range() {
        with_first(|first| {
            let Access::Load { mask, set, .. } = Distributor::new().access(first, 0, 4, &load(2)) else {
                panic!("GICD_TYPER is the hardware's");
            };
            assert_eq!(mask & (0x1f << 11 | 1 << 16 | 1 << 17 | 1 << 8 | 1 << 9 | 0x1f << 27), 0);
            assert_eq!(set, 1 << 25);
            for message in [0x40, 0x48, 0x50, 0x58] {
                assert_eq!(Distributor::new().access(first, 0, message, &store(2, 33)), Access::Value(0));
            }
        });
    }

    #[test]
    fn configuration_and_group_show_the_truth_and_take_nothing() {
        with_first(|first| {
            let mut distributor = Distributor::new();
            let configuration = Access::Load { offset: 0xc08, width: Width::Word, mask: 0b11 << 2, set: 0 };
            assert_eq!(distributor.access(first, 0, 0xc08, &load(2)), configuration);
            assert_eq!(distributor.access(first, 0, 0xc08, &store(2, u64::MAX)), Access::Value(0));
            assert_eq!(distributor.access(first, 0, 0x84, &store(2, 0)), Access::Value(0));
        });
    }

    #[test]
    fn a_priority_is_written_by_owned_bytes() {
        with_first(|first| {
            let mut distributor = Distributor::new();
            let word = distributor.access(first, 0, 0x420, &store(2, 0x1122_3344));
            assert_eq!(word, Access::StoreBytes { offset: 0x420, value: 0x1122_3344, lanes: 0b0010 });
            let byte = distributor.access(first, 0, 0x421, &store(0, 0x80));
            assert_eq!(byte, Access::StoreBytes { offset: 0x421, value: 0x80, lanes: 0b0001 });
            assert_eq!(distributor.access(first, 0, 0x422, &store(0, 0x80)), Access::Value(0));
            let shown = Access::Load { offset: 0x420, width: Width::Word, mask: 0xff00, set: 0 };
            assert_eq!(distributor.access(first, 0, 0x420, &load(2)), shown);
        });
    }

    #[test]
    fn a_gicv2_knows_as_many_cpus_as_the_partition_has() {
        with_gicv2(|first| {
            let mut distributor = Distributor::new();
            let kind = Access::Load { offset: 4, width: Width::Word, mask: 0x41f, set: 1 << 5 };
            assert_eq!(distributor.access(first, 0, 4, &load(2)), kind);
            assert_eq!(distributor.access(first, 1, 0x81c, &load(2)), Access::Value(0x0202_0202));
            assert_eq!(distributor.access(first, 0, 0x803, &load(0)), Access::Value(0x01));
            assert_eq!(distributor.access(first, 0, 0x800, &store(2, u64::MAX)), Access::Value(0));
        });
    }

    #[test]
    fn a_target_is_a_vcpu_to_the_guest_and_an_interface_to_the_gic() {
        with_gicv2(|first| {
            let mut distributor = Distributor::new();
            let mut target =
                |offset, width, value| distributor.access(first, 0, offset, &store(width, value));
            let byte = |value| Access::StoreBytes { offset: 0x821, value, lanes: 1 };
            assert_eq!(target(0x821, 0, 0b01), byte(1 << 2));
            assert_eq!(target(0x821, 0, 0b11), byte(1 << 2 | 1 << 5));
            assert_eq!(target(0x821, 0, 0b1110), byte(1 << 5), "there is no vCPU 2");
            assert_eq!(target(0x821, 0, 0), byte(0), "it goes nowhere");
            assert_eq!(target(0x822, 0, 1), Access::Value(0), "34 is not owned");
            let word = Access::StoreBytes { offset: 0x820, value: 0x2420_0424, lanes: 0b0010 };
            assert_eq!(target(0x820, 2, 0xff02_0103), word);
            let shown = Access::LoadTargets { offset: 0x820, width: Width::Word, mask: 0xff00 };
            assert_eq!(distributor.access(first, 0, 0x820, &load(2)), shown);
            assert_eq!(targets_of_guest(first, 0x2400), 0x0300);
            assert_eq!(targets_of_guest(first, 0xdb00), 0, "a target outside the partition is not shown");
        });
    }

    #[test]
    fn sgis_and_ppis_of_a_gicv2_are_those_of_the_cpu_that_asks() {
        with_gicv2(|first| {
            let mut distributor = Distributor::new();
            let enable = Access::Store { offset: 0x100, width: Width::Word, value: 0xf000_00ff };
            assert_eq!(distributor.access(first, 1, 0x100, &store(2, 0xf000_00ff)), enable, "on or off");
            let priority = Access::StoreBytes { offset: 0x41b, value: 0x80, lanes: 1 };
            assert_eq!(distributor.access(first, 1, 0x41b, &store(0, 0x80)), priority);
            let pending = Access::Load { offset: 0x200, width: Width::Word, mask: 0xffff_ffff, set: 0 };
            assert_eq!(distributor.access(first, 1, 0x200, &load(2)), pending);
            assert_eq!(distributor.access(first, 1, 0x80, &store(2, u64::MAX)), Access::Value(0), "groups");
        });
    }

    #[test]
    fn an_sgi_of_a_gicv2_comes_from_the_partition() {
        with_gicv2(|first| {
            let mut distributor = Distributor::new();
            let set = distributor.access(first, 0, 0xf20, &store(2, 0xff04_ff20));
            assert_eq!(set, Access::StoreBytes { offset: 0xf20, value: 0x2404_2420, lanes: 0b1111 });
            let clear = distributor.access(first, 0, 0xf13, &store(0, 0xff));
            assert_eq!(clear, Access::StoreBytes { offset: 0xf13, value: 0x24, lanes: 0b0001 });
            let shown = Access::Load { offset: 0xf10, width: Width::Byte, mask: 0x2424_2424, set: 0 };
            assert_eq!(distributor.access(first, 0, 0xf10, &load(0)), shown);
        });
    }

    #[test]
    fn a_gicv2_is_turned_on_by_its_first_bit_and_has_no_routes() {
        with_gicv2(|first| {
            let mut distributor = Distributor::new();
            assert_eq!(distributor.access(first, 0, 0x104, &store(2, 0b110)), Access::Value(0));
            assert_eq!(distributor.access(first, 0, 0, &load(2)), Access::Value(0));
            let on = distributor.access(first, 0, 0, &store(2, 1));
            assert_eq!(on, Access::Enable(SpiSet::new([33])));
            assert_eq!(distributor.access(first, 0, 0, &load(2)), Access::Value(1));
            assert_eq!(distributor.access(first, 0, 0, &store(2, 0b10)), Access::Disable(first.spis));
            assert_eq!(distributor.access(first, 0, IROUTER + 8 * 33, &store(3, 1)), Access::Value(0));
        });
    }

    /// The INTIDs whose state a physical store reaches, by GICv3 §12.9 and not by the code above.
    fn touched(access: &Access) -> Vec<u32> {
        match *access {
            Access::Value(_)
            | Access::Load { .. }
            | Access::LoadRoute { .. }
            | Access::LoadTargets { .. } => Vec::new(),
            Access::StoreBytes { offset: 0xf10..0xf30, .. } => std::vec![0],
            Access::Store { offset, value, .. } => {
                assert!((0x100..0x400).contains(&offset), "only registers with a set or a clear form");
                let first = u32::try_from(offset % 0x80 * 8).unwrap();
                (0..32).filter(|bit| value >> bit & 1 == 1).map(|bit| first + bit).collect()
            }
            Access::StoreBytes { offset, lanes, .. } => {
                let first = u32::try_from((offset - 0x400) % 0x400).unwrap();
                (0..4).filter(|lane| lanes >> lane & 1 == 1).map(|lane| first + lane).collect()
            }
            Access::StoreRoute { intid, .. } => std::vec![intid],
            Access::Enable(set) | Access::Disable(set) => (0..1020).filter(|id| set.contains(*id)).collect(),
        }
    }

    /// The INTIDs of which a physical load shows something.
    fn shown(access: &Access) -> Vec<u32> {
        let (Access::Load { offset, mask, .. } | Access::LoadTargets { offset, mask, .. }) = *access else {
            return Vec::new();
        };
        let bits_per_intid = match offset {
            0x080..0x400 => 1,
            0x400..0xc00 => 8,
            0xc00..0xd00 => 2,
            _ => return Vec::new(),
        };
        let table = if offset < 0x400 { offset % 0x80 } else { offset % 0x400 };
        let first = u32::try_from(table * 8 / bits_per_intid).unwrap();
        let bits = u32::try_from(bits_per_intid).unwrap();
        (0..64).filter(|bit| mask >> bit & 1 == 1).map(|bit| first + bit / bits).collect()
    }

    fn any_access() -> impl Strategy<Value = (u64, Mmio)> {
        let interesting =
            prop::sample::select(std::vec![0_u64, 0x104, 0x108, 0x184, 0x204, 0x284, 0x304, 0x384]);
        let offset = proptest::prop_oneof![
            0_u64..0x1_0000,
            interesting,
            0x400_u64..0x480,
            0x800_u64..0x880,
            0xf00_u64..0xf30,
            0x6100_u64..0x6400
        ];
        let access = (0_u64..4, any::<Option<u64>>());
        (offset, access).prop_map(|(offset, (log2, value))| {
            (offset, value.map_or_else(|| load(log2), |value| store(log2, value)))
        })
    }

    proptest! {
        #[test]
        fn no_sequence_of_accesses_touches_a_foreign_interrupt(
            accesses in prop::collection::vec(any_access(), 1..60),
        ) {
            with_first(|first| {
                let mut distributor = Distributor::new();
                for (offset, access) in &accesses {
                    let physical = distributor.access(first, 0, *offset, access);
                    for intid in touched(&physical).into_iter().chain(shown(&physical)) {
                        prop_assert!(first.spis.contains(intid), "{intid} by {physical:?}");
                    }
                    if let Access::StoreRoute { vcpu, .. } = physical {
                        prop_assert!(vcpu < first.cpus.len());
                    }
                    if access.store.is_none() {
                        prop_assert_eq!(touched(&physical), Vec::<u32>::new());
                    }
                }
                Ok(())
            })?;
        }

        #[test]
        fn no_sequence_touches_a_foreign_interrupt_or_cpu_of_a_gicv2(
            accesses in prop::collection::vec((any_access(), 0_usize..2), 1..60),
        ) {
            with_gicv2(|first| {
                let mut distributor = Distributor::new();
                for ((offset, access), caller) in &accesses {
                    let offset = offset % 0x1000;
                    let physical = distributor.access(first, *caller, offset, access);
                    for intid in touched(&physical).into_iter().chain(shown(&physical)) {
                        prop_assert!(intid < 32 || first.spis.contains(intid), "{intid} by {physical:?}");
                    }
                    if let Access::StoreBytes { offset: 0x800..0xc00 | 0xf10..0xf30, value, .. } = physical {
                        prop_assert_eq!(value & !0x2424_2424, 0, "an interface of another partition");
                    }
                    if access.store.is_none() {
                        prop_assert_eq!(touched(&physical), Vec::<u32>::new());
                    }
                }
                Ok(())
            })?;
        }
    }
}
