//! System registers: every encoding there is, read and written.
//!
//! What the architecture does not have, and what the ID registers do not show, is UNDEFINED (Arm ARM D1.2,
//! D23.1); what it has answers. Each encoding is read, written with what was read, and written with ones
//! unless the intruder needs the register. Whatever a write did to a register of the CPU's own is undone
//! by the next instruction.

mod identity;
mod numbered;
mod register;
mod table;

use crate::attack::{Left, RET, Slots};
use crate::encoding::Encoding;
use crate::features::{GIC, IDST};
use crate::outcome::Expected;
use crate::random::Random;
use crate::tally::Tally;
use crate::target::Targets;
use guest_rt::Machine;
use numbered::Numbered;
use register::{Access, Register, When};
use table::REGISTERS;

/// Attacks system registers.
pub(crate) fn attack(_: &'static Machine, _: &Targets, _: &mut Random) -> Tally {
    let mut tally = Tally::new("system registers");
    let numbered = Numbered::of_this_cpu();
    for first in Encoding::all().step_by(AT_ONCE) {
        fill(first);
        for (number, encoding) in (0..AT_ONCE).zip(first.and_following()) {
            every_operation(&mut tally, &Row::of(encoding, &numbered), encoding, number * WORDS);
        }
    }
    identity::attack(&mut tally);
    tally
}

/// Encodings whose instructions are made at once.
const AT_ONCE: usize = 0x800;
/// Words of the instructions of one encoding.
const WORDS: usize = 12;
/// Where they begin: a read, a write of x0, one of what is read first, one of x0 that is undone.
const READ: usize = 0;
const WRITE: usize = 2;
const WRITE_BACK: usize = 4;
const WRITE_AND_UNDO: usize = 7;

/// `MRS x1, …` and `MSR …, x1` differ by this from those of x0.
const X1: u32 = 1;

/// Makes the instructions for `first` and those that follow.
fn fill(first: Encoding) {
    for (number, encoding) in (0..AT_ONCE).zip(first.and_following()) {
        let (read, write) = (encoding.read(), encoding.write());
        let words: [u32; WORDS] =
            [read, RET, write, RET, read, write, RET, read | X1, write, write | X1, RET, RET];
        Slots::the().put(number * WORDS, &words);
    }
    Slots::the().publish();
}

/// What is known of an encoding.
#[derive(Clone, Copy, Debug)]
struct Row {
    access: Access,
    presence: Presence,
    reads: Option<u64>,
    is_needed: bool,
}

/// Whether there is such a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    There,
    Absent,
    Either,
}

impl Row {
    fn of(encoding: Encoding, numbered: &Numbered) -> Self {
        let nothing =
            Self { access: Access::ReadWrite, presence: Presence::Absent, reads: None, is_needed: false };
        if encoding.is_identification() {
            return Self { access: Access::Read, presence: Presence::There, ..nothing };
        }
        if is_of_gic(encoding) && !GIC.is_shown() {
            return nothing;
        }
        if let Some(when) = numbered.when(encoding) {
            return Self { presence: Presence::of(when), ..nothing };
        }
        REGISTERS.iter().find(|row| row.contains(encoding)).map_or(nothing, |register| {
            let Register { access, when, reads, is_needed, .. } = *register;
            Self { access, presence: Presence::of(when), reads, is_needed }
        })
    }
}

/// Whether it is a register of the CPU interface of a GICv3 (GICv3 §12.2): ICC_PMR_EL1 or one of the others.
fn is_of_gic(encoding: Encoding) -> bool {
    const MASK: Encoding = Encoding::new(3, 0, 4, 6, 0);
    const OTHERS: Encoding = Encoding::new(3, 0, 12, 8, 0);
    const END: Encoding = Encoding::new(3, 0, 12, 13, 0);
    encoding == MASK || (OTHERS..END).contains(&encoding)
}

impl Presence {
    fn of(when: When) -> Self {
        let is_shown =
            |features: &[crate::features::Feature]| features.iter().any(|feature| feature.is_shown());
        match when {
            When::Always => Self::There,
            When::Either => Self::Either,
            When::Shown(features) | When::Open(features) if is_shown(features) => Self::There,
            When::Shown(_) => Self::Absent,
            When::Open(_) => Self::Either,
        }
    }
}

fn every_operation(tally: &mut Tally, row: &Row, encoding: Encoding, at: usize) {
    let run = |offset: usize, x0: u64| Slots::the().run(at + offset, [x0, 0, 0, 0]);
    let can_be_read = row.access != Access::Write && row.presence != Presence::Absent;
    let can_be_written = row.access != Access::Read && row.presence != Presence::Absent;
    let value = row.reads.map_or(Expected::Done, Expected::Value);
    let read = if can_be_read { value } else { absent(encoding) };
    judge(tally, row, read, (encoding, "read"), &run(READ, 0));
    let done = if can_be_written { Expected::Done } else { Expected::Undefined };
    let back = if can_be_read { WRITE_BACK } else { WRITE };
    judge(tally, row, done, (encoding, "written back"), &run(back, 0));
    if !row.is_needed {
        let ones = if can_be_read && can_be_written { WRITE_AND_UNDO } else { WRITE };
        judge(tally, row, done, (encoding, "written with ones"), &run(ones, u64::MAX));
    }
}

/// What comes of reading a register that is not there.
fn absent(encoding: Encoding) -> Expected {
    match encoding.is_feature_space() && IDST.is_shown() {
        true => Expected::Identification(encoding.syndrome_of_read()),
        false => Expected::Undefined,
    }
}

/// A register that need not be there may be UNDEFINED instead; if it is, what is read first says so.
fn judge(tally: &mut Tally, row: &Row, expected: Expected, what: (Encoding, &str), left: &Left) {
    let (encoding, operation) = what;
    let is_absent = [Expected::Undefined, absent(encoding)].iter().any(|absent| absent.admits(left, 0, None));
    let is_right = expected.admits(left, 0, None) || row.presence == Presence::Either && is_absent;
    tally.judge(is_right, format_args!("{encoding} {operation}: {left}, expected {expected}"));
}
