//! What registers of the CPU interface do with an operand.
//!
//! What is acknowledged, ended and deactivated are SGIs of this CPU: there are 16, so it has to be the right one.

use crate::board::{Board, SGIS};
use crate::raw;
use guest_rt::{cpu, gic};

/// Prepares a turn, and says what the operand is filled with.
pub(crate) type Fill = fn(&Board, u64) -> u64;

/// How an operand is taken.
#[derive(Clone, Copy)]
pub(crate) struct Taking {
    /// What it holds in a turn; but the zero register holds zero.
    pub(crate) value: fn(u64) -> u64,
    /// Prepares for that value.
    pub(crate) before: fn(&Board, u64),
    /// Whether that value has arrived.
    pub(crate) has_arrived: fn(&Board, u64) -> bool,
}

pub(crate) const MASK: Taking = Taking {
    value: priority,
    before: |_, value| (raw::PRIORITY_MASK.write)(value ^ 0xf0),
    has_arrived: |_, value| (raw::PRIORITY_MASK.read)() == value,
};

pub(crate) const CONTROL: Taking = Taking {
    value: eoi_mode,
    before: |_, value| (raw::CONTROL.write)(value ^ EOI_MODE),
    has_arrived: |_, value| (raw::CONTROL.read)() & EOI_MODE == value,
};

/// Of no SGI at all, if the list of targets is empty, as it is in zero.
pub(crate) const SGI_TO_ITSELF: Taking = Taking {
    value: |turn| gic::sgi(0, cpu::affinity()) | sgi(turn) << INTID,
    before: |_, _| (),
    has_arrived: |board, value| board.pending() == if value == 0 { 0 } else { 1 << (value >> INTID & 0xf) },
};

/// To a CPU that this guest does not have.
pub(crate) const SGI_TO_NOBODY: Taking = Taking {
    value: |turn| gic::sgi(0, ELSEWHERE) | sgi(turn) << INTID,
    before: |_, _| (),
    has_arrived: |board, _| board.pending() == 0,
};

pub(crate) const DEACTIVATION: Taking =
    Taking { value: sgi, before: Board::take_and_drop, has_arrived: |board, _| board.active() == 0 };

pub(crate) const FOREIGN_DEACTIVATION: Taking = Taking {
    value: |turn| FOREIGN + turn,
    before: |board, _| board.take_and_drop(SGIS - 1),
    has_arrived: |board, _| board.active() == 1 << (SGIS - 1),
};

pub(crate) const END: Taking = Taking {
    value: sgi,
    before: Board::take,
    has_arrived: |board, _| board.active() == 0 && (raw::RUNNING_PRIORITY)() == IDLE,
};

pub(crate) const BINARY_POINT: Taking = Taking {
    value: split,
    before: |_, value| (raw::BINARY_POINT.write)(value ^ 0b11),
    has_arrived: |board, value| (raw::BINARY_POINT.read)() == value.max(board.least_binary_point),
};

pub(crate) const GROUP_ENABLE: Taking = Taking {
    value: |turn| turn % 2,
    before: |_, value| (raw::GROUP_ENABLE.write)(value ^ 1),
    has_arrived: |_, value| (raw::GROUP_ENABLE.read)() == value,
};

pub(crate) const ACTIVE_PRIORITIES: Taking = Taking {
    value: |turn| 1 << turn,
    before: |_, value| (raw::ACTIVE_PRIORITIES.write)(value ^ 1 << 31),
    has_arrived: |_, value| (raw::ACTIVE_PRIORITIES.read)() == value,
};

pub(crate) fn mask(_: &Board, turn: u64) -> u64 {
    (raw::PRIORITY_MASK.write)(priority(turn));
    priority(turn)
}

pub(crate) fn control(_: &Board, turn: u64) -> u64 {
    (raw::CONTROL.write)(eoi_mode(turn));
    (raw::CONTROL.read)()
}

pub(crate) fn running_priority(board: &Board, turn: u64) -> u64 {
    board.take(sgi(turn));
    (raw::RUNNING_PRIORITY)()
}

/// What comes first is the SGI of the turn.
pub(crate) fn pending(board: &Board, turn: u64) -> u64 {
    board.pend(sgi(turn));
    sgi(turn)
}

pub(crate) fn binary_point(_: &Board, turn: u64) -> u64 {
    (raw::BINARY_POINT.write)(split(turn));
    split(turn)
}

pub(crate) fn group_enable(_: &Board, turn: u64) -> u64 {
    (raw::GROUP_ENABLE.write)(turn % 2);
    turn % 2
}

pub(crate) fn active_priorities(_: &Board, turn: u64) -> u64 {
    (raw::ACTIVE_PRIORITIES.write)(1 << turn);
    1 << turn
}

/// ICC_CTLR_EL1.EOImode.
pub(crate) const EOI_MODE: u64 = 1 << 1;
/// Where ICC_SGI1R_EL1 has the SGI.
const INTID: u32 = 24;
/// A cluster that this guest is not in.
const ELSEWHERE: u64 = 0x7_0000;
/// ICC_RPR_EL1 where nothing is active.
const IDLE: u64 = 0xff;
/// An INTID far from this guest's own.
const FOREIGN: u64 = 200;

/// Any GIC has the upper four bits of a priority.
fn priority(turn: u64) -> u64 {
    (turn % 16) << 4
}

fn eoi_mode(turn: u64) -> u64 {
    turn % 2 * EOI_MODE
}

fn sgi(turn: u64) -> u64 {
    turn % SGIS
}

/// A binary point that any GIC has.
fn split(turn: u64) -> u64 {
    4 + turn % 4
}
