//! GICD_SGIR: every filter, every list, every INTID (GICv2 §4.3.15).
//!
//! A list names CPUs by number, which for a partition are those that it has. What is pending on a CPU only that CPU
//! sees, so the others are asked; with whom nothing is pending that was not sent to it.

use crate::plain::Plain;
use crate::random::Random;
use crate::tally::Tally;
use core::sync::atomic::{AtomicU64, Ordering};
use guest_rt::{Machine, cpu, psci};

const SGIR: u64 = 0xf00;
const ICENABLER0: u64 = 0x180;
const ISPENDR0: u64 = 0x200;
const CPENDSGIR: u64 = 0xf10;
const SGIS: u64 = 0xffff;

/// Random values that are tried.
const RANDOM_VALUES: u64 = 1000;

/// Which question is asked, and what asks no more.
static QUESTION: AtomicU64 = AtomicU64::new(0);
const NO_MORE: u64 = u64::MAX;
/// What a CPU has found for the last question: the question, then the SGIs.
static FOUND: [AtomicU64; cpu::MOST] = [const { AtomicU64::new(0) }; cpu::MOST];

/// Sends SGIs.
pub(super) fn attack(tally: &mut Tally, machine: &'static Machine, random: &mut Random) {
    let plain = Plain::new();
    for other in 1..machine.cpus().len() {
        cpu::start(other, listen).expect("a CPU that is off can be started");
    }
    forget(&plain, machine);
    for intid in 0..16 {
        for target in targets() {
            let (is_right, found) = after(&plain, machine, target | intid);
            tally.judge(is_right, format_args!("GICD_SGIR {:#x}: {found:x?}", target | intid));
        }
    }
    for _ in 0..RANDOM_VALUES {
        let value = random.next() & 0xffff_ffff;
        let (is_right, found) = after(&plain, machine, value);
        tally.again(is_right, format_args!("GICD_SGIR {value:#x}: {found:x?}"));
    }
    QUESTION.store(NO_MORE, Ordering::Release);
    for affinity in machine.cpus().iter().skip(1) {
        while psci::affinity_info(*affinity) != Ok(psci::Affinity::Off) {
            cpu::relax();
        }
    }
}

/// Every filter with every list, with and without NSATT, and reserved bits.
fn targets() -> impl Iterator<Item = u64> {
    let lists = (0..4_u64).flat_map(|filter| (0..0x100_u64).map(move |list| filter << 24 | list << 16));
    let attributed = (0..4_u64).map(|filter| filter << 24 | 0xff << 16 | 1 << 15);
    let reserved = [4, 14, 26, 31].into_iter().map(|bit| 1 << bit | 0xff << 16);
    lists.chain(attributed).chain(reserved)
}

/// Sends, has all CPUs look and forget; says whether it is as it must be, and what was pending on each.
fn after(plain: &Plain, machine: &Machine, value: u64) -> (bool, [u64; cpu::MOST]) {
    let left = plain.store(2, machine.distributor.base + SGIR, value);
    let question = QUESTION.fetch_add(1, Ordering::AcqRel) + 1;
    let mut found = [0; cpu::MOST];
    let mut is_right = left.fault.is_none();
    for (number, found) in found.iter_mut().enumerate().take(machine.cpus().len()) {
        *found = if number == 0 { look(plain, machine) } else { ask(number, question) };
        let expected = if names(value, number) { 1 << (value & 0xf) } else { 0 };
        is_right &= *found == expected;
    }
    (is_right, found)
}

/// Whether a store by CPU 0 names CPU `number`; 0b11 is reserved and names nobody.
fn names(value: u64, number: usize) -> bool {
    match value >> 24 & 0b11 {
        0b00 => value >> (16 + number) & 1 == 1,
        0b01 => number != 0,
        0b10 => number == 0,
        _ => false,
    }
}

fn ask(number: usize, question: u64) -> u64 {
    loop {
        let found = FOUND[number].load(Ordering::Acquire);
        if found >> 16 == question {
            return found & SGIS;
        }
        cpu::relax();
    }
}

/// What the other CPUs run.
fn listen(machine: &'static Machine, number: usize) {
    let plain = Plain::new();
    let mut last = 0;
    loop {
        match QUESTION.load(Ordering::Acquire) {
            NO_MORE => return,
            question if question != last => {
                last = question;
                FOUND[number].store(question << 16 | look(&plain, machine), Ordering::Release);
            }
            _ => cpu::relax(),
        }
    }
}

/// SGIs that are pending on this CPU; they are not so any more.
fn look(plain: &Plain, machine: &Machine) -> u64 {
    let found = plain.word(machine.distributor.base + ISPENDR0) & SGIS;
    if found != 0 {
        forget(plain, machine);
    }
    found
}

fn forget(plain: &Plain, machine: &Machine) {
    plain.set_word(machine.distributor.base + ICENABLER0, SGIS);
    (0..4).for_each(|word| plain.set_word(machine.distributor.base + CPENDSGIR + 4 * word, 0xffff_ffff));
}
