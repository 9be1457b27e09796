//! Where loads and stores go, and what is there.
//!
//! Registers of the frames that EL2 traps: those with one bit for each interrupt, which the quick path knows, and
//! some of every other kind.

use crate::board::{Board, PPI, SGIS, SPI};
use crate::interface::{Port, low_word};
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
    /// Its GICD_ITARGETSR, of which the last byte is its own.
    Targets,
    /// That byte.
    Target,
    /// GICD_ISENABLER0 of a GICv2, for the sake of one's own PPI.
    OwnEnabled,
    /// GICD_ISPENDR0.
    OwnPending,
    /// GICD_IPRIORITYR, of which the last byte is that PPI's.
    OwnPriorities,
    /// Its GICD_ITARGETSR.
    OwnTargets,
    /// GICD_SPENDSGIR, of which the last byte is the last SGI's.
    Senders,
    /// That byte.
    Sender,
    /// GICD_SGIR.
    Signal,
    /// A register of GICC.
    Interface(Port),
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
    /// Behind the UART.
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
        self.put(board, self.value(board, turn));
        self.see(board)
    }

    /// What is stored there in a turn, by an operand that otherwise holds `mark`.
    pub(crate) fn operand(self, board: &Board, turn: u64, mark: u64) -> u64 {
        mark & !self.mask() | self.value(board, turn)
    }

    /// Sees to it that `operand` has not been stored there.
    pub(crate) fn prepare(self, board: &Board, operand: u64) {
        match self {
            // Zeros in these change nothing: the board is calm.
            Self::Enabled | Self::Pending => {}
            Self::OwnEnabled | Self::OwnPending | Self::Senders | Self::Sender => {}
            _ => {
                let is_first = operand & self.mask() == self.value(board, 1);
                self.put(board, self.value(board, if is_first { 2 } else { 1 }));
            }
        }
    }

    /// Whether it has been.
    pub(crate) fn has(self, board: &Board, operand: u64) -> bool {
        // Those of its bits that are the operand's alone.
        let bits = match self {
            Self::Control => enable(board),
            Self::OwnEnabled | Self::OwnPending => 1 << PPI,
            _ => self.mask(),
        };
        self.see(board) & bits == operand & bits
    }

    fn register(self, board: &Board) -> (Frame, u64) {
        match self {
            Self::Enabled => (board.distributor, 0x100 + SPI / 32 * 4),
            Self::Pending => (board.distributor, 0x200 + SPI / 32 * 4),
            Self::Priorities => (board.distributor, 0x400 + SPI / 4 * 4),
            Self::Priority => (board.distributor, 0x400 + SPI),
            Self::Route => (board.distributor, 0x6000 + SPI * 8),
            Self::Targets => (board.distributor, 0x800 + SPI / 4 * 4),
            Self::Target => (board.distributor, 0x800 + SPI),
            Self::OwnEnabled => (board.distributor, 0x100),
            Self::OwnPending => (board.distributor, 0x200),
            Self::OwnPriorities => (board.distributor, 0x400 + PPI / 4 * 4),
            Self::OwnTargets => (board.distributor, 0x800 + PPI / 4 * 4),
            Self::Senders => (board.distributor, 0xf20 + (SGIS - 4)),
            Self::Sender => (board.distributor, 0xf20 + (SGIS - 1)),
            Self::Signal => (board.distributor, 0xf00),
            Self::Interface(port) => (Frame::cpu_interface(board.machine), port as u64),
            Self::Control => (board.distributor, 0x0),
            Self::Type => (board.distributor, 0x4),
            Self::PrivateType => (board.own, 0x8),
            Self::Flags => (board.uart, 0x18),
            Self::Divisor => (board.uart, 0x24),
            Self::Nowhere => (board.uart, 0x1000),
        }
    }

    /// What is put there in a turn.
    const fn value(self, board: &Board, turn: u64) -> u64 {
        match self {
            Self::Enabled | Self::Pending => (turn % 2) << (SPI % 32),
            Self::OwnEnabled | Self::OwnPending => (turn % 2) << PPI,
            Self::Priorities | Self::OwnPriorities => (turn % 16) << 28,
            Self::Priority => (turn % 16) << 4,
            Self::Route | Self::Sender => turn % 2,
            Self::Senders => (turn % 2) << 24,
            Self::Targets => (turn % 4) << 24,
            Self::Target => turn % 4,
            Self::Control => turn % 2 * enable(board),
            Self::Divisor => turn * 0x0841,
            _ => 0,
        }
    }

    /// The bits of an operand that are stored there.
    const fn mask(self) -> u64 {
        match self {
            Self::Priority | Self::Target | Self::Sender => 0xff,
            Self::Divisor => 0xffff,
            Self::Route | Self::PrivateType => u64::MAX,
            _ => 0xffff_ffff,
        }
    }

    fn put(self, board: &Board, value: u64) {
        let (frame, offset) = self.register(board);
        match self {
            Self::Type | Self::PrivateType | Self::OwnTargets | Self::Flags => {}
            Self::Route => frame.store_double(offset, value),
            Self::Priority | Self::Target | Self::Sender => frame.store(offset & !3, low_word(value) << 24),
            _ => frame.store(offset, low_word(value)),
        }
    }

    fn see(self, board: &Board) -> u64 {
        let (frame, offset) = self.register(board);
        match self {
            Self::Route | Self::PrivateType => frame.load_double(offset),
            Self::Priority | Self::Target | Self::Sender => (frame.load(offset & !3) >> 24).into(),
            _ => frame.load(offset).into(),
        }
    }
}

/// GICD_CTLR: the group that there is; of a GICv3 EnableGrp1.
const fn enable(board: &Board) -> u64 {
    if board.has_gicv2() { 1 << 0 } else { 1 << 1 }
}
