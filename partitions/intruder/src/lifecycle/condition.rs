//! Conditions of a CPU's interrupts in which a partition is to end, and of which the next life must find nothing.

use crate::attack::Slots;
use crate::encoding::Encoding;
use crate::frames::own::own_spis;
use crate::plain::Plain;
use guest_rt::{Machine, gic, timer};

/// A condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nothing has been touched.
    Quiet,
    /// An interrupt has been taken and not ended.
    Active,
    /// The same, of the highest priority: nothing gets past it.
    ActiveHighest,
    /// Its priority has been dropped, it has not been deactivated (EOImode).
    Dropped,
    /// No priority is let through.
    Masked,
    /// No interrupt of group 1 is let through.
    Closed,
    /// All of the CPU's interrupts are of group 0.
    Group0,
    /// All SGIs are disabled, PPIs too.
    Disabled,
    /// All interrupts of all CPUs, and SPIs, are enabled and pending.
    Pending,
    /// All of them are active.
    Busy,
    /// Its distributor is off.
    NoDistributor,
    /// Its timer is due.
    TimerDue,
}

const ICC_PMR_EL1: Encoding = Encoding::new(3, 0, 4, 6, 0);
const ICC_IAR1_EL1: Encoding = Encoding::new(3, 0, 12, 12, 0);
const ICC_EOIR1_EL1: Encoding = Encoding::new(3, 0, 12, 12, 1);
const ICC_CTLR_EL1: Encoding = Encoding::new(3, 0, 12, 12, 4);
const ICC_IGRPEN1_EL1: Encoding = Encoding::new(3, 0, 12, 12, 7);

const ALL: u64 = 0xffff_ffff;
/// The SGI that is taken.
const SGI: u32 = 5;

impl Condition {
    /// All of them.
    pub(super) const ALL: [Self; 12] = [
        Self::Quiet,
        Self::Active,
        Self::ActiveHighest,
        Self::Dropped,
        Self::Masked,
        Self::Closed,
        Self::Group0,
        Self::Disabled,
        Self::Pending,
        Self::Busy,
        Self::NoDistributor,
        Self::TimerDue,
    ];
    /// Those in which a CPU in WFI is woken from outside, whatever its interrupts are.
    pub(super) const ASLEEP: [Self; 2] = [Self::Group0, Self::Disabled];
    /// Those in which it hears nothing of what comes from outside.
    pub(super) const DEAF: [Self; 3] = [Self::ActiveHighest, Self::Masked, Self::Closed];

    /// Makes it so, on the first CPU.
    pub(super) fn make(self, plain: &Plain, machine: &Machine) {
        let set = |offset: u64, value| plain.set_word(machine.redistributors.base + 0x1_0000 + offset, value);
        let every = |register: u64| {
            for cpu in 0..machine.cpus().len() as u64 {
                set(register + cpu * 0x2_0000, ALL);
            }
            own_spis(machine).for_each(|spi| {
                plain.set_word(machine.distributor.base + register + spi / 32 * 4, 1 << (spi % 32));
            });
        };
        if self != Self::Quiet {
            gic::Private::open(machine).enable(SGI);
        }
        match self {
            Self::Quiet => {}
            Self::Active => take(&set),
            Self::ActiveHighest => {
                set(0x400 + u64::from(SGI) / 4 * 4, 0);
                take(&set);
            }
            Self::Dropped => {
                write(ICC_CTLR_EL1, 1 << 1);
                take(&set);
                write(ICC_EOIR1_EL1, SGI.into());
            }
            Self::Masked => write(ICC_PMR_EL1, 0),
            Self::Closed => write(ICC_IGRPEN1_EL1, 0),
            Self::Group0 => set(0x80, 0),
            Self::Disabled => set(0x180, ALL),
            Self::Pending => [0x100, 0x200].into_iter().for_each(every),
            Self::Busy => every(0x300),
            Self::NoDistributor => plain.set_word(machine.distributor.base, 0),
            Self::TimerDue => {
                gic::Private::open(machine).enable(machine.timer);
                timer::set_deadline(timer::now());
            }
        }
    }
}

/// Sends the SGI to itself and acknowledges it.
fn take(set: &impl Fn(u64, u64)) {
    set(0x200, 1 << SGI);
    Slots::the().run_one(ICC_IAR1_EL1.read(), [0; 4]);
}

fn write(register: Encoding, value: u64) {
    Slots::the().run_one(register.write(), [value, 0, 0, 0]);
}
