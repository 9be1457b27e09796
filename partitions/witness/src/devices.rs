//! The witness's devices: a UART and a clock, each with an interrupt of its own.
//!
//! The clock rings once a second, by itself. The UART's interrupt is made pending by software at every beat. Each
//! is held active for a while when it is taken, which is when a neighbour could end it; and how both are
//! set up is compared with how it was. Only the first CPU has to do with them.

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use guest_rt::clock::Clock;
use guest_rt::gic::{Setting, Shared};
use guest_rt::{Machine, cpu, interrupt, timer};
use spin::{Mutex, Once};

/// How long an interrupt is held active, in microseconds, and how often it is looked at in that time at least: on a
/// simulated machine time goes by while a CPU does nothing.
const HOLD: u64 = 8000;
const LOOKS: u64 = 200;
/// Seconds that a ringing may take to arrive on a simulated machine whose host is busy.
const PATIENCE: u32 = 10;

/// What interrupts need of it. Taken with interrupts masked only.
static SHARED: Once<Mutex<Shared>> = Once::new();
static CLOCK: Once<Mutex<Clock>> = Once::new();
/// Interrupts of the clock when it did not ring.
static STRAY: AtomicU64 = AtomicU64::new(0);
static UART: Held = Held::new();
static BELL: Held = Held::new();

/// What has become of the interrupt of one device.
struct Held {
    intid: AtomicU32,
    taken: AtomicU64,
    lost: AtomicU64,
}

/// The devices.
pub(crate) struct Devices {
    settings: [Option<Setting>; 2],
    provoked: u64,
}

/// What a beat tells of them.
pub(crate) struct Seen {
    rung: u64,
    is_late: bool,
    stray: u64,
    taken: u64,
    provoked: u64,
    lost: [u64; 2],
    is_set_up: bool,
}

impl Devices {
    /// Opens the UART's and the clock's interrupts; the first CPU takes them.
    ///
    /// # Panics
    /// If the witness has no UART or no clock of its own: then there is nothing to watch.
    pub(crate) fn open(machine: &Machine) -> Self {
        let mut shared = Shared::open(machine);
        let bell = machine.clock.and_then(|clock| clock.interrupt);
        let (Some(uart), Some(bell)) = (machine.uart_interrupt, bell) else {
            panic!("the witness wants a PL011 and a PL031 of its own")
        };
        for (held, intid) in [(&UART, uart), (&BELL, bell)] {
            held.intid.store(intid, Ordering::Relaxed);
            shared.enable(intid, machine.cpus()[0]);
        }
        let settings = [uart, bell].map(|intid| shared.setting(intid));
        SHARED.call_once(|| Mutex::new(shared));
        let mut clock = Clock::open(machine).expect("there is a clock if its interrupt is");
        wind(&mut clock);
        CLOCK.call_once(|| Mutex::new(clock));
        Self { settings, provoked: 0 }
    }

    /// Looks at them, and provokes the UART's interrupt for the next time.
    pub(crate) fn look(&mut self) -> Seen {
        let rung = BELL.taken.load(Ordering::Relaxed);
        let taken = UART.taken.load(Ordering::Relaxed);
        let seen = masked(|| Seen {
            rung,
            is_late: clock(|clock| clock.seconds() > clock.alarm() + PATIENCE),
            stray: STRAY.load(Ordering::Relaxed),
            taken,
            provoked: self.provoked,
            lost: [&UART, &BELL].map(|held| held.lost.load(Ordering::Relaxed)),
            is_set_up: self.settings
                == [&UART, &BELL].map(|held| shared(|shared| shared.setting(held.intid()))),
        });
        self.provoked += 1;
        masked(|| shared(|shared| shared.pend(UART.intid())));
        seen
    }
}

/// Takes an interrupt, if it is one of theirs.
pub(crate) fn take(intid: u32) -> bool {
    if intid == BELL.intid() {
        BELL.hold();
        clock(|clock| {
            STRAY.fetch_add(u64::from(!clock.is_ringing()), Ordering::Relaxed);
            wind(clock);
        });
    } else if intid == UART.intid() {
        UART.hold();
    } else {
        return false;
    }
    true
}

/// Sets the alarm to the next second that begins.
fn wind(clock: &mut Clock) {
    loop {
        let next = clock.seconds() + 1;
        clock.set_alarm(next);
        // The clock rings when it comes to show the second of the alarm, not when it is past.
        if clock.seconds() < next {
            return;
        }
    }
}

impl Held {
    const fn new() -> Self {
        Self { intid: AtomicU32::new(u32::MAX), taken: AtomicU64::new(0), lost: AtomicU64::new(0) }
    }

    fn intid(&self) -> u32 {
        self.intid.load(Ordering::Relaxed)
    }

    /// Counts it and sees whether it stays active.
    fn hold(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        let end = timer::now() + timer::counts(HOLD);
        for _ in (0..).take_while(|look| *look < LOOKS || timer::now() < end) {
            if !shared(|shared| shared.is_active(self.intid())) {
                self.lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
            cpu::relax();
        }
    }
}

fn masked<T>(look: impl FnOnce() -> T) -> T {
    interrupt::mask();
    let seen = look();
    interrupt::unmask();
    seen
}

fn shared<T>(look: impl FnOnce(&mut Shared) -> T) -> T {
    look(&mut SHARED.get().expect("interrupts come once they are open").lock())
}

fn clock<T>(look: impl FnOnce(&mut Clock) -> T) -> T {
    look(&mut CLOCK.get().expect("interrupts come once they are open").lock())
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rung {} times", self.rung)?;
        if self.is_late || self.stray != 0 {
            write!(f, " MISSED, {} of them without the clock", self.stray)?;
        }
        write!(f, ", taken {} of {}", self.taken, self.provoked)?;
        if self.taken != self.provoked {
            f.write_str(" MISSED")?;
        }
        let [uart, bell] = self.lost;
        write!(f, ", ended by others {uart} and {bell} times")?;
        f.write_str(if self.is_set_up { ", set up well" } else { ", set up MISSED" })
    }
}
