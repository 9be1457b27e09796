//! What a system file says of a partition's life: faults, restarts, control.
//!
//! Its keys stand beside the partition's others, because to a person they are one list.

use super::Fields;
use crate::diagnostic::{Located, Report};

/// The wishes about one partition's life.
#[derive(Debug)]
pub(crate) struct LifeWish {
    /// What follows a fault.
    pub(crate) on_fault: Option<Located<String>>,
    /// How often it begins again after faults.
    pub(crate) max_restarts: Option<Located<u32>>,
    /// Milliseconds between the first fault and the new beginning.
    pub(crate) restart_delay: Option<Located<u64>>,
    /// The partitions that it may start, stop and restart, by name.
    pub(crate) controls: Vec<Located<String>>,
    /// Functions of the firmware that it may call.
    pub(crate) firmware_calls: Vec<Located<u64>>,
}

/// Reads the keys.
pub(super) fn life_wish(fields: &mut Fields<'_>, report: &mut Report) -> LifeWish {
    let on_fault = fields.optional("on-fault", report);
    let max_restarts = fields.optional("max-restarts", report);
    let restart_delay = fields.optional("restart-delay-ms", report);
    let controls: Option<Located<Vec<_>>> = fields.optional("controls", report);
    let firmware_calls: Option<Located<Vec<_>>> = fields.optional("firmware-calls", report);
    LifeWish {
        on_fault,
        max_restarts,
        restart_delay,
        controls: controls.map(|list| list.value).unwrap_or_default(),
        firmware_calls: firmware_calls.map(|list| list.value).unwrap_or_default(),
    }
}
