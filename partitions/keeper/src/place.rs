//! Where loads and stores go, and what is there.
//!
//! Registers of the frames that EL2 traps: those with one bit for each interrupt, which the quick path knows, and
//! some of every other kind.

use crate::board::{Board, SPI};
use guest_rt::Frame;

/// A register, or where none is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// GICD_ISENABLER of one's own SPI.
    Enabled,
    /// Its GICD_ISPENDR.
    Pending,
    /// Its GICD_IPRIORITYR, of which the last byte is its own.
    Priorities,
    /// That byte.
    Priority,
    /// Its GICD_IROUTER.
    Route,
    /// GICD_CTLR.
    Control,
    /// GICD_TYPER.
    Type,
    /// GICR_TYPER.
    PrivateType,
    /// UARTFR.
    Flags,
    /// UARTIBRD.
    Divisor,
    /// Behind the distributor.
    Nowhere,
}

impl Place {
    /// Its address.
    pub(crate) fn address(self, board: &Board) -> u64 {
        let (frame, offset) = self.register(board);
        frame.address(offset)
    }

    /// Puts something there that depends on the turn, if it can be written; what a load finds.
    pub(crate) fn fill(self, board: &Board, turn: u64) -> u64 {
        self.put(board, self.value(turn));
        self.see(board)
    }

    /// What is stored there in a turn, by an operand that otherwise holds `mark`.
    pub(crate) fn operand(self, turn: u64, mark: u64) -> u64 {
        mark & !self.mask() | self.value(turn)
    }

    /// Sees to it that `operand` has not been stored there.
    pub(crate) fn prepare(self, board: &Board, operand: u64) {
        match self {
            // Zeros in these change nothing: the board is calm.
            Self::Enabled | Self::Pending => {}
            _ => self.put(board, self.value(if operand & self.mask() == self.value(1) { 2 } else { 1 })),
        }
    }

    /// Whether it has been.
    pub(crate) fn has(self, board: &Board, operand: u64) -> bool {
        match self {
            Self::Control => self.see(board) & ENABLE == operand & ENABLE,
            _ => self.see(board) == operand & self.mask(),
        }
    }

    fn register(self, board: &Board) -> (Frame, u64) {
        match self {
            Self::Enabled => (board.distributor, 0x100 + SPI / 32 * 4),
            Self::Pending => (board.distributor, 0x200 + SPI / 32 * 4),
            Self::Priorities => (board.distributor, 0x400 + SPI / 4 * 4),
            Self::Priority => (board.distributor, 0x400 + SPI),
            Self::Route => (board.distributor, 0x6000 + SPI * 8),
            Self::Control => (board.distributor, 0x0),
            Self::Type => (board.distributor, 0x4),
            Self::PrivateType => (board.redistributor, 0x8),
            Self::Flags => (board.uart, 0x18),
            Self::Divisor => (board.uart, 0x24),
            Self::Nowhere => (board.distributor, 0x1_0000),
        }
    }

    /// What is put there in a turn.
    fn value(self, turn: u64) -> u64 {
        match self {
            Self::Enabled | Self::Pending => (turn % 2) << (SPI % 32),
            Self::Priorities => (turn % 16) << 28,
            Self::Priority => (turn % 16) << 4,
            Self::Route => turn % 2,
            Self::Control => turn % 2 * ENABLE,
            Self::Divisor => turn * 0x0841,
            Self::Type | Self::PrivateType | Self::Flags | Self::Nowhere => 0,
        }
    }

    /// The bits of an operand that are stored there.
    const fn mask(self) -> u64 {
        match self {
            Self::Priority => 0xff,
            Self::Divisor => 0xffff,
            Self::Route | Self::PrivateType => u64::MAX,
            _ => 0xffff_ffff,
        }
    }

    fn put(self, board: &Board, value: u64) {
        let (frame, offset) = self.register(board);
        match self {
            Self::Type | Self::PrivateType | Self::Flags | Self::Nowhere => {}
            Self::Route => frame.store_double(offset, value),
            Self::Priority => frame.store(offset & !3, low(value) << 24),
            _ => frame.store(offset, low(value)),
        }
    }

    fn see(self, board: &Board) -> u64 {
        let (frame, offset) = self.register(board);
        match self {
            Self::Nowhere => 0,
            Self::Route | Self::PrivateType => frame.load_double(offset),
            Self::Priority => (frame.load(offset & !3) >> 24).into(),
            _ => frame.load(offset).into(),
        }
    }
}

/// The half of a value that a register of 32 bits has room for.
#[allow(clippy::cast_possible_truncation, reason = "the other half is not stored")]
const fn low(value: u64) -> u32 {
    value as u32
}

/// GICD_CTLR.EnableGrp1.
const ENABLE: u64 = 1 << 1;
