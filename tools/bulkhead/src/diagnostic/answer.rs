//! Draws an answer with the lines that it comes from, as faults are drawn.

use super::{Place, Report};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

impl Report {
    /// `says`, the places that say so, and `notes`.
    pub(crate) fn draw(&self, says: &str, written: &[Place], notes: &[String]) -> String {
        let mut files: Vec<usize> = written.iter().map(|place| place.site.file).collect();
        files.dedup();
        let snippet = |file: &usize| {
            let source = self.sources.get(*file)?;
            let here = written.iter().filter(|place| place.site.file == *file);
            let mark = |place: &Place| {
                AnnotationKind::Primary.span(place.site.start..place.site.end).label("by this")
            };
            Some(Snippet::source(source.text.as_str()).path(source.path.as_str()).annotations(here.map(mark)))
        };
        let group = Level::INFO
            .primary_title(says)
            .elements(files.iter().filter_map(snippet))
            .elements(notes.iter().map(|note| Level::NOTE.message(note)));
        let drawn = Renderer::plain().render(&[group]);
        let lines = drawn.lines().map(|line| format!("{}\n", line.trim_end()));
        lines.collect::<String>().trim_start_matches("info: ").to_owned()
    }
}
