//! What the registers of an interrupt controller do with an operand.
//!
//! What is acknowledged, ended and deactivated are SGIs of this CPU: there are 16, so it has to be the right one.

use crate::board::{Board, SGIS};
use crate::interface::{self, IDLE};
use crate::raw;

/// Prepares a turn, and says what the operand is filled with.
pub(crate) type Fill = fn(&Board, u64) -> u64;

/// How an operand is taken.
#[derive(Clone, Copy)]
pub(crate) struct Taking {
    /// What it holds in a turn; but the zero register holds zero.
    pub(crate) value: Fill,
    /// Prepares for that value.
    pub(crate) before: fn(&Board, u64),
    /// Whether that value has arrived.
    pub(crate) has_arrived: fn(&Board, u64) -> bool,
}

pub(crate) const MASK: Taking = Taking {
    value: |_, turn| priority(turn),
    before: |board, value| board.interface.write(interface::PRIORITY_MASK, value ^ 0xf0),
    has_arrived: |board, value| board.interface.read(interface::PRIORITY_MASK) == value,
};

pub(crate) const CONTROL: Taking = Taking {
    value: eoi_mode,
    before: |board, value| board.interface.write(interface::CONTROL, value ^ board.interface.only_drop),
    has_arrived: |board, value| {
        let changed = board.interface.only_drop | board.interface.enable;
        board.interface.read(interface::CONTROL) & changed == value
    },
};

/// What a GICv2 can be asked for and EL2 has no use for: interrupts as FIQs. One that is pending stays so, and is an IRQ
/// again.
pub(crate) const FIQS: Taking = Taking {
    value: |board, turn| FIQ_ENABLE | eoi_mode(board, turn),
    before: |board, _| board.pend(0),
    has_arrived: |board, value| {
        board.interface.read(interface::CONTROL) == value & !FIQ_ENABLE && board.pending() == 1
    },
};

/// Zero sends nothing: its list of targets is empty.
pub(crate) const SGI_TO_ITSELF: Taking = Taking {
    value: |board, turn| board.signal(turn % SGIS),
    before: |_, _| (),
    has_arrived: |board, value| {
        let sent = (0..SGIS).filter(|sgi| board.signal(*sgi) == value);
        board.pending() == sent.map(|sgi| 1 << sgi).sum()
    },
};

/// To a CPU that this guest does not have.
pub(crate) const SGI_TO_NOBODY: Taking = Taking {
    value: |board, turn| board.signal_elsewhere(turn % SGIS),
    before: |_, _| (),
    has_arrived: |board, _| board.pending() == 0,
};

pub(crate) const DEACTIVATION: Taking = Taking {
    value: Board::interrupt,
    before: Board::take_and_drop,
    has_arrived: |board, _| board.active() == 0,
};

pub(crate) const FOREIGN_DEACTIVATION: Taking = Taking {
    value: |_, turn| FOREIGN + turn,
    before: |board, _| board.take_and_drop(SGIS - 1),
    has_arrived: |board, _| board.active() == 1 << (SGIS - 1),
};

pub(crate) const END: Taking = Taking {
    value: Board::interrupt,
    before: Board::take,
    has_arrived: |board, _| board.active() == 0 && board.interface.running_priority() == IDLE,
};

pub(crate) const BINARY_POINT: Taking = Taking {
    value: |_, turn| split(turn),
    before: |board, value| board.interface.write(interface::BINARY_POINT, value ^ 0b11),
    has_arrived: |board, value| {
        board.interface.read(interface::BINARY_POINT) == value.max(board.least_binary_point)
    },
};

pub(crate) const GROUP_ENABLE: Taking = Taking {
    value: |_, turn| turn % 2,
    before: |_, value| (raw::GROUP_ENABLE.write)(value ^ 1),
    has_arrived: |_, value| (raw::GROUP_ENABLE.read)() == value,
};

pub(crate) const OS_LOCK: Taking = Taking {
    value: |_, turn| turn % 2,
    before: |_, value| (raw::OS_LOCK.write)(value ^ 1),
    has_arrived: |_, value| (raw::OS_LOCK.read)() == LOCK_IS_THERE | value << 1,
};

pub(crate) const ACTIVE_PRIORITIES: Taking = Taking {
    value: |_, turn| 1 << turn,
    before: |board, value| board.interface.write(interface::ACTIVE_PRIORITIES, value ^ 1 << 31),
    has_arrived: |board, value| board.interface.read(interface::ACTIVE_PRIORITIES) == value,
};

pub(crate) fn os_lock(_: &Board, turn: u64) -> u64 {
    (raw::OS_LOCK.write)(turn % 2);
    LOCK_IS_THERE | (turn % 2) << 1
}

/// OSLSR_EL1.OSLM.
const LOCK_IS_THERE: u64 = 1 << 3;

pub(crate) fn mask(board: &Board, turn: u64) -> u64 {
    board.interface.write(interface::PRIORITY_MASK, priority(turn));
    priority(turn)
}

pub(crate) fn control(board: &Board, turn: u64) -> u64 {
    board.interface.write(interface::CONTROL, eoi_mode(board, turn));
    board.interface.read(interface::CONTROL)
}

pub(crate) fn running_priority(board: &Board, turn: u64) -> u64 {
    board.take(board.interrupt(turn));
    board.interface.running_priority()
}

/// What comes first is the SGI of the turn.
pub(crate) fn pending(board: &Board, turn: u64) -> u64 {
    board.pend(board.interrupt(turn));
    board.interrupt(turn)
}

/// The same, sent by CPU 0 of a GICv2: of whom it is the register has to say (GICv2 §4.4.6) and in QEMU does not.
pub(crate) fn pending_by_first(board: &Board, turn: u64) -> u64 {
    board.pend(turn % SGIS);
    turn % SGIS
}

pub(crate) fn binary_point(board: &Board, turn: u64) -> u64 {
    board.interface.write(interface::BINARY_POINT, split(turn));
    split(turn)
}

pub(crate) fn group_enable(_: &Board, turn: u64) -> u64 {
    (raw::GROUP_ENABLE.write)(turn % 2);
    turn % 2
}

pub(crate) fn active_priorities(board: &Board, turn: u64) -> u64 {
    board.interface.write(interface::ACTIVE_PRIORITIES, 1 << turn);
    1 << turn
}

/// GICC_CTLR.FIQEn.
const FIQ_ENABLE: u64 = 1 << 3;
/// An INTID far from this guest's own.
const FOREIGN: u64 = 200;

/// Any GIC has the upper four bits of a priority.
const fn priority(turn: u64) -> u64 {
    (turn % 16) << 4
}

const fn eoi_mode(board: &Board, turn: u64) -> u64 {
    board.interface.enable | (turn % 2 * board.interface.only_drop)
}

/// A binary point that any GIC has.
const fn split(turn: u64) -> u64 {
    4 + turn % 4
}
