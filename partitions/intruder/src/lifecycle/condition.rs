//! Conditions of a CPU's interrupts in which a partition is to end, and of which the next life must find nothing.

use crate::frames::own::own_spis;
use crate::interface::{Interface, Register};
use crate::plain::Plain;
use guest_rt::{Machine, cpu, gic, timer};

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
    /// No interrupt is let through.
    Closed,
    /// All of the CPU's interrupts are of group 0, or of a GICv2 of group 1: of the one that is not the partition's.
    OtherGroup,
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
        Self::OtherGroup,
        Self::Disabled,
        Self::Pending,
        Self::Busy,
        Self::NoDistributor,
        Self::TimerDue,
    ];
    /// Those in which a CPU in WFI is woken from outside, whatever its interrupts are.
    pub(super) const ASLEEP: [Self; 2] = [Self::OtherGroup, Self::Disabled];
    /// Those in which it hears nothing of what comes from outside.
    pub(super) const DEAF: [Self; 3] = [Self::ActiveHighest, Self::Masked, Self::Closed];

    /// Makes it so, on the first CPU.
    pub(super) fn make(self, plain: &Plain, machine: &Machine) {
        let (bank, interface) = (gic::own_bank(machine), Interface::of(machine));
        let set = |offset: u64, value| plain.set_word(bank + offset, value);
        let every = |register: u64| {
            // Of a GICv2 a CPU reaches its own only.
            let frames = if machine.has_gicv2() { 1 } else { machine.cpus().len() as u64 };
            for frame in 0..frames {
                set(register + frame * 0x2_0000, ALL);
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
            Self::Active => take(&interface),
            Self::ActiveHighest => {
                set(0x400 + u64::from(SGI) / 4 * 4, 0);
                take(&interface);
            }
            Self::Dropped => {
                interface.only_drop(true);
                take(&interface);
                interface.write(Register::End, SGI.into());
            }
            Self::Masked => {
                interface.write(Register::Mask, 0);
            }
            Self::Closed => {
                interface.write(Register::Enable, 0);
            }
            Self::OtherGroup => set(0x80, if machine.has_gicv2() { ALL } else { 0 }),
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
fn take(interface: &Interface) {
    gic::send_sgi(SGI, cpu::affinity());
    let _ = interface.read(Register::Acknowledge);
}
