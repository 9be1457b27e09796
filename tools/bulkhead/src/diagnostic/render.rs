//! Draws diagnostics as rustc does.
//!
//! Plain text always: the messages are compared byte for byte in tests and read in logs.

use super::{Diagnostic, Report, Source};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;

impl fmt::Display for Report {
    /// Writes every fault, in the order of the files, with a blank line between two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let renderer = Renderer::plain();
        for (index, diagnostic) in self.in_order().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let drawn = renderer.render(&[group(&self.sources, diagnostic)]);
            for line in drawn.lines() {
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        Ok(())
    }
}

fn group<'a>(sources: &'a [Source], diagnostic: &'a Diagnostic) -> Group<'a> {
    let notes = diagnostic.notes.iter().map(|text| Level::NOTE.message(text));
    let helps = diagnostic.helps.iter().map(|text| Level::HELP.message(text));
    Level::ERROR
        .primary_title(&diagnostic.title)
        .id(diagnostic.code.text())
        .elements(snippets(sources, diagnostic))
        .elements(notes)
        .elements(helps)
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
