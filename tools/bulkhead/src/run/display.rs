//! Shows all consoles on one terminal, every line with its source's label.
//!
//! Bytes are shown as they come, so a shell's prompt is there at once. When another source speaks in the
//! middle of a line, the line is left and begins again, with its label, when its source goes on.

use std::io::{self, Write};

use super::demultiplexer::Chunk;

/// ANSI colours, given to sources in the order in which they speak.
const COLOURS: [&str; 6] = ["36", "32", "33", "35", "34", "31"];

/// Whether labels are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Labels {
    Plain,
    Coloured,
}

/// Writes consoles to a terminal or a file.
#[derive(Debug)]
pub(super) struct Display<W: Write> {
    out: W,
    labels: Labels,
    sources: Vec<String>,
    open: Option<String>,
}

impl<W: Write> Display<W> {
    pub(super) fn new(out: W, labels: Labels) -> Self {
        Self { out, labels, sources: Vec::new(), open: None }
    }

    pub(super) fn show(&mut self, chunks: &[Chunk]) -> io::Result<()> {
        for chunk in chunks {
            for part in chunk.bytes.split_inclusive(|byte| *byte == b'\n') {
                self.show_part(&chunk.source, part)?;
            }
        }
        self.out.flush()
    }

    /// Ends an unfinished line.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.open.take().is_some() {
            self.out.write_all(b"\n")?;
        }
        self.out.flush()
    }

    fn show_part(&mut self, source: &str, part: &[u8]) -> io::Result<()> {
        if self.open.as_deref() != Some(source) {
            self.finish()?;
            let label = self.label(source);
            self.out.write_all(label.as_bytes())?;
        }
        self.out.write_all(part)?;
        self.open = (!part.ends_with(b"\n")).then(|| source.to_owned());
        Ok(())
    }

    fn label(&mut self, source: &str) -> String {
        if self.labels == Labels::Plain {
            return format!("[{source}] ");
        }
        let place = self.sources.iter().position(|known| known == source).unwrap_or_else(|| {
            self.sources.push(source.to_owned());
            self.sources.len() - 1
        });
        let colour = COLOURS[place % COLOURS.len()];
        format!("\x1b[{colour}m[{source}]\x1b[0m ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(labels: Labels, chunks: &[(&str, &str)]) -> String {
        let mut display = Display::new(Vec::new(), labels);
        for (source, text) in chunks {
            let chunk = Chunk { source: (*source).to_owned(), bytes: text.as_bytes().to_vec() };
            display.show(&[chunk]).unwrap();
        }
        display.finish().unwrap();
        String::from_utf8(display.out).unwrap()
    }

    #[test]
    fn every_line_has_its_label() {
        assert_eq!(shown(Labels::Plain, &[("a", "one\ntw"), ("a", "o\n")]), "[a] one\n[a] two\n");
    }

    #[test]
    fn a_line_left_for_another_source_begins_again() {
        assert_eq!(
            shown(Labels::Plain, &[("a", "# "), ("b", "x\n"), ("a", "ls")]),
            "[a] # \n[b] x\n[a] ls\n"
        );
    }

    #[test]
    fn a_source_keeps_its_colour() {
        let text = shown(Labels::Coloured, &[("a", "1\n"), ("b", "2\n"), ("a", "3\n")]);
        assert_eq!(text, "\x1b[36m[a]\x1b[0m 1\n\x1b[32m[b]\x1b[0m 2\n\x1b[36m[a]\x1b[0m 3\n");
    }
}
