//! The terminal in raw mode, for as long as the value lives.
//!
//! Keys go to the guest as they are: no echo, no line editing, and Ctrl-C is a byte like any other.
//! Output processing stays on, so a bare `\n` of a guest still starts a new line. The old mode comes back
//! on drop, and so on every way out: return, error, panic and, since signals end a run by an error, signal.

use std::io::{self, IsTerminal, Stdin};

use rustix::{
    process::getpgrp,
    termios::{
        InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
    },
};

/// Restores the terminal when it goes.
pub(super) struct RawTerminal {
    stdin: Stdin,
    before: Termios,
}

impl RawTerminal {
    /// Switches to raw mode; `None` if standard input is no terminal, or belongs to another job.
    pub(super) fn enter() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() || tcgetpgrp(&stdin)? != getpgrp() {
            return Ok(None);
        }
        let before = tcgetattr(&stdin)?;
        tcsetattr(&stdin, OptionalActions::Now, &raw(before.clone()))?;
        Ok(Some(Self { stdin, before }))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // Nothing is left to be done about a terminal that is gone.
        let _ = tcsetattr(&self.stdin, OptionalActions::Flush, &self.before);
    }
}

fn raw(mut mode: Termios) -> Termios {
    mode.input_modes &= !(InputModes::BRKINT | InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR);
    mode.input_modes &= !(InputModes::ISTRIP | InputModes::IXON);
    mode.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN);
    mode.special_codes[SpecialCodeIndex::VMIN] = 1;
    mode.special_codes[SpecialCodeIndex::VTIME] = 0;
    mode
}
