//! Interrupts from CPU to CPU, and switching CPUs on.

use crate::call::CPU_ON_WINDOW;
use crate::spread::Spread;
use crate::{instruction, row, taken};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use guest_rt::gic::{self, Private};
use guest_rt::psci::{self, Affinity};
use guest_rt::{Machine, cpu, interrupt, mark};

/// Delivered and noted.
const NOTED: u32 = 1;
/// Sent to a CPU that does not let it come.
const UNHEARD: u32 = 2;

/// The other CPU is to go.
static DONE: AtomicBool = AtomicBool::new(false);
/// The other CPU listens.
static LISTENS: AtomicBool = AtomicBool::new(false);
/// Where a CPU that is switched on writes the count.
static SLOT: AtomicU64 = AtomicU64::new(0);

/// Measures with the CPU itself and, if there is another, with that.
pub(crate) fn measure(machine: &'static Machine, private: &mut Private, samples: u64) {
    private.enable(NOTED);
    private.enable(taken::ANSWER);
    interrupt::unmask();
    let own = gic::signal(machine, NOTED, cpu::affinity());
    row::measure::<19, _>("sgi_self", samples, || {
        taken::prepare();
        let begin = instruction::signal(own);
        taken::watch(1) - begin
    });
    let other = machine.cpus().iter().position(|affinity| *affinity != cpu::affinity());
    if let Some(other) = other {
        between_two(machine, other, samples);
        switch_on(machine.cpus()[other], samples);
    }
    interrupt::mask();
}

fn between_two(machine: &Machine, other: usize, samples: u64) {
    let affinity = machine.cpus()[other];
    taken::answer_here();
    cpu::start(other, listen).expect("the other CPU starts");
    while !LISTENS.load(Ordering::Acquire) {
        cpu::relax();
    }
    let unheard = gic::signal(machine, UNHEARD, affinity);
    row::measure::<21, _>("sgi_cross_send", samples, || instruction::time_signal(unheard));
    let noted = gic::signal(machine, NOTED, affinity);
    row::measure::<22, _>("sgi_cross", samples, || {
        taken::prepare();
        let begin = instruction::signal(noted);
        taken::watch_another(1) - begin
    });
    let echo = gic::signal(machine, taken::ECHO, affinity);
    row::measure::<23, _>("sgi_pingpong", samples, || {
        taken::prepare();
        let begin = instruction::signal(echo);
        taken::sleep(1) - begin
    });
    DONE.store(true, Ordering::Release);
    gic::send_sgi(NOTED, affinity);
    wait_until_off(affinity);
}

/// What the other CPU runs.
fn listen(machine: &'static Machine, _index: usize) {
    instruction::take_vectors();
    let mut private = Private::open(machine);
    private.enable(NOTED);
    private.enable(taken::ECHO);
    LISTENS.store(true, Ordering::Release);
    interrupt::wait_until(|| DONE.load(Ordering::Acquire));
}

/// From before the call to the first instruction of the CPU that it is about.
fn switch_on(affinity: u64, samples: u64) {
    let mut spread = Spread::new();
    for _ in 0..samples {
        SLOT.store(0, Ordering::Relaxed);
        instruction::read_through(&SLOT);
        mark::begin::<CPU_ON_WINDOW>();
        let (result, begin) = instruction::switch_on(affinity, &SLOT);
        assert!(result == 0, "CPU_ON: {result}");
        while instruction::read_through(&SLOT) == 0 {
            cpu::relax();
        }
        spread.add(instruction::read_through(&SLOT) - begin - 2);
        wait_until_off(affinity);
    }
    row::print::<CPU_ON_WINDOW>("cpu_on", &spread);
}

fn wait_until_off(affinity: u64) {
    while psci::affinity_info(affinity) != Ok(Affinity::Off) {
        cpu::relax();
    }
}
