//! Findings for programs: one JSON document.
//!
//! Its schema is made from these types; `docs/schema/findings.json` is a copy, which a test keeps true.
//! Positions count from 1; a column is a Unicode code point.

use super::{Diagnostic, Level, Report, Site};
use schemars::JsonSchema;
use serde::Serialize;

/// All findings of a run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "Findings of bulkhead")]
pub struct Document {
    /// What is to be acted on, in the order of the files.
    pub findings: Vec<Finding>,
    /// What was accepted in writing.
    pub accepted: Vec<Accepted>,
}

/// A finding.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// Its stable code, such as `P0203`.
    pub code: String,
    /// What it does to the configuration.
    pub level: Grade,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The path of the device that it is about.
    pub device: Option<String>,
    /// The partitions that it concerns.
    pub partitions: Vec<String>,
    /// Every party in its place; the first one is where the fault is.
    pub labels: Vec<Label>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// Repairs.
    pub helps: Vec<String>,
    /// All of it as a person sees it.
    pub rendered: String,
}

/// What a finding does to the configuration.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// It is refused.
    Error,
    /// It is taken, and somebody should look at it.
    Warning,
    /// It is taken.
    Note,
}

/// A place and who is there.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Label {
    /// The file.
    pub file: String,
    /// The line of the first character.
    pub line: usize,
    /// The column of the first character.
    pub column: usize,
    /// The line of the end.
    pub end_line: usize,
    /// The column behind the last character.
    pub end_column: usize,
    /// What is there.
    pub text: String,
}

/// A finding that somebody accepted.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Accepted {
    /// The finding.
    pub finding: Finding,
    /// Why it is acceptable.
    pub reason: String,
}

impl Report {
    /// All findings for programs.
    pub fn document(&self) -> Document {
        let accepted = self.accepted().map(|(finding, acceptance)| Accepted {
            finding: self.finding(finding),
            reason: acceptance.reason.value.clone(),
        });
        let findings = self.in_order().into_iter().map(|finding| self.finding(finding)).collect();
        Document { findings, accepted: accepted.collect() }
    }

    fn finding(&self, diagnostic: &Diagnostic) -> Finding {
        Finding {
            code: diagnostic.code.text().to_owned(),
            level: match self.level(diagnostic) {
                Level::Error => Grade::Error,
                Level::Warning => Grade::Warning,
                Level::Note => Grade::Note,
            },
            message: diagnostic.title.clone(),
            device: diagnostic.device.as_deref().map(str::to_owned),
            partitions: diagnostic.partitions.clone(),
            labels: diagnostic.labels.iter().filter_map(|(site, text)| self.label(site, text)).collect(),
            notes: self.notes(diagnostic),
            helps: self.helps(diagnostic),
            rendered: self.rendered(diagnostic),
        }
    }

    fn label(&self, site: &Site, text: &str) -> Option<Label> {
        let (file, start, end) = self.extent(site)?;
        Some(Label {
            file: file.to_owned(),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            text: text.to_owned(),
        })
    }
}

/// The schema of the document.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Document)
}
