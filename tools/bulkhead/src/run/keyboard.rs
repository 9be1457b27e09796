//! The person's keys, on their way to one partition.
//!
//! Standard input may as well be a pipe: what it says is typed, and its end leaves nothing. On a terminal
//! Ctrl-] leaves; every other key, Ctrl-C too, is the guest's. Where no guest hears, Ctrl-C leaves as well.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use super::terminal::RawTerminal;
use crate::aside::tell;

const CTRL_C: u8 = 0x03;
const CTRL_BRACKET: u8 = 0x1d;

/// Where keys come from, beside where they go.
pub(super) struct Keyboard {
    stdin: io::Stdin,
    terminal: Option<RawTerminal>,
    partition: Option<String>,
    ended: bool,
}

/// What the person did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Keys<'a> {
    None,
    Typed { partition: &'a str, text: Vec<u8> },
    Leave,
}

impl Keyboard {
    /// Takes standard input, in raw mode if it is a terminal, and says how to leave.
    pub(super) fn open(partition: Option<&str>) -> io::Result<Self> {
        let terminal = RawTerminal::enter()?;
        if terminal.is_some() {
            match partition {
                Some(partition) => tell(&format!("Keys go to `{partition}`; Ctrl-] leaves.\n")),
                None => tell("Ctrl-] leaves.\n"),
            }
        }
        Ok(Self { stdin: io::stdin(), terminal, partition: partition.map(str::to_owned), ended: false })
    }

    /// What to wait for; `None` once standard input has ended.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        (!self.ended).then(|| self.stdin.as_fd())
    }

    /// Reads what is there.
    pub(super) fn read(&mut self) -> Keys<'_> {
        let mut buffer = [0; 4096];
        // Past the buffer of `Stdin`, which `poll` does not see.
        match rustix::io::read(&self.stdin, &mut buffer) {
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Keys::None,
            Ok(0) | Err(_) => {
                self.ended = true;
                Keys::None
            }
            Ok(length) => self.keys(&buffer[..length]),
        }
    }

    fn keys(&self, text: &[u8]) -> Keys<'_> {
        let leaves = |key: &u8| *key == CTRL_BRACKET || (*key == CTRL_C && self.partition.is_none());
        if self.terminal.is_some() && text.iter().any(leaves) {
            return Keys::Leave;
        }
        match &self.partition {
            Some(partition) => Keys::Typed { partition, text: text.to_vec() },
            None => Keys::None,
        }
    }
}
