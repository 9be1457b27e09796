//! Sequences of accesses to the distributor of a GICv3, against a register file.
//!
//! What the model lets through is carried out on an array of bytes in which every interrupt of others has a
//! value of its own; whatever the sequence, those values stay.

use crate::world::with;
use arbitrary::{Result, Unstructured};
use bulkhead_core::distributor::{Access, Distributor, ICENABLER, IROUTER, ISENABLER, route_of_guest};
use bulkhead_core::{Compartment, Mmio, Registers, SpiSet};
use std::ops::Range;
use std::sync::OnceLock;

/// The registers of a distributor, as far as they hold state of interrupts.
struct Hardware {
    bytes: Vec<u8>,
    /// Where the last access has stored.
    stored: Vec<Range<usize>>,
}

/// A sequence of accesses by one of two partitions.
pub(crate) fn check(case: &mut Unstructured<'_>) -> Result<()> {
    with(case.choose_index(2)?, |compartment| {
        let mut hardware = Hardware::new();
        let mut model = Distributor::new();
        while !case.is_empty() {
            let (offset, access) = access(case)?;
            let physical = model.access(compartment, 0, offset, &access);
            let value = hardware.carry_out(compartment, physical);
            hardware.check(compartment);
            if access.store.is_none() {
                check_shown(compartment, offset, &access, value);
            }
        }
        Ok(())
    })
}

fn access(case: &mut Unstructured<'_>) -> Result<(u64, Mmio)> {
    const TABLES: [u64; 12] =
        [0x000, 0x004, 0x040, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0xc00];
    let offset = match case.int_in_range(0..=3)? {
        0 => u64::from(case.arbitrary::<u16>()?),
        1 => {
            0x6000
                + u64::from(case.int_in_range(0..=1019_u16)?) * 8
                + u64::from(case.int_in_range(0..=1_u8)?) * 4
        }
        _ => case.choose(&TABLES)? + u64::from(case.arbitrary::<u8>()?),
    };
    let log2 = u64::from(case.int_in_range(0..=3_u8)?);
    let is_store = u64::from(case.arbitrary::<bool>()?);
    let value = if case.arbitrary()? { u64::MAX } else { case.arbitrary()? };
    let registers = Registers::new([value; 31], 0, 0);
    let access = Mmio::decode(1 << 24 | log2 << 22 | is_store << 6, &registers);
    Ok((offset, access.unwrap_or_else(|| panic!("the syndrome is valid"))))
}

/// A load shows no bit of an interrupt that is not the partition's.
fn check_shown(compartment: &Compartment<'_>, offset: u64, access: &Mmio, value: u64) {
    let tables = [(0x080_u64..0x400, 1_u64), (0x400..0x800, 8), (0xc00..0xd00, 2)];
    let Some((table, bits)) = tables.into_iter().find(|(table, _)| table.contains(&offset)) else { return };
    let base = if bits == 1 { offset & !0x7f } else { table.start };
    for bit in 0..access.width.bytes() * 8 {
        let intid = ((offset - base) * 8 + bit) / bits;
        let is_own = u32::try_from(intid).is_ok_and(|intid| compartment.spis.contains(intid));
        assert!(is_own || value >> bit & 1 == 0, "a bit of interrupt {intid} at {offset:#x}");
    }
}

impl Hardware {
    fn new() -> Self {
        static UNTOUCHED: OnceLock<Vec<u8>> = OnceLock::new();
        let bytes = UNTOUCHED.get_or_init(|| (0..0x1_0000_u32).map(Self::stranger).collect());
        Self { bytes: bytes.clone(), stored: Vec::new() }
    }

    /// What lies at an offset before anybody has touched it.
    fn stranger(offset: u32) -> u8 {
        offset.wrapping_mul(0x9e37_79b1).to_be_bytes()[0]
    }

    fn load(&self, offset: u64, bytes: u64) -> u64 {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        (0..bytes).zip(&self.bytes[start..]).fold(0, |value, (at, byte)| value | u64::from(*byte) << (at * 8))
    }

    fn store(&mut self, offset: u64, value: u64, bytes: usize) {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        self.bytes[start..start + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        self.stored.push(start..start + bytes);
    }

    /// A store to a register with a set or a clear form changes the state behind it; here both forms share
    /// the bytes of the first.
    fn store_word(&mut self, offset: u64, value: u64) {
        let table = offset & !0x7f;
        match table {
            0x100 | 0x200 | 0x300 => self.store(offset, self.load(offset, 4) | value, 4),
            0x180 | 0x280 | 0x380 => {
                let set = offset - 0x80;
                self.store(set, self.load(set, 4) & !value, 4);
            }
            _ => self.store(offset, value, 4),
        }
    }

    fn carry_out(&mut self, compartment: &Compartment<'_>, access: Access) -> u64 {
        match access {
            Access::Value(value) => return value,
            Access::Load { offset, width, mask, set } => {
                return self.load(offset, width.bytes()) & mask | set;
            }
            Access::LoadRoute { intid, shift } => {
                return route_of_guest(compartment, self.load(IROUTER + 8 * u64::from(intid), 8)) >> shift;
            }
            Access::LoadTargets { .. } => panic!("a GICv3 has no targets by number"),
            Access::Store { offset, value, .. } => self.store_word(offset, value),
            Access::StoreBytes { offset, value, lanes } => {
                for (lane, byte) in
                    (0_u64..).zip(value.to_le_bytes()).filter(|(lane, _)| lanes >> lane & 1 != 0)
                {
                    self.store(offset + lane, u64::from(byte), 1);
                }
            }
            Access::StoreRoute { intid, vcpu } => {
                assert!(compartment.spis.contains(intid) && vcpu < compartment.cpus.len());
                self.store(IROUTER + 8 * u64::from(intid), compartment.cpus[vcpu].mpidr, 8);
            }
            Access::Enable(set) => self.store_set(ISENABLER, &set),
            Access::Disable(set) => self.store_set(ICENABLER, &set),
        }
        0
    }

    fn store_set(&mut self, table: u64, set: &SpiSet) {
        for (word, bits) in set.words() {
            self.store_word(table + 4 * word as u64, u64::from(bits));
        }
    }

    /// What is not the partition's is as it was, where the last access has stored.
    fn check(&mut self, compartment: &Compartment<'_>) {
        for place in self.stored.drain(..).flatten() {
            let offset = u32::try_from(place).unwrap_or(u32::MAX);
            let changed = self.bytes[place] ^ Self::stranger(offset);
            if changed == 0 {
                continue;
            }
            let own = |intid: u32| compartment.spis.contains(intid);
            let is_owned = match offset {
                0x100..0x180 | 0x200..0x280 | 0x300..0x380 => {
                    (0..8).all(|bit| changed >> bit & 1 == 0 || own((offset & 0x7f) * 8 + bit))
                }
                0x400..0x800 => own(offset - 0x400),
                0x6000..0x8000 => own((offset - 0x6000) / 8),
                _ => false,
            };
            assert!(is_owned, "offset {offset:#x} has changed by {changed:#x}");
        }
    }
}
