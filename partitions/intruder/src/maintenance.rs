//! Maintenance of caches and translations, and storms of what a CPU may do by itself.
//!
//! It concerns this partition's VMID and memory only, by architecture; `SWIO` makes an invalidation by set and
//! way a clean one, so that nobody's lines are lost (Arm ARM D7.5.9, HCR_EL2). Instructions of other levels
//! are UNDEFINED at EL1.

mod interrupts;

use crate::attack::forms::FORMS;
use crate::attack::system_instructions::{Fate, SET_AND_WAY, SYSTEM_INSTRUCTIONS};
use crate::outcome::Expected;
use crate::random::Random;
use crate::tally::Tally;
use crate::target::Targets;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use guest_rt::{Machine, cpu};

/// Rounds of a storm by each CPU.
const ROUNDS: usize = 20_000;

/// CPUs that are storming.
static STORMING: AtomicU64 = AtomicU64::new(0);
/// Whether one of them met with an exception.
static DISTURBED: AtomicBool = AtomicBool::new(false);

/// Attacks.
pub(crate) fn attack(machine: &'static Machine, _: &Targets, random: &mut Random) -> Tally {
    let mut tally = Tally::new("maintenance");
    let own = core::ptr::from_ref(&STORMING).addr() as u64;
    for instruction in SYSTEM_INSTRUCTIONS {
        // TLBI takes a page number, AT and DC an address: an own one either way.
        let operand = if instruction.text.starts_with("tlbi") { own >> 12 } else { own };
        let left = instruction.run([operand, 0, 0, 0]);
        let expected = match instruction.kind {
            Fate::Done => Expected::Done,
            Fate::Undefined => Expected::Undefined,
        };
        let is_right = expected.admits(&left, 0, None);
        tally.judge(is_right, format_args!("`{}`: {left}, expected {expected}", instruction.text));
    }
    sets_and_ways(&mut tally, random);
    every_line(&mut tally, machine);
    storms(&mut tally, machine);
    interrupts::attack(&mut tally, machine);
    tally
}

/// Every set and way of each level (Arm ARM D7.5.9.2): the numbers lie where CCSIDR_EL1 does not matter,
/// because all of a 32-bit operand is gone through in steps.
fn sets_and_ways(tally: &mut Tally, random: &mut Random) {
    for instruction in SET_AND_WAY {
        for level in 0..7_u64 {
            let ways = (0..16_u64).map(|way| way << 28);
            let is_right = ways
                .flat_map(|way| (0..256_u64).map(move |set| way | set << 6))
                .all(|place| instruction.run([place | level << 1, 0, 0, 0]).fault.is_none());
            tally.judge(is_right, format_args!("`{}` of level {}", instruction.text, level + 1));
        }
        for _ in 0..100 {
            let left = instruction.run([random.next(), 0, 0, 0]);
            tally.again(left.fault.is_none(), format_args!("`{}`: {left}", instruction.text));
        }
    }
}

/// Every line of a MiB of the intruder's memory, in which it is running.
fn every_line(tally: &mut Tally, machine: &Machine) {
    const LINE: usize = 64;
    let Some(ram) = machine.memory().first() else { return };
    let by_address = ["dc civac, x0", "dc cvac, x0", "ic ivau, x0"];
    for form in FORMS.iter().filter(|form| by_address.contains(&form.text)) {
        let lines = (ram.base..ram.base + ram.size.min(1 << 20)).step_by(LINE);
        let is_right = lines.clone().all(|line| form.run([line, 0, 0, 0]).fault.is_none());
        tally.judge(is_right, format_args!("`{}` of every line", form.text));
    }
}

/// All CPUs invalidate everything there is, everywhere.
fn storms(tally: &mut Tally, machine: &'static Machine) {
    let others = 1..machine.cpus().len();
    for helper in others.clone() {
        STORMING.fetch_add(1, Ordering::AcqRel);
        let started = cpu::start(helper, storm);
        tally.judge(started.is_ok(), format_args!("start of CPU {helper} for a storm: {started:?}"));
    }
    STORMING.fetch_add(1, Ordering::AcqRel);
    storm(machine, 0);
    while STORMING.load(Ordering::Acquire) != 0 {
        cpu::relax();
    }
    for helper in others {
        while guest_rt::psci::affinity_info(machine.cpus()[helper]) != Ok(guest_rt::psci::Affinity::Off) {
            cpu::relax();
        }
    }
    tally.judge(!DISTURBED.load(Ordering::Acquire), format_args!("a storm of TLBI met with an exception"));
}

fn storm(_: &'static Machine, _: usize) {
    let wide = |text: &str| text.contains("vmalle1") && !text.contains("s12") || text == "ic ialluis";
    for _ in 0..ROUNDS / SYSTEM_INSTRUCTIONS.len() {
        for instruction in SYSTEM_INSTRUCTIONS.iter().filter(|instruction| wide(instruction.text)) {
            if instruction.run([0; 4]).fault.is_some() {
                DISTURBED.store(true, Ordering::Release);
            }
        }
    }
    STORMING.fetch_sub(1, Ordering::AcqRel);
}
