//! What a person has accepted in writing.
//!
//! A finding that is accepted is kept with its reason: nobody hears of it at every run, and whoever assesses
//! the system finds it all the same.

use super::{Code, Diagnostic, Located, Site};

/// One `[[accept]]`, its names resolved.
#[derive(Clone, Debug)]
pub(crate) struct Acceptance {
    /// Where it begins.
    pub(crate) site: Site,
    /// What is accepted.
    pub(crate) code: Code,
    /// Of what.
    pub(crate) subject: Subject,
    /// Why.
    pub(crate) reason: Located<String>,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The device at this path.
    Device(String),
    /// Any device of this partition.
    DevicesOf(String),
    /// This partition.
    Partition(String),
    /// The system as a whole.
    System,
}

impl Acceptance {
    /// Whether `diagnostic` is what was accepted.
    pub(super) fn covers(&self, diagnostic: &Diagnostic) -> bool {
        let concerns = |name: &String| diagnostic.partitions.contains(name);
        let is_it = match (&self.subject, &diagnostic.device) {
            (Subject::Device(path), Some(device)) => *path == **device,
            (Subject::DevicesOf(name), Some(_)) => concerns(name),
            (Subject::Partition(name), None) => concerns(name),
            (Subject::System, None) => diagnostic.partitions.is_empty(),
            _ => false,
        };
        self.code == diagnostic.code && is_it
    }
}

impl Diagnostic {
    /// How a person writes that this is accepted, if it can be.
    pub(super) fn acceptance(&self) -> Option<String> {
        if !self.code.is_acceptable() {
            return None;
        }
        let subject = match (&self.device, self.partitions.first()) {
            (Some(device), _) => format!("device = \"{device}\"\n"),
            (None, Some(partition)) => format!("partition = \"{partition}\"\n"),
            (None, None) => String::new(),
        };
        Some(format!("[[accept]]\ncode = \"{}\"\n{subject}reason = \"…\"", self.code.text()))
    }
}
