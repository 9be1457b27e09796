//! What is wrong with a configuration, said so that a person can act on it.
//!
//! A check does not stop at the first fault: it pushes a [`Diagnostic`] into the [`Report`] and goes on
//! with what it has. Whoever needs a sound value asks [`Report::is_clean`] first.

mod answer;
mod code;
mod place;
mod render;
mod suggest;

use bulkhead_verify::Digest;
use std::ops::Range;

pub use code::Code;
pub use place::Place;
pub(crate) use suggest::did_you_mean;

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

/// One fault.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    code: Code,
    title: String,
    labels: Vec<(Site, String)>,
    notes: Vec<String>,
    helps: Vec<String>,
}

/// Everything found so far, with the files it was found in.
#[derive(Clone, Debug, Default)]
pub struct Report {
    sources: Vec<Source>,
    diagnostics: Vec<Diagnostic>,
    /// Keys that were not there: the table that lacks them, and their path.
    defaults: Vec<(Site, String)>,
}

#[derive(Clone, Debug)]
struct Source {
    path: String,
    text: String,
}

impl Diagnostic {
    /// A fault of kind `code`; `title` names both parties.
    pub(crate) fn new(code: Code, title: impl Into<String>) -> Self {
        Self { code, title: title.into(), labels: Vec::new(), notes: Vec::new(), helps: Vec::new() }
    }

    /// Points at a place; the first one is where the fault is, the others are who else is involved.
    pub(crate) fn at(mut self, site: &Site, label: impl Into<String>) -> Self {
        self.labels.push((site.clone(), label.into()));
        self
    }

    /// Adds a fact that explains the fault.
    pub(crate) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a repair.
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
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

    /// Files a fault.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Whether all that is wrong is that a file or a program is not there.
    pub fn is_only_missing_files(&self) -> bool {
        !self.is_clean() && self.diagnostics.iter().all(|diagnostic| diagnostic.code.is_missing_file())
    }

    fn in_order(&self) -> impl Iterator<Item = &Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.diagnostics.iter().collect();
        sorted.sort_by(|a, b| a.position().cmp(&b.position()));
        sorted.into_iter()
    }
}
