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

/// SGIs that there are, so many are sent before it is looked what came of each.
const SOURCES: usize = 16;
/// How often random values are tried, one for each SGI.
const RANDOM_VALUES: u64 = 64;

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
    // A CPU begins with nothing pending, whatever was sent to it while it was on its way: all have to be there.
    send(&plain, machine, &[], |_, _, _| {});
    let mut values = [0; SOURCES];
    let count = targets().count();
    for turn in 0..SOURCES {
        for first in (0..count).step_by(SOURCES) {
            let batch = targets().skip(first).take(SOURCES);
            let sent = (0..).zip(values.iter_mut().zip(batch)).map(|(place, (value, target))| {
                *value = target | ((place + turn) % SOURCES) as u64;
            });
            let sent = sent.count();
            send(&plain, machine, &values[..sent], |is_right, value, found| {
                tally.judge(is_right, format_args!("GICD_SGIR {value:#x}: {found:x?}"));
            });
        }
    }
    for _ in 0..RANDOM_VALUES {
        (0..).zip(&mut values).for_each(|(intid, value)| *value = random.next() & 0xffff_fff0 | intid);
        send(&plain, machine, &values, |is_right, value, found| {
            tally.again(is_right, format_args!("GICD_SGIR {value:#x}: {found:x?}"));
        });
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

/// Stores these values, each about another SGI, and has all CPUs look and forget. Says of each whether it is as it
/// must be, and what was pending where.
fn send(plain: &Plain, machine: &Machine, values: &[u64], mut judge: impl FnMut(bool, u64, &[u64])) {
    let register = machine.distributor.base + SGIR;
    let is_stored = |value: &u64| plain.store(2, register, *value).fault.is_none();
    let are_stored = values.iter().all(is_stored);
    let question = QUESTION.fetch_add(1, Ordering::AcqRel) + 1;
    let mut found = [0; cpu::MOST];
    let found = &mut found[..machine.cpus().len()];
    for (number, found) in found.iter_mut().enumerate() {
        *found = if number == 0 { look(plain, machine) } else { ask(number, question) };
    }
    for value in values {
        let came =
            |(number, found): (usize, &u64)| (found >> (value & 0xf) & 1 == 1) == names(*value, number);
        judge(are_stored && found.iter().enumerate().all(came), *value, found);
    }
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
