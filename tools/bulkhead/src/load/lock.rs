//! `layout.lock`: what the planner has chosen before, so that it chooses it again.
//!
//! The file lies beside the board and is written by `bulkhead lock`. A pin is kept as long as it can be: a
//! partition that is added takes nothing from those that were there.

use super::Fields;
use crate::diagnostic::{Located, Report, Site};

/// The file's name.
pub(crate) const LOCK: &str = "layout.lock";

/// What was chosen for a partition.
#[derive(Debug)]
pub(crate) struct Pin {
    /// Where it stands.
    pub(crate) site: Site,
    /// The system.
    pub(crate) system: Located<String>,
    /// The partition.
    pub(crate) partition: Located<String>,
    /// Its CPUs by number on the board, in the order of its vCPUs.
    pub(crate) cpus: Vec<Located<u64>>,
    /// The first physical byte of its memory.
    pub(crate) memory: Located<u64>,
    /// Bytes of its memory.
    pub(crate) size: Located<u64>,
}

/// Reads the lock file.
pub(super) fn lock(mut fields: Fields<'_>, report: &mut Report) -> Option<Vec<Pin>> {
    let tables = fields.tables("partition", "`[[partition]]` of a lock file", report);
    let pins = tables.into_iter().filter_map(|fields| pin(fields, report)).collect();
    fields.finish(report);
    Some(pins)
}

fn pin(mut fields: Fields<'_>, report: &mut Report) -> Option<Pin> {
    let site = fields.site().clone();
    let system = fields.required("system", report);
    let partition = fields.required("name", report);
    let cpus: Option<Located<Vec<_>>> = fields.required("cpus", report);
    let memory = fields.required("memory", report);
    let size = fields.required("size", report);
    fields.finish(report);
    Some(Pin {
        site,
        system: system?,
        partition: partition?,
        cpus: cpus?.value,
        memory: memory?,
        size: size?,
    })
}
