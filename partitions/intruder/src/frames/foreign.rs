//! Interrupts of others, by every register that speaks of one.
//!
//! GICv3 §12.9, GICv2 §4.3. The intruder sees no trace of what it tried; that there is none elsewhere is for the witness,
//! who compares its own interrupts with what it has set.

use super::own::own_spis;
use crate::plain::{Plain, VALUE};
use crate::tally::Tally;
use guest_rt::Machine;

/// Ways to get at an SPI: the offset of its register, the size as a position, what is stored.
type Way = fn(u64) -> (u64, usize, u64);

/// All of them, with their names.
const WAYS: &[(&str, Way)] = &[
    ("IGROUPR", |spi| (0x80 + spi / 32 * 4, 2, 0)),
    ("ISENABLER", |spi| (0x100 + spi / 32 * 4, 2, 1 << (spi % 32))),
    ("ICENABLER", |spi| (0x180 + spi / 32 * 4, 2, 1 << (spi % 32))),
    ("ISPENDR", |spi| (0x200 + spi / 32 * 4, 2, 1 << (spi % 32))),
    ("ICPENDR", |spi| (0x280 + spi / 32 * 4, 2, 1 << (spi % 32))),
    ("ISACTIVER", |spi| (0x300 + spi / 32 * 4, 2, 1 << (spi % 32))),
    ("ICACTIVER", |spi| (0x380 + spi / 32 * 4, 2, 1 << (spi % 32))),
    ("IPRIORITYR, highest", |spi| (0x400 + spi, 0, 0)),
    ("IPRIORITYR, lowest", |spi| (0x400 + spi, 0, 0xff)),
    ("IPRIORITYR of four", |spi| (0x400 + spi / 4 * 4, 2, 0)),
    ("ITARGETSR", |spi| (0x800 + spi, 0, 0xff)),
    ("ITARGETSR of four", |spi| (0x800 + spi / 4 * 4, 2, u64::MAX)),
    ("ICFGR", |spi| (0xc00 + spi / 16 * 4, 2, u64::MAX)),
    ("IGRPMODR", |spi| (0xd00 + spi / 32 * 4, 2, 1 << (spi % 32))),
    ("NSACR", |spi| (0xe00 + spi / 16 * 4, 2, u64::MAX)),
    ("INMIR", |spi| (0xf80 + spi / 32 * 4, 2, 1 << (spi % 32))),
    ("IROUTER to the first CPU", |spi| (0x6000 + 8 * spi, 3, 0)),
    ("IROUTER to any CPU", |spi| (0x6000 + 8 * spi, 3, 1 << 31)),
    ("IROUTER, lower half", |spi| (0x6000 + 8 * spi, 2, 1)),
    ("IROUTER, upper half", |spi| (0x6004 + 8 * spi, 2, 1)),
    ("SETSPI_NSR", |spi| (0x40, 2, spi)),
    ("CLRSPI_NSR", |spi| (0x48, 2, spi)),
    ("SETSPI_SR", |spi| (0x50, 2, spi)),
    ("CLRSPI_SR", |spi| (0x58, 2, spi)),
];

/// GICD_SGIR, behind which the registers of a GICv2 are not about SPIs.
const SGIR: u64 = 0xf00;

/// Tries every way at every SPI that is not the intruder's.
pub(super) fn attack(tally: &mut Tally, plain: &Plain, machine: &Machine) {
    let owned = own_spis(machine);
    for spi in (32..1020).filter(|spi| !owned.clone().any(|owned| owned == *spi)) {
        for (name, way) in WAYS {
            let (offset, size, value) = way(spi);
            if machine.has_gicv2() && offset >= SGIR {
                continue;
            }
            let address = machine.distributor.base + offset;
            let stored = plain.store(size, address, value);
            let loaded = plain.load(size, address);
            let own = own_bits(name, spi, &owned);
            let is_right =
                stored.fault.is_none() && loaded.fault.is_none() && loaded.registers[VALUE] & !own == 0;
            tally.judge(is_right, format_args!("foreign SPI {spi} by {name}: {stored}, {loaded}"));
        }
    }
}

/// Bits of a word about `spi` that speak of the intruder's own SPIs.
fn own_bits(name: &str, spi: u64, owned: &(impl Iterator<Item = u64> + Clone)) -> u64 {
    let width = match name {
        "IPRIORITYR of four" | "ITARGETSR of four" => 8,
        "ICFGR" | "NSACR" => 2,
        "IGROUPR" | "ISENABLER" | "ICENABLER" | "ISPENDR" | "ICPENDR" | "ISACTIVER" | "ICACTIVER" => 1,
        _ => return 0,
    };
    let in_word = 32 / width;
    let own = owned.clone().filter(|own| own / in_word == spi / in_word);
    own.fold(0, |bits, own| bits | ((1 << width) - 1) << (own % in_word * width))
}
