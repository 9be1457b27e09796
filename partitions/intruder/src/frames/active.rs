//! Interrupts of others that are being handled: ended and deactivated by the CPU interface.
//!
//! GICv3 §4.1.1, GICv2 §3.2.4: to end an interrupt that one has not acknowledged is UNPREDICTABLE; to deactivate one
//! likewise. The victims keep theirs active for a while, over and over, and look whether it stays so: SPIs of the boot
//! argument `deactivate=N[,N…]` must, and so must those of `end=N[,N…]` unless the intruder's interrupts are
//! direct, which is the one thing that these do not defend.

use super::own::{calm_private, spis};
use crate::interface::{Interface, Register};
use crate::plain::Plain;
use crate::tally::Tally;
use guest_rt::{Machine, cpu, gic, timer};

/// The SGI that the intruder has in hand while it ends somebody else's.
const SGI: u32 = 5;
/// How long a victim is attacked, in microseconds: many times the time after which it has its interrupt active
/// once more; and by the way that is known to succeed, even if the host seldom runs both at once.
const DURATION: u64 = 1_000_000;
const LONG: u64 = 4_000_000;

/// Attacks.
pub(super) fn attack(tally: &mut Tally, plain: &Plain, machine: &Machine) {
    let interface = Interface::of(machine);
    gic::Private::open(machine).enable(SGI);
    for intid in spis(machine, "deactivate") {
        for only_drop in [false, true] {
            let is_set = interface.only_drop(only_drop);
            let is_right = is_set && during(DURATION, || interface.write(Register::Deactivate, intid));
            tally.judge(
                is_right,
                format_args!("deactivation of foreign SPI {intid}, priority drop apart: {only_drop}"),
            );
        }
    }
    interface.only_drop(false);
    for intid in spis(machine, "end") {
        let is_right = during(DURATION, || interface.write(Register::End, intid));
        tally.judge(is_right, format_args!("the end of foreign SPI {intid} with nothing in hand"));
        let is_right = during(LONG, || end_with_own_in_hand(plain, machine, &interface, intid));
        tally.judge(is_right, format_args!("the end of foreign SPI {intid} with an own SGI in hand"));
    }
    for intid in (1020..1024).chain([32 << 8, 0xff_ffff]) {
        for register in [Register::End, Register::Deactivate] {
            tally.judge(interface.write(register, intid), format_args!("{register}: INTID {intid}"));
        }
    }
    quiet(plain, machine, &interface);
}

/// Makes an SGI pending, acknowledges it and ends another interrupt in its place.
fn end_with_own_in_hand(plain: &Plain, machine: &Machine, interface: &Interface, intid: u64) -> bool {
    gic::send_sgi(SGI, cpu::affinity());
    let taken = interface.read(Register::Acknowledge);
    let is_right = interface.write(Register::End, intid);
    quiet(plain, machine, interface);
    is_right && taken.is_ok_and(|taken| taken & 0x3ff == u64::from(SGI))
}

/// Nothing of the intruder's is active any more.
fn quiet(plain: &Plain, machine: &Machine, interface: &Interface) {
    calm_private(plain, machine);
    interface.write(Register::End, SGI.into());
}

/// Does something over and over, for so many microseconds; says whether it was right each time.
fn during(duration: u64, mut something: impl FnMut() -> bool) -> bool {
    let end = timer::now() + timer::counts(duration);
    let mut is_right = true;
    while timer::now() < end {
        is_right &= something();
    }
    is_right
}
