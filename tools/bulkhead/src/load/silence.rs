//! What a board file says of how devices stop writing memory.
//!
//! A device that masters the bus may go on writing after the CPUs of its partition have stopped. How to end
//! that, only who knows the device can say: a few writes to its registers, and what to wait for.

use super::Fields;
use crate::diagnostic::{Located, Report, Site};

/// How all devices of one kind, or one device, are silenced.
#[derive(Debug)]
pub(crate) struct Silence {
    /// Where it begins in the file.
    pub(crate) site: Site,
    /// A device's `compatible` text.
    pub(crate) compatible: Option<Located<String>>,
    /// One device, by path or label.
    pub(crate) device: Option<Located<String>>,
    /// In this order.
    pub(crate) steps: Vec<SilenceStep>,
}

/// One register.
#[derive(Debug)]
pub(crate) struct SilenceStep {
    /// Where it begins in the file.
    pub(crate) site: Site,
    /// Bytes from the first register, to write.
    pub(crate) write: Option<Located<u64>>,
    /// Bytes from the first register, to wait for.
    pub(crate) until: Option<Located<u64>>,
    /// The value.
    pub(crate) value: Located<u32>,
    /// The bits that count, if not all.
    pub(crate) mask: Option<Located<u32>>,
    /// The device that has the register, if it is another: a reset controller.
    pub(crate) of: Option<Located<String>>,
}

/// Reads the keys of one `[[silence]]`.
pub(super) fn silence(mut fields: Fields<'_>, report: &mut Report) -> Option<Silence> {
    let site = fields.site().clone();
    let compatible = fields.optional("compatible", report);
    let device = fields.optional("device", report);
    let steps = fields.required_tables("steps", "`steps`, a list of tables", report);
    let steps = steps.into_iter().filter_map(|fields| step(fields, report)).collect();
    fields.finish(report);
    Some(Silence { site, compatible, device, steps })
}

fn step(mut fields: Fields<'_>, report: &mut Report) -> Option<SilenceStep> {
    let site = fields.site().clone();
    let write = fields.optional("write", report);
    let until = fields.optional("until", report);
    let value = fields.required("value", report);
    let mask = fields.optional("mask", report);
    let of = fields.optional("of", report);
    fields.finish(report);
    Some(SilenceStep { site, write, until, value: value?, mask, of })
}
