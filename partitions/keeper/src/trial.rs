//! One instruction with one operand, and what has become of every register.
//!
//! What must become of them is what becomes of them by an instruction without effect, or by one that does not exist,
//! in the same state; but for the operand. A CPU goes on in two ways. It runs into the next instruction, as after a
//! branch (PSTATE.BTYPE), of which that one must not know any more; only of calls the architecture does not say so
//! (Arm ARM, `AArch64.TakeException`). Or it steps into a debugger, which is an instruction late if EL2 has not
//! counted the one that it answered.

use crate::board::Board;
use crate::kinds::{Instruction, Kind, word};
use crate::raw::{self, BASE, OTHER_BASE};
use crate::state::{CLASS, State};
use crate::table::{INSTRUCTIONS, NOP, UDF};
use core::fmt;

/// How a CPU goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Into the next instruction.
    Run,
    /// Into a debugger.
    Step,
}

/// An instruction in one of its turns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    /// Position in the table.
    pub(crate) instruction: usize,
    /// Number of the operand.
    pub(crate) turn: usize,
    pub(crate) pace: Pace,
    /// A number that no other trial has.
    pub(crate) number: u64,
}

/// What has come of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    expected: State,
    found: State,
    /// What the operand held before.
    operand: u64,
    /// Whether that is where it had to go, if it had to go anywhere.
    has_arrived: bool,
}

impl Trial {
    /// Tries it.
    pub(crate) fn run(&self, board: &Board) -> Outcome {
        board.calm();
        let before = self.before(board);
        let expected = self.after(board, &before);
        let found = raw::run(before);
        let operand = self.operand(&before);
        let has_arrived = match self.kind() {
            Kind::Writes(taking) => (taking.has_arrived)(board, operand),
            Kind::WritesAt(_, taking) => (taking.has_arrived)(board, word(operand)),
            Kind::Stores(place) => place.has(board, operand),
            _ => true,
        };
        Outcome { expected, found, operand, has_arrived }
    }

    /// The state in which the instruction is executed.
    fn before(&self, board: &Board) -> State {
        let turn = self.turn as u64;
        let mut before = State::new(self.number);
        before.pc = raw::slot(self.instruction, self.turn);
        before.pstate = self.pstate();
        let mark = self.operand(&before);
        match self.kind() {
            Kind::Nothing | Kind::Reads(_) => {}
            Kind::Waits => Board::wake_soon(),
            Kind::Call(function, argument, _) => {
                before.x[0] = before.x[0] & !0xffff_ffff | u64::from(function);
                (before.x[1], before.x[2]) = (argument(), 0);
            }
            Kind::Writes(taking) => {
                self.set_operand(&mut before, (taking.value)(board, turn));
                (taking.before)(board, self.operand(&before));
            }
            Kind::WritesAt(place, taking) => {
                before.x[self.base()] = place.address(board);
                self.set_operand(&mut before, mark & !word(u64::MAX) | (taking.value)(board, turn));
                (taking.before)(board, word(self.operand(&before)));
            }
            Kind::ReadsAt(place, _) | Kind::Loads(place, _) | Kind::Refused(_, place) => {
                before.x[self.base()] = place.address(board);
            }
            Kind::Stores(place) => {
                before.x[self.base()] = place.address(board);
                self.set_operand(&mut before, place.operand(board, turn, mark));
                place.prepare(board, self.operand(&before));
            }
        }
        before
    }

    /// The state that must follow.
    fn after(&self, board: &Board, before: &State) -> State {
        let turn = self.turn as u64;
        let is_refused = matches!(self.kind(), Kind::Refused(..));
        let like = if is_refused { UDF } else { NOP };
        let State { pstate, vector, syndrome, .. } =
            raw::run(State { pc: raw::slot(like, self.turn), ..*before });
        let mut after = State { pc: before.pc + 4, pstate, vector, syndrome, ..*before };
        match self.kind() {
            Kind::Nothing | Kind::Waits | Kind::Writes(_) | Kind::WritesAt(..) | Kind::Stores(_) => {}
            Kind::Refused(class, _) => (after.pc, after.syndrome) = (before.pc, class << CLASS),
            Kind::Call(_, _, answer) => after.x[..answer.len()].copy_from_slice(answer),
            Kind::Reads(fill) | Kind::ReadsAt(_, fill) => self.set_operand(&mut after, fill(board, turn)),
            Kind::Loads(place, extend) => self.set_operand(&mut after, extend(place.fill(board, turn))),
        }
        after
    }

    fn kind(&self) -> Kind {
        INSTRUCTIONS[self.instruction].kind
    }

    /// What the operand holds.
    fn operand(&self, state: &State) -> u64 {
        state.x.get(self.turn).copied().unwrap_or(0)
    }

    /// Has the operand hold `value`, unless it is the zero register.
    fn set_operand(&self, state: &mut State, value: u64) {
        if let Some(register) = state.x.get_mut(self.turn) {
            *register = value;
        }
    }

    /// The register with the address.
    const fn base(&self) -> usize {
        if self.turn == BASE { OTHER_BASE } else { BASE }
    }

    /// EL1 on its own stack pointer, with various conditions and everything masked, but debug exceptions at a step.
    fn pstate(&self) -> u64 {
        const EL1H: u64 = 0b0101;
        const AIF: u64 = 0b111 << 6;
        const D: u64 = 1 << 9;
        const SS: u64 = 1 << 21;
        let turn = self.turn as u64;
        let conditions = (turn % 16) << 28;
        let branch = if matches!(self.kind(), Kind::Call(..)) { 0 } else { (turn % 4) << 10 };
        match self.pace {
            Pace::Run => EL1H | AIF | D | conditions | branch,
            Pace::Step => EL1H | AIF | SS | conditions,
        }
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Instruction { text, kind, .. } = &INSTRUCTIONS[self.instruction];
        write!(f, "{text} ({kind}), turn {}, {:?}", self.turn, self.pace)
    }
}

impl Outcome {
    /// Whether it is what it had to be.
    pub(crate) fn is_right(&self) -> bool {
        self.has_arrived && self.expected.differences(&self.found).next().is_none()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, expected, found) in self.expected.differences(&self.found) {
            write!(f, " {name} is {found:#x} instead of {expected:#x};")?;
        }
        if self.has_arrived { Ok(()) } else { write!(f, " {:#x} has not arrived", self.operand) }
    }
}
