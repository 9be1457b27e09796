//! Software-generated interrupts, to every affinity, list, range and to all; of a GICv2, to every number.
//!
//! GICv3 §12.2.19 (ICC_SGI1R_EL1). A CPU names others by affinity: the partition's own CPUs get what names them,
//! whom it does not have it cannot name, and "all but self" is all of the partition. ICC_SGI0R_EL1 and
//! ICC_ASGI1R_EL1 generate interrupts of a group that the partition has none of. SGIs stay disabled here, so
//! that they can be seen pending; that no neighbour has one pending is for the witness.

mod by_store;

use crate::attack::Slots;
use crate::encoding::Encoding;
use crate::plain::Plain;
use crate::random::Random;
use crate::tally::Tally;
use crate::target::Targets;
use guest_rt::Machine;

const ICC_SGI1R_EL1: Encoding = Encoding::new(3, 0, 12, 11, 5);
const ICC_ASGI1R_EL1: Encoding = Encoding::new(3, 0, 12, 11, 6);
const ICC_SGI0R_EL1: Encoding = Encoding::new(3, 0, 12, 11, 7);
/// The fields of all three, by their lowest bit.
const AFF1: u32 = 16;
const INTID: u32 = 24;
const AFF2: u32 = 32;
const IRM: u32 = 40;
const RANGE: u32 = 44;
const AFF3: u32 = 48;

/// Random values that are tried.
const RANDOM_VALUES: u64 = 1000;
/// Redistributor frames of one CPU, and registers in SGI_base.
const FRAMES: u64 = 0x2_0000;
const IGROUPR0: u64 = 0x1_0080;
const ICENABLER0: u64 = 0x1_0180;
const ISPENDR0: u64 = 0x1_0200;
const ICPENDR0: u64 = 0x1_0280;
const SGIS: u64 = 0xffff;

/// Sends SGIs.
pub(crate) fn attack(machine: &'static Machine, _: &Targets, random: &mut Random) -> Tally {
    let mut tally = Tally::new("SGI");
    if machine.has_gicv2() {
        by_store::attack(&mut tally, machine, random);
        return tally;
    }
    let pending = Pending { plain: Plain::new(), machine };
    pending.open();
    for (register, is_group_1) in [(ICC_SGI1R_EL1, true), (ICC_ASGI1R_EL1, false), (ICC_SGI0R_EL1, false)] {
        for intid in 0..16_u64 {
            for target in targets() {
                let (is_right, found) = pending.after(register, intid << INTID | target, is_group_1);
                tally.judge(
                    is_right,
                    format_args!("{register} INTID {intid}, target {target:#x}: {found:x?}"),
                );
            }
        }
        for _ in 0..RANDOM_VALUES {
            let value = random.next();
            let (is_right, found) = pending.after(register, value, is_group_1);
            tally.again(is_right, format_args!("{register} {value:#x}: {found:x?}"));
        }
    }
    tally
}

/// Every way to name CPUs: each bit of the list, lists, ranges, affinities, all, and reserved bits.
fn targets() -> impl Iterator<Item = u64> {
    const EVERY: u64 = 0xffff;
    let single = (0..16).map(|bit| 1 << bit);
    let lists = [0, EVERY, 0x5555, 0xaaaa, 0xff00].into_iter();
    let ranges = (1..16_u64).flat_map(|range| [range << RANGE | 1, range << RANGE | EVERY]);
    let affinities = [AFF1, AFF2, AFF3].into_iter().flat_map(|field| {
        (0..8).map(move |bit| 1 << (field + bit) | EVERY).chain([0xff << field | EVERY, 0xff << field | 1])
    });
    let all = [0, 1, EVERY, 1 << AFF1, 0xf << RANGE, 0xff << AFF3].into_iter().map(|more| 1 << IRM | more);
    let reserved = [28, 31, 41, 43, 56, 63].into_iter().map(|bit| 1 << bit | EVERY);
    single.chain(lists).chain(ranges).chain(affinities).chain(all).chain(reserved)
}

/// The pending bits of the intruder's own CPUs.
struct Pending<'a> {
    plain: Plain,
    machine: &'a Machine,
}

impl Pending<'_> {
    /// Sends, looks and forgets; says whether it is as it must be, and what is pending on each CPU.
    fn after(&self, register: Encoding, value: u64, is_group_1: bool) -> (bool, [u64; guest_rt::cpu::MOST]) {
        let left = Slots::the().run_one(register.write(), [value, 0, 0, 0]);
        let mut found = [0; guest_rt::cpu::MOST];
        let mut is_right = left.fault.is_none();
        for (number, cpu) in self.machine.cpus().iter().enumerate() {
            found[number] = self.plain.word(self.frame(number) + ISPENDR0) & SGIS;
            let expected =
                if is_group_1 && names(value, *cpu, number) { 1 << (value >> INTID & 0xf) } else { 0 };
            is_right &= found[number] == expected;
        }
        self.forget();
        (is_right, found)
    }

    /// Makes all SGIs ones of group 1, also those of CPUs that have not been on yet.
    fn open(&self) {
        for number in 0..self.machine.cpus().len() {
            self.plain.set_word(self.frame(number) + IGROUPR0, 0xffff_ffff);
        }
        self.forget();
    }

    fn forget(&self) {
        for number in 0..self.machine.cpus().len() {
            for clear in [ICENABLER0, ICPENDR0] {
                self.plain.set_word(self.frame(number) + clear, SGIS);
            }
        }
    }

    fn frame(&self, number: usize) -> u64 {
        self.machine.redistributors.base + number as u64 * FRAMES
    }
}

/// Whether a write by the first CPU names the CPU of this affinity, which is number `number`.
fn names(value: u64, cpu: u64, number: usize) -> bool {
    let byte = |value: u64, lowest: u32| value >> lowest & 0xff;
    if value >> IRM & 1 == 1 {
        return number != 0;
    }
    byte(value, AFF3) == byte(cpu, 32)
        && byte(value, AFF2) == byte(cpu, 16)
        && byte(value, AFF1) == byte(cpu, 8)
        && value >> RANGE & 0xf == cpu >> 4 & 0xf
        && value >> (cpu & 0xf) & 1 == 1
}
