//! The intruder's own translation tables, where they should not be.
//!
//! The CPU reads tables for the guest, so what it may not read by itself it may not have read either: an
//! external abort on the walk (Arm ARM D8.15.6). Tables that lead back to themselves are the guest's own
//! business and simply work.

use crate::attack::forms::{FORMS, Form};
use crate::attack::{self, Left};
use crate::outcome::{Abort, Expected, Place};
use crate::tally::Tally;
use crate::target::Target;
use guest_rt::probe;

/// A descriptor that means the same as a table and as a page: Normal write-back memory, accessed.
const BOTH: u64 = 0b11 | 1 << 2 | 0b11 << 8 | 1 << 10 | 1 << 54;
/// The same, not accessed: as a page it faults.
const NOT_ACCESSED: u64 = BOTH & !(1 << 10);

/// What makes the CPU walk.
const WALKERS: [&str; 3] = ["ldr x1, [x0]", "str x1, [x0]", "at s1e1r, x0"];

/// Has the walk begin, and go on, at a target.
pub(super) fn attack(tally: &mut Tally, target: &Target, physical_bits: u32) {
    let is_too_far = target.address >> physical_bits != 0;
    let table = target.address & !0xfff;
    let status = |level| if is_too_far { Abort::ADDRESS_SIZE | level } else { Abort::ON_WALK };
    probe::through_entry(|_, _| table | BOTH, |seen| walk(tally, target, "second table", seen, status(1)));
    for bits in [39, 48] {
        attack::with_upper_tables(table, bits, |seen| walk(tally, target, "root", seen, status(0)));
    }
}

fn walk(tally: &mut Tally, target: &Target, which: &str, seen: u64, status: u64) {
    let place = Some(Place { address: seen, size: 8 });
    for form in FORMS.iter().filter(|form| WALKERS.contains(&form.text)) {
        let left = form.run([seen, 0, 0, 0]);
        let is_right = match form.kind {
            // AT puts a fault of stage 1 into PAR_EL1. One of stage 2 on the walk is an exception; what that
            // says of the access is not defined (Arm ARM D8.16).
            Form::Hint => {
                let on_walk = Expected::Data(Abort { status, is_write: None });
                Expected::Done.admits(&left, 0, None) || on_walk.admits(&left, 0, place)
            }
            kind => {
                let is_write = Some(kind == Form::Store);
                Expected::Data(Abort { status, is_write }).admits(&left, 0, place)
            }
        };
        tally.judge(is_right, format_args!("`{}` with its {which} at {target}: {left}", form.text));
    }
    let left = attack::fetch(seen);
    let is_right = Expected::Fetch(status).admits(&left, 0, place);
    tally.judge(is_right, format_args!("fetch with its {which} at {target}: {left}"));
}

/// A root that is the table of every level, and the page behind it.
pub(super) fn at_themselves(tally: &mut Tally) {
    let again = |seen: u64, index: u64| seen | index << 21 | index << 12;
    let index = |seen: u64| seen >> 30;
    probe::through_entry(
        |root, _| root | BOTH,
        |seen| {
            let last = again(seen, index(seen)) | index(seen) << 3;
            let left = load(last);
            let is_right = left.fault.is_none() && left.registers[1] & 0xfff == BOTH & 0xfff;
            tally.judge(is_right, format_args!("a root that is its own last table: {left}"));
            let left = load(seen | index(seen) << 21);
            let is_right = data(Abort::TRANSLATION | 3).admits(&left, 0, None);
            tally.judge(is_right, format_args!("a block as a page: {left}"));
        },
    );
    probe::through_entry(
        |root, _| root | NOT_ACCESSED,
        |seen| {
            let left = load(again(seen, index(seen)));
            let is_right = data(Abort::ACCESS_FLAG | 3).admits(&left, 0, None);
            tally.judge(is_right, format_args!("a root that is its own last table, not accessed: {left}"));
        },
    );
}

fn data(status: u64) -> Expected {
    Expected::Data(Abort { status, is_write: Some(false) })
}

fn load(address: u64) -> Left {
    let plain = FORMS.iter().find(|form| form.text == "ldr x1, [x0]");
    plain.map_or_else(|| attack::fetch(address), |form| form.run([address, 0, 0, 0]))
}
