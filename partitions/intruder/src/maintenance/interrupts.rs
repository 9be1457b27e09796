//! A storm of interrupts on the intruder's own CPU.
//!
//! An SGI that sends itself again and a timer that is always due: nothing of it is seen by EL2 but the sending.

use crate::plain::Plain;
use crate::tally::Tally;
use core::sync::atomic::{AtomicU64, Ordering};
use guest_rt::{Machine, cpu, gic, interrupt, timer};

/// Interrupts of each kind.
const STORM: u64 = 20_000;
/// How long they may take, in microseconds.
const PATIENCE: u64 = 60_000_000;
const SGI: u32 = 1;

static SGIS: AtomicU64 = AtomicU64::new(0);
static TICKS: AtomicU64 = AtomicU64::new(0);

/// Lets them come.
pub(super) fn attack(tally: &mut Tally, machine: &Machine) {
    let mut own = gic::Private::open(machine);
    own.enable(SGI);
    own.enable(machine.timer);
    interrupt::call(taken);
    let end = timer::now() + timer::counts(PATIENCE);
    interrupt::unmask();
    gic::send_sgi(SGI, cpu::affinity());
    timer::set_deadline(timer::now());
    let is_over = || SGIS.load(Ordering::Relaxed) >= STORM && TICKS.load(Ordering::Relaxed) >= STORM;
    while !is_over() && timer::now() < end {
        cpu::relax();
    }
    interrupt::mask();
    timer::stop();
    Plain::new().set_word(gic::own_bank(machine) + 0x180, 0xffff_ffff);
    let [sgis, ticks] = [&SGIS, &TICKS].map(|count| count.load(Ordering::Relaxed));
    tally.judge(sgis == STORM, format_args!("a storm of SGIs to itself: {sgis} of {STORM}"));
    tally.judge(ticks == STORM, format_args!("a storm of its timer's interrupts: {ticks} of {STORM}"));
}

/// Takes one, and makes the next.
fn taken(intid: u32) {
    if intid == SGI {
        if SGIS.fetch_add(1, Ordering::Relaxed) + 1 < STORM {
            gic::send_sgi(SGI, cpu::affinity());
        }
    } else if TICKS.fetch_add(1, Ordering::Relaxed) + 1 < STORM {
        timer::set_deadline(timer::now());
    } else {
        timer::stop();
    }
}
