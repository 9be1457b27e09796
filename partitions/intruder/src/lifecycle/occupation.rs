//! What a CPU does for ever, with all interrupts masked, when its partition is to end.

use crate::attack::storms::{STORMS, Storm};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use guest_rt::{Machine, cpu, gic, psci};

/// An occupation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occupation {
    /// Runs in a circle.
    Spin,
    /// Waits for an interrupt that it has masked.
    Wfi,
    /// Waits for an event.
    Wfe,
    /// Waits by CPU_SUSPEND.
    Suspend,
    /// Meets with exceptions.
    Exceptions,
    /// Reaches for what it does not own.
    Aborts,
    /// Calls.
    Calls,
    /// Has all CPUs forget their translations.
    Translations,
    /// Sends SGIs to all.
    Sgis,
    /// Writes to the console.
    Console,
}

/// CPUs that are at work.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);
/// What the others are to do: its position among all.
static WORK: AtomicU32 = AtomicU32::new(0);

impl Occupation {
    /// All of them.
    pub(super) const ALL: [Self; 10] = [
        Self::Spin,
        Self::Wfi,
        Self::Wfe,
        Self::Suspend,
        Self::Exceptions,
        Self::Aborts,
        Self::Calls,
        Self::Translations,
        Self::Sgis,
        Self::Console,
    ];

    /// Has all other CPUs do it, and comes back when they are at it.
    pub(super) fn begin_on_others(self, machine: &'static Machine) {
        WORK.store(self as u32, Ordering::Release);
        for other in 1..machine.cpus().len() {
            cpu::start(other, work).expect("a CPU that is off can be started");
        }
        while AT_WORK.load(Ordering::Acquire) + 1 < machine.cpus().len() {
            cpu::relax();
        }
    }

    /// Does it for ever.
    pub(super) fn go_on(self, machine: &Machine) -> ! {
        guest_rt::interrupt::mask();
        loop {
            match self {
                Self::Spin => cpu::relax(),
                Self::Wfi => aarch64_cpu::asm::wfi(),
                Self::Wfe => aarch64_cpu::asm::wfe(),
                Self::Suspend => drop(psci::cpu_standby()),
                Self::Exceptions => storm(Storm::Undefined, [0; 4]),
                Self::Aborts => storm(Storm::Load, [0; 4]),
                Self::Calls => storm(Storm::Call, [PSCI_CPU_ON, machine.cpus()[0], 0, 0]),
                Self::Translations => storm(Storm::Invalidation, [0; 4]),
                Self::Sgis => sgis(machine),
                Self::Console => storm(Storm::Store, [machine.uart.base, b'~'.into(), 0, 0]),
            }
        }
    }
}

const PSCI_CPU_ON: u64 = 0xc400_0003;

/// Sends an SGI to all others: ICC_SGI1R_EL1.IRM, or GICD_SGIR.TargetListFilter.
fn sgis(machine: &Machine) {
    const SGI: u64 = 3;
    match machine.has_gicv2() {
        true => storm(Storm::Store, [machine.distributor.base + 0xf00, 0b01 << 24 | SGI, 0, 0]),
        false => storm(Storm::Sgi, [1 << 40 | SGI << 24, 0, 0, 0]),
    }
}

/// Makes a call that is not expected to come back.
pub(super) fn call(conduit: &str, function: u64) {
    for instruction in crate::attack::calls::CALLS.iter().filter(|call| call.text == conduit) {
        instruction.run([function, 0, 0, 0]);
    }
}

fn work(machine: &'static Machine, _: usize) {
    // Who lets no interrupt of group 1 through and sleeps is the condition `Closed`.
    gic::Private::open(machine);
    let number = WORK.load(Ordering::Acquire);
    AT_WORK.fetch_add(1, Ordering::AcqRel);
    if let Some(occupation) = Occupation::ALL.into_iter().find(|occupation| *occupation as u32 == number) {
        occupation.go_on(machine);
    }
}

fn storm(storm: Storm, registers: [u64; 4]) {
    for instruction in STORMS.iter().filter(|instruction| instruction.kind == storm) {
        instruction.run(registers);
    }
}
