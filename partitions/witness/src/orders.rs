//! Orders to a partition that does not come to an end by itself.

use core::fmt;
use guest_rt::control::{Charge, State, Status};
use guest_rt::timer;

/// The first partition that the witness controls.
const NEIGHBOUR: Charge = Charge::FIRST;

/// Who gives orders.
pub(crate) struct Orders {
    patience: u64,
    restarts: u64,
    since: u64,
    given: u64,
    refused: u64,
}

impl Orders {
    /// With a patience of so many milliseconds; never if it is zero.
    pub(crate) fn new(patience: u64) -> Self {
        Self { patience: timer::counts(patience * 1000), restarts: 0, since: 0, given: 0, refused: 0 }
    }

    /// Asks for the neighbour, and restarts it if its life has lasted too long.
    pub(crate) fn look(&mut self) -> &Self {
        let now = timer::now();
        match NEIGHBOUR.status() {
            _ if self.patience == 0 => {}
            Ok(Status { restarts, .. }) if restarts != self.restarts => {
                (self.restarts, self.since) = (restarts, now);
            }
            Ok(Status { state: State::Running, restarts: 1.., .. }) if now - self.since > self.patience => {
                self.since = now;
                match NEIGHBOUR.restart() {
                    Ok(()) => self.given += 1,
                    Err(_) => self.refused += 1,
                }
            }
            Ok(_) => {}
            Err(_) => self.refused += 1,
        }
        self
    }
}

impl fmt::Display for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} orders given, {} refused", self.given, self.refused)
    }
}
