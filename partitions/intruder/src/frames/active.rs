//! Interrupts of others that are being handled: ended by ICC_EOIR1_EL1 and deactivated by ICC_DIR_EL1.
//!
//! GICv3 §4.1.1: to end an interrupt that one has not acknowledged is UNPREDICTABLE; to deactivate one likewise.
//! The victims keep theirs active for a while, over and over, and look whether it stays so: SPIs of the boot
//! argument `deactivate=N[,N…]` must, and so must those of `end=N[,N…]` unless the intruder's interrupts are
//! direct, which is the one thing that these do not defend.

use super::own::spis;
use crate::attack::Slots;
use crate::encoding::Encoding;
use crate::plain::Plain;
use crate::tally::Tally;
use guest_rt::{Machine, gic, timer};

const ICC_IAR1_EL1: Encoding = Encoding::new(3, 0, 12, 12, 0);
const ICC_EOIR1_EL1: Encoding = Encoding::new(3, 0, 12, 12, 1);
const ICC_DIR_EL1: Encoding = Encoding::new(3, 0, 12, 11, 1);
const ICC_CTLR_EL1: Encoding = Encoding::new(3, 0, 12, 12, 4);

/// ICC_CTLR_EL1.EOImode: ending an interrupt does not deactivate it.
const EOI_MODE: u64 = 1 << 1;
/// The SGI that the intruder has in hand while it ends somebody else's.
const SGI: u32 = 5;
/// How long a victim is attacked, in microseconds: many times the time after which it has its interrupt active
/// once more; and by the way that is known to succeed, even if the host seldom runs both at once.
const DURATION: u64 = 1_000_000;
const LONG: u64 = 4_000_000;

/// Attacks.
pub(super) fn attack(tally: &mut Tally, plain: &Plain, machine: &Machine) {
    gic::Private::open(machine).enable(SGI);
    for intid in spis(machine, "deactivate") {
        for mode in [0, EOI_MODE] {
            write(ICC_CTLR_EL1, mode);
            let is_right = during(DURATION, || write(ICC_DIR_EL1, intid));
            tally.judge(is_right, format_args!("ICC_DIR_EL1 of foreign SPI {intid}, EOImode {mode:#x}"));
        }
    }
    write(ICC_CTLR_EL1, 0);
    for intid in spis(machine, "end") {
        let is_right = during(DURATION, || write(ICC_EOIR1_EL1, intid));
        tally.judge(is_right, format_args!("ICC_EOIR1_EL1 of foreign SPI {intid} with nothing in hand"));
        let is_right = during(LONG, || end_with_own_in_hand(plain, machine, intid));
        tally.judge(is_right, format_args!("ICC_EOIR1_EL1 of foreign SPI {intid} with an own SGI in hand"));
    }
    for intid in (1020..1024).chain([32 << 8, 0xff_ffff]) {
        for register in [ICC_EOIR1_EL1, ICC_DIR_EL1] {
            tally.judge(write(register, intid), format_args!("{register} of INTID {intid}"));
        }
    }
    quiet(plain, machine);
}

/// Makes an SGI pending, acknowledges it and ends another interrupt in its place.
fn end_with_own_in_hand(plain: &Plain, machine: &Machine, intid: u64) -> bool {
    const ISPENDR0: u64 = 0x1_0200;
    plain.set_word(machine.redistributors.base + ISPENDR0, 1 << SGI);
    let taken = Slots::the().run_one(ICC_IAR1_EL1.read(), [0; 4]);
    let is_right = write(ICC_EOIR1_EL1, intid);
    quiet(plain, machine);
    is_right && taken.fault.is_none()
}

/// Nothing of the intruder's is active any more.
fn quiet(plain: &Plain, machine: &Machine) {
    for clear in [0x1_0280, 0x1_0380] {
        plain.set_word(machine.redistributors.base + clear, 0xffff_ffff);
    }
    write(ICC_EOIR1_EL1, u64::from(SGI));
}

fn write(register: Encoding, value: u64) -> bool {
    Slots::the().run_one(register.write(), [value, 0, 0, 0]).fault.is_none()
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
