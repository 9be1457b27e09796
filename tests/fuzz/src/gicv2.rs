//! Sequences of accesses to a GICv2, distributor and trapped CPU interface, against a register file.
//!
//! Both CPUs of a partition take part, each with a bank of its own. What the model lets through is carried out
//! on bytes in which everything that is another's has a value of its own; whatever the sequence, it stays.

use crate::world::{nature, with_gicv2};
use arbitrary::{Result, Unstructured};
use bulkhead_core::distributor::{Access, Distributor, ICENABLER, ISENABLER, interfaces, targets_of_guest};
use bulkhead_core::{Action, Compartment, Mmio, Registers, SpiSet, Syndrome, cpu_frame, sgi};
use bulkhead_plan::Cpu;
use std::collections::HashMap;

/// The distributor's registers as far as they were stored to: by the CPU interface whose bank they are in, if
/// they are banked, and by their offset.
#[derive(Default)]
struct Hardware(HashMap<(Option<u32>, u64), u8>);

/// Offsets of the banked tables: up to 32 INTIDs at one bit, eight bits and two bits each, and sources of SGIs.
const BANKED: [(u64, u64); 11] = [
    (0x080, 4),
    (0x100, 4),
    (0x180, 4),
    (0x200, 4),
    (0x280, 4),
    (0x300, 4),
    (0x380, 4),
    (0x400, 32),
    (0x800, 32),
    (0xc00, 8),
    (0xf10, 32),
];

/// A sequence of accesses by the CPUs of one of two partitions.
pub(crate) fn check(case: &mut Unstructured<'_>) -> Result<()> {
    with_gicv2(case.choose_index(2)?, |compartment| {
        let mut hardware = Hardware::default();
        let mut model = Distributor::new();
        while !case.is_empty() {
            let caller = case.choose_index(compartment.cpus.len())?;
            let cpu = &compartment.cpus[caller];
            match exit(case, compartment, caller)? {
                Action::Distributor { offset, access } => {
                    let physical = model.access(compartment, caller, offset, &access);
                    let value = hardware.carry_out(compartment, cpu, physical);
                    if access.store.is_none() {
                        check_shown(compartment, offset, &access, value);
                    }
                }
                Action::CpuInterface { offset, access } => {
                    check_interface(compartment, cpu_frame::access(compartment, offset, &access));
                }
                Action::SendSgi { intid, targets } => {
                    assert_eq!(targets >> compartment.cpus.len(), 0, "an SGI beyond the partition");
                    let signals = compartment.cpus.iter().map(|cpu| sgi::signal(compartment.gic, cpu));
                    let list = signals.fold(intid, |list, signal| list | signal);
                    assert_eq!(list >> 16, u64::from(interfaces(compartment, u64::MAX)));
                }
                Action::Resume | Action::Inject(_) => {}
                other => panic!("an access to the GIC became {other:?}"),
            }
            hardware.check(compartment);
        }
        Ok(())
    })
}

/// What EL2 is to do about an access of vCPU `caller` to the distributor or the CPU interface.
fn exit(case: &mut Unstructured<'_>, compartment: &Compartment<'_>, caller: usize) -> Result<Action> {
    const TABLES: [u64; 14] =
        [0x000, 0x004, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0x800, 0xc00, 0xf00, 0xf10];
    let base = match case.int_in_range(0..=3)? {
        0 => compartment.partition.cpu_interface.0 + u64::from(case.arbitrary::<u16>()?) % 0x2000,
        1 => compartment.partition.distributor.0 + u64::from(case.arbitrary::<u16>()?) % 0x1000,
        _ => {
            let table = case.choose(&TABLES)? + u64::from(case.arbitrary::<u8>()?);
            compartment.partition.distributor.0 + table % 0x1000
        }
    };
    let log2 = u64::from(case.int_in_range(0..=3_u8)?);
    let is_store = u64::from(case.arbitrary::<bool>()?);
    let value = if case.arbitrary()? { u64::MAX } else { case.arbitrary()? };
    let mut registers = Registers::new([value; 31], 0, 0);
    let esr = 0x24 << 26 | 1 << 25 | 1 << 24 | log2 << 22 | is_store << 6 | 0b000_111;
    let syndrome = Syndrome { esr, far: base & 0xfff, hpfar: base >> 12 << 4 };
    Ok(compartment.on_exit(caller, &nature(), &mut registers, &syndrome).1)
}

/// Ends and deactivations are of own interrupts, and an FIQ is never asked for.
fn check_interface(compartment: &Compartment<'_>, physical: Access) {
    if let Access::Store { offset, value, .. } = physical {
        let intid = u32::try_from(value & 0x3ff).unwrap_or_default();
        let ends = matches!(offset, 0x10 | 0x24 | 0x1000);
        assert!(!ends || intid < 32 || compartment.spis.contains(intid), "an end of interrupt {intid}");
        assert!(offset != 0 || value & 1 << 3 == 0, "GICC_CTLR.FIQEn");
    }
}

/// A load shows no bit of an SPI that is not the partition's, and no CPU but its own.
fn check_shown(compartment: &Compartment<'_>, offset: u64, access: &Mmio, value: u64) {
    let tables = [(0x080_u64..0x400, 1_u64), (0x400..0xc00, 8), (0xc00..0xd00, 2)];
    let Some((table, bits)) = tables.into_iter().find(|(table, _)| table.contains(&offset)) else { return };
    let base = match bits {
        1 => offset & !0x7f,
        8 => offset & !0x3ff,
        _ => table.start,
    };
    for bit in 0..access.width.bytes() * 8 {
        let intid = ((offset - base) * 8 + bit) / bits;
        let is_own = u32::try_from(intid).is_ok_and(|id| id < 32 || compartment.spis.contains(id));
        assert!(is_own || value >> bit & 1 == 0, "a bit of interrupt {intid} at {offset:#x}");
    }
    if (0x800..0xc00).contains(&offset) {
        let vcpus = (1_u64 << compartment.cpus.len()) - 1;
        assert_eq!(value & !(vcpus * 0x0101_0101), 0, "a vCPU that is not there, at {offset:#x}");
    }
}

impl Hardware {
    /// What lies at an offset before anybody has touched it.
    fn stranger(offset: u64) -> u8 {
        offset.wrapping_mul(0x9e37_79b1).to_le_bytes()[3]
    }

    fn place(cpu: &Cpu, offset: u64) -> (Option<u32>, u64) {
        let is_banked = BANKED.iter().any(|(table, size)| (*table..table + size).contains(&offset));
        (is_banked.then_some(cpu.interface), offset)
    }

    fn store_byte(&mut self, cpu: &Cpu, offset: u64, byte: u8) {
        self.0.insert(Self::place(cpu, offset), byte);
    }

    fn byte(&self, cpu: &Cpu, offset: u64) -> u8 {
        self.0.get(&Self::place(cpu, offset)).copied().unwrap_or_else(|| Self::stranger(offset))
    }

    fn load(&self, cpu: &Cpu, offset: u64, bytes: u64) -> u64 {
        (0..bytes).fold(0, |value, at| value | u64::from(self.byte(cpu, offset + at)) << (at * 8))
    }

    fn store(&mut self, cpu: &Cpu, offset: u64, value: u64) {
        for (at, byte) in (0..4).zip(value.to_le_bytes()) {
            self.store_byte(cpu, offset + at, byte);
        }
    }

    /// A store to a register with a set or a clear form changes the state behind it; here both forms share
    /// the bytes of the first.
    fn store_word(&mut self, cpu: &Cpu, offset: u64, value: u64) {
        match offset & !0x7f {
            0x100 | 0x200 | 0x300 => {
                let set = self.load(cpu, offset, 4) | value;
                self.store(cpu, offset, set);
            }
            0x180 | 0x280 | 0x380 => {
                let left = self.load(cpu, offset - 0x80, 4) & !value;
                self.store(cpu, offset - 0x80, left);
            }
            _ => panic!("a word is stored at {offset:#x}"),
        }
    }

    fn carry_out(&mut self, compartment: &Compartment<'_>, cpu: &Cpu, access: Access) -> u64 {
        match access {
            Access::Value(value) => return value,
            Access::Load { offset, width, mask, set } => {
                return self.load(cpu, offset, width.bytes()) & mask | set;
            }
            Access::LoadTargets { offset, width, mask } => {
                return targets_of_guest(compartment, self.load(cpu, offset, width.bytes()) & mask);
            }
            Access::Store { offset, value, .. } => self.store_word(cpu, offset, value),
            Access::StoreBytes { offset, value, lanes } => {
                for (lane, byte) in (0..).zip(value.to_le_bytes()).filter(|(lane, _)| lanes >> lane & 1 != 0)
                {
                    self.store_byte(cpu, offset + lane, byte);
                }
            }
            Access::Enable(set) => self.store_set(cpu, ISENABLER, &set),
            Access::Disable(set) => self.store_set(cpu, ICENABLER, &set),
            Access::LoadRoute { .. } | Access::StoreRoute { .. } => panic!("a GICv2 has no routes"),
        }
        0
    }

    fn store_set(&mut self, cpu: &Cpu, table: u64, set: &SpiSet) {
        for (word, bits) in set.words() {
            self.store_word(cpu, table + 4 * word as u64, u64::from(bits));
        }
    }

    /// What is not the partition's is as it was, in the registers that all share and in the banks of all CPUs.
    fn check(&self, compartment: &Compartment<'_>) {
        let own = |intid: u64| u32::try_from(intid).is_ok_and(|intid| compartment.spis.contains(intid));
        let allowed = interfaces(compartment, u64::MAX);
        for ((bank, offset), byte) in &self.0 {
            let changed = byte ^ Self::stranger(*offset);
            let is_owned = match (bank, *offset) {
                (Some(_), 0xf10..0xf30) => u32::from(*byte) & !allowed == 0,
                (Some(interface), _) => allowed >> interface & 1 != 0,
                (None, 0x100..0x180 | 0x200..0x280 | 0x300..0x380) => {
                    (0..8).all(|bit| changed >> bit & 1 == 0 || own((offset & 0x7f) * 8 + bit))
                }
                (None, 0x400..0x800) => own(offset - 0x400),
                (None, 0x800..0xc00) => own(offset - 0x800) && u32::from(*byte) & !allowed == 0,
                _ => false,
            };
            assert!(changed == 0 || is_owned, "offset {offset:#x}, bank {bank:?}, has become {byte:#x}");
        }
    }
}
