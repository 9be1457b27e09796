//! Draws diagnostics as rustc does.
//!
//! Plain text always: the messages are compared byte for byte in tests and read in logs.

use super::{Diagnostic, Level, Remark, Report, Source, Weight};
use annotate_snippets::{AnnotationKind, Group, Level as Drawn, Renderer, Snippet};
use std::fmt;

impl fmt::Display for Report {
    /// Writes every finding, in the order of the files, with a blank line between two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drawn: Vec<String> = self.in_order().into_iter().map(|finding| self.rendered(finding)).collect();
        write!(f, "{}", drawn.join("\n"))
    }
}

impl Report {
    /// One finding as text.
    pub(super) fn rendered(&self, diagnostic: &Diagnostic) -> String {
        let level = self.level(diagnostic);
        let group = group(&self.sources, diagnostic, level)
            .elements(self.notes(diagnostic).into_iter().map(|text| Drawn::NOTE.message(text)))
            .elements(self.helps(diagnostic).into_iter().map(|text| Drawn::HELP.message(text)));
        let drawn = Renderer::plain().render(&[group]);
        drawn.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// The facts that explain a finding.
    pub(super) fn notes(&self, diagnostic: &Diagnostic) -> Vec<String> {
        let critical = self.critical_partition(diagnostic);
        let critical = critical.filter(|_| diagnostic.code.weight() == Weight::Warning);
        let why = critical.map(|name| format!("`{name}` is critical, so this warning is an error"));
        diagnostic.remarks(Remark::Note).chain(why).collect()
    }

    /// What to do about a finding; to accept it is the last resort.
    pub(super) fn helps(&self, diagnostic: &Diagnostic) -> Vec<String> {
        let acceptance = diagnostic.acceptance().filter(|_| self.level(diagnostic) != Level::Note);
        let accept = acceptance.map(|text| format!("or accept it in writing:\n{text}"));
        diagnostic.remarks(Remark::Help).chain(accept).collect()
    }
}

fn group<'a>(sources: &'a [Source], diagnostic: &'a Diagnostic, level: Level) -> Group<'a> {
    let drawn = match level {
        Level::Error => Drawn::ERROR,
        Level::Warning => Drawn::WARNING,
        Level::Note => Drawn::NOTE,
    };
    let title = drawn.primary_title(&diagnostic.title).id(diagnostic.code.text());
    title.elements(snippets(sources, diagnostic))
}

/// One snippet for each file involved, that of the fault itself first.
fn snippets<'a>(
    sources: &'a [Source],
    diagnostic: &'a Diagnostic,
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let mut files: Vec<usize> = Vec::new();
    for (site, _) in &diagnostic.labels {
        if !files.contains(&site.file) {
            files.push(site.file);
        }
    }
    let source = |file: usize| sources.get(file).map(|source| (file, source));
    files.into_iter().filter_map(source).map(|(file, source)| snippet(source, file, diagnostic)).collect()
}

fn snippet<'a>(
    source: &'a Source,
    file: usize,
    diagnostic: &'a Diagnostic,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let here = diagnostic.labels.iter().enumerate().filter(|(_, (site, _))| site.file == file);
    let annotations = here.map(|(index, (site, label))| {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let label = (!label.is_empty()).then_some(label.as_str());
        kind.span(site.start..site.end).label(label)
    });
    Snippet::source(source.text.as_str()).path(source.path.as_str()).annotations(annotations)
}
