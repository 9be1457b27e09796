//! What is wrong with a configuration, said so that a person can act on it.
//!
//! A check does not stop at the first fault: it pushes a [`Diagnostic`] into the [`Report`] and goes on
//! with what it has. Whoever needs a sound value asks [`Report::is_clean`] first.

mod acceptance;
mod answer;
mod code;
mod example;
mod extent;
mod place;
mod render;
mod suggest;

pub mod json;
pub mod sarif;

use bulkhead_verify::Digest;
use std::ops::Range;

pub(crate) use acceptance::{Acceptance, Subject};
pub use code::{Code, Weight};
pub use place::Place;
pub(crate) use suggest::did_you_mean;

use example::example;

/// A place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    file: usize,
    start: usize,
    end: usize,
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub site: Site,
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    code: Code,
    title: String,
    device: Option<Box<str>>,
    partitions: Vec<String>,
    labels: Vec<(Site, String)>,
    remarks: Vec<(Remark, String)>,
}

/// What is added to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remark {
    /// A fact that explains it.
    Note,
    /// A repair.
    Help,
}

/// What a finding does to the configuration it was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is refused.
    Error,
    /// It is taken, and somebody should look at it.
    Warning,
    /// It is taken.
    Note,
}

/// Everything found so far, with the files it was found in.
#[derive(Clone, Debug, Default)]
pub struct Report {
    sources: Vec<Source>,
    diagnostics: Vec<Diagnostic>,
    acceptances: Vec<Acceptance>,
    /// What was found and is accepted, with the index of the acceptance.
    accepted: Vec<(Diagnostic, usize)>,
    critical: Vec<String>,
    /// Keys that were not there: the table that lacks them, and their path.
    defaults: Vec<(Site, String)>,
}

#[derive(Clone, Debug)]
struct Source {
    path: String,
    text: String,
}

impl Diagnostic {
    /// A finding of kind `code`; `title` names both parties.
    pub(crate) fn new(code: Code, title: impl Into<String>) -> Self {
        let (title, device, partitions) = (title.into(), None, Vec::new());
        Self { code, title, device, partitions, labels: Vec::new(), remarks: Vec::new() }
    }

    /// Says which device it is about, by its path: what an acceptance has to name.
    pub(crate) fn about(mut self, device: &str) -> Self {
        self.device = Some(device.into());
        self
    }

    /// Says which partition it concerns; without a device, what an acceptance has to name.
    pub(crate) fn of(mut self, partition: &str) -> Self {
        self.partitions.push(partition.to_owned());
        self
    }

    /// Points at a place; the first one is where the fault is, the others are who else is involved.
    pub(crate) fn at(mut self, site: &Site, label: impl Into<String>) -> Self {
        self.labels.push((site.clone(), label.into()));
        self
    }

    /// Points at a place, if there is one.
    pub(crate) fn at_if(self, site: Option<&Site>, label: impl Into<String>) -> Self {
        match site {
            Some(site) => self.at(site, label),
            None => self,
        }
    }

    /// Adds a fact that explains the fault.
    pub(crate) fn note(mut self, text: impl Into<String>) -> Self {
        self.remarks.push((Remark::Note, text.into()));
        self
    }

    /// Adds a repair.
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.remarks.push((Remark::Help, text.into()));
        self
    }

    /// Adds a repair if one was found.
    pub(crate) fn help_if(self, text: Option<impl Into<String>>) -> Self {
        match text {
            Some(text) => self.help(text),
            None => self,
        }
    }

    /// The fault in one line.
    pub(crate) fn summary(&self) -> String {
        match self.labels.first() {
            Some((_, label)) if !label.is_empty() => format!("{}: {label}", self.title),
            _ => self.title.clone(),
        }
    }

    /// What is wrong, in one sentence.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// The path of the device that it is about.
    pub(crate) fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// The partitions that it concerns.
    pub(crate) fn partitions(&self) -> &[String] {
        &self.partitions
    }

    fn remarks(&self, kind: Remark) -> impl Iterator<Item = String> {
        let of_kind = self.remarks.iter().filter(move |(other, _)| *other == kind);
        of_kind.map(|(_, text)| text.clone())
    }

    fn position(&self) -> Option<&Site> {
        self.labels.first().map(|(site, _)| site)
    }
}

impl Report {
    /// Takes in a file; what it returns makes the sites of that file.
    pub(crate) fn add_source(&mut self, path: &str, text: &str) -> usize {
        self.sources.push(Source { path: path.to_owned(), text: text.to_owned() });
        self.sources.len() - 1
    }

    /// The bytes `range` of the file `file`.
    pub(crate) fn site(&self, file: usize, range: Range<usize>) -> Site {
        let length = self.sources.get(file).map_or(0, |source| source.text.len());
        let start = range.start.min(length);
        Site { file, start, end: range.end.clamp(start, length) }
    }

    /// Every file that was read, with the SHA-256 of its text.
    pub(crate) fn digests(&self) -> Vec<(String, String)> {
        let digest = |source: &Source| (source.path.clone(), Digest::of(source.text.as_bytes()).to_string());
        self.sources.iter().map(digest).collect()
    }

    /// Remembers that a key of the table at `site` is not there.
    pub(crate) fn take_default(&mut self, site: &Site, path: String) {
        self.defaults.push((site.clone(), path));
    }

    /// Every key that was not there: where its table is, and its path.
    pub(crate) fn defaults(&self) -> impl Iterator<Item = (Place, &str)> {
        self.defaults.iter().map(|(site, path)| (self.place(site), path.as_str()))
    }

    /// Files a finding: among those that are accepted if it is, else among those to act on.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        match self.acceptances.iter().position(|acceptance| acceptance.covers(&diagnostic)) {
            Some(index) => self.accepted.push((diagnostic, index)),
            None => self.diagnostics.push(diagnostic),
        }
    }

    /// Files each of some findings.
    pub(crate) fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        diagnostics.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// Takes in what is accepted, and whose warnings are errors.
    pub(crate) fn accept(&mut self, acceptances: Vec<Acceptance>, critical: Vec<String>) {
        self.acceptances = acceptances;
        self.critical = critical;
    }

    /// What was accepted and has not been found, or has been accepted before.
    pub(crate) fn unused(&self) -> Vec<Acceptance> {
        let is_used = |index: &usize| self.accepted.iter().any(|(_, used)| used == index);
        let all = self.acceptances.iter().enumerate();
        all.filter(|(index, _)| !is_used(index)).map(|(_, acceptance)| acceptance.clone()).collect()
    }

    /// What was found and is accepted, with what accepts it.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = (&Diagnostic, &Acceptance)> {
        self.accepted.iter().filter_map(|(finding, index)| Some((finding, self.acceptances.get(*index)?)))
    }

    /// The same without what is only worth knowing.
    pub fn without_notes(&self) -> Self {
        let mut report = self.clone();
        report.diagnostics.retain(|diagnostic| diagnostic.code.weight() != Weight::Note);
        report
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.errors().next().is_none()
    }

    /// Whether all that is wrong is that a file or a program is not there.
    pub fn is_only_missing_files(&self) -> bool {
        !self.is_clean() && self.errors().all(|diagnostic| diagnostic.code.is_missing_file())
    }

    fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| self.level(diagnostic) == Level::Error)
    }

    fn level(&self, diagnostic: &Diagnostic) -> Level {
        match diagnostic.code.weight() {
            Weight::Error | Weight::Risk => Level::Error,
            Weight::Warning if self.critical_partition(diagnostic).is_some() => Level::Error,
            Weight::Warning => Level::Warning,
            Weight::Note => Level::Note,
        }
    }

    /// The critical partition that a finding concerns.
    fn critical_partition<'a>(&self, diagnostic: &'a Diagnostic) -> Option<&'a str> {
        diagnostic.partitions.iter().find(|name| self.critical.contains(name)).map(String::as_str)
    }

    /// What a person should see, by rising position: what is only worth knowing can wait until the rest is
    /// in order.
    fn in_order(&self) -> Vec<&Diagnostic> {
        let is_note = |diagnostic: &Diagnostic| self.level(diagnostic) == Level::Note;
        let only_notes = self.diagnostics.iter().all(is_note);
        let shown = self.diagnostics.iter().filter(|diagnostic| only_notes || !is_note(diagnostic));
        let mut sorted: Vec<&Diagnostic> = shown.collect();
        sorted.sort_by(|a, b| a.position().cmp(&b.position()));
        sorted
    }
}
