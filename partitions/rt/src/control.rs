//! Calls of Bulkhead's own: what a partition does to those that it controls.
//!
//! Their numbers and values are `bulkhead-abi`'s. A charge is named by its position; its name tells which one
//! that is.

use crate::psci;
use bulkhead_abi as abi;
use core::fmt;

pub use abi::State;

/// A partition that this one controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge(u64);

/// A name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name([u8; 32]);

/// How a charge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where it is in its life.
    pub state: State,
    /// How often it has begun again since it was started.
    pub restarts: u64,
    /// The CPUs that are in it (bit n: its CPU n).
    pub inside: u64,
}

/// What a call says that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub i64);

/// All charges, in their order; none where there is no Bulkhead to ask.
pub fn charges() -> impl Iterator<Item = Charge> {
    let is_bulkhead = psci::call_for_words(abi::CALL_UID.into(), [0; 3])
        .is_ok_and(|words| words.iter().zip(abi::UUID).all(|(word, expected)| *word == u64::from(expected)));
    (0..).map(Charge).take_while(move |charge| is_bulkhead && charge.name().is_ok())
}

impl Charge {
    /// The first, if there is any.
    pub const FIRST: Self = Self(0);

    /// Its name.
    pub fn name(self) -> Result<Name, Refusal> {
        let words = self.call(abi::PARTITION_NAME)?;
        let mut name = Name([0; 32]);
        name.0
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .zip(words)
            .for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        Ok(name)
    }

    /// How it is.
    pub fn status(self) -> Result<Status, Refusal> {
        let [state, restarts, inside, _] = self.call(abi::PARTITION_STATE)?;
        let state = State::new(state).ok_or(Refusal(abi::NOT_SUPPORTED))?;
        Ok(Status { state, restarts, inside })
    }

    /// Starts it.
    pub fn start(self) -> Result<(), Refusal> {
        self.call(abi::PARTITION_START).map(drop)
    }

    /// Stops it; the call does not wait for that.
    pub fn stop(self) -> Result<(), Refusal> {
        self.call(abi::PARTITION_STOP).map(drop)
    }

    /// Has it begin again; the call does not wait for that.
    pub fn restart(self) -> Result<(), Refusal> {
        self.call(abi::PARTITION_RESTART).map(drop)
    }

    fn call(self, function: u32) -> Result<[u64; 4], Refusal> {
        let words = psci::call_for_words(function.into(), [self.0, 0, 0]);
        match words.map_err(|error| Refusal(error.0))? {
            [0, words @ ..] => Ok(words),
            [status, ..] => Err(Refusal(status.cast_signed())),
        }
    }
}

impl Refusal {
    /// The partition can have no other life.
    pub const DENIED: Self = Self(abi::DENIED);
    /// The partition is in that state already.
    pub const ALREADY: Self = Self(abi::ALREADY);
    /// A CPU of the partition is still on its way off.
    pub const BUSY: Self = Self(abi::BUSY);
}

impl Name {
    /// As text; empty if it is none.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            abi::NOT_SUPPORTED => "not supported",
            abi::INVALID_PARAMETERS => "invalid parameters",
            abi::DENIED => "denied",
            abi::ALREADY => "already",
            abi::BUSY => "busy",
            abi::FAILED => "failed",
            _ => "unknown error",
        };
        write!(f, "{name} ({})", self.0)
    }
}
