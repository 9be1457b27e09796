//! What one console has said, beside how far a script has read it.
//!
//! Bytes are kept raw and matched as soon as they are there, so an unfinished line (a prompt) matches too.
//! A pattern sees only what lies behind the previous match: the same text must be said again to match again.

use regex::bytes::Regex;

/// How much of a console an error message shows.
const TAIL_LINES: usize = 12;

/// One console's bytes since the start.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    bytes: Vec<u8>,
    cursor: usize,
}

impl Transcript {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Finds the pattern behind the previous match and moves on; returns where the search began.
    pub(super) fn find(&mut self, pattern: &Regex) -> Option<usize> {
        let start = self.cursor;
        self.cursor = start + pattern.find(self.since(start))?.end();
        Some(start)
    }

    /// All bytes from `start` on.
    pub(super) fn since(&self, start: usize) -> &[u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// The last lines, fit for a message.
    pub(super) fn tail(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(text: &str) -> Transcript {
        let mut transcript = Transcript::default();
        transcript.extend(text.as_bytes());
        transcript
    }

    #[test]
    fn a_match_is_used_up() {
        let mut transcript = transcript("tick 1\ntick 2\n");
        let tick = Regex::new("tick").unwrap();
        assert_eq!(transcript.find(&tick), Some(0));
        assert_eq!(transcript.find(&tick), Some(4));
        assert_eq!(transcript.find(&tick), None);
    }

    #[test]
    fn an_unfinished_line_matches() {
        assert_eq!(transcript("boot\n# ").find(&Regex::new("# $").unwrap()), Some(0));
    }

    #[test]
    fn bytes_that_are_no_text_match_too() {
        let mut transcript = Transcript::default();
        transcript.extend(b"\xff\x00end");
        assert_eq!(transcript.find(&Regex::new(r"(?-u)\xff\x00").unwrap()), Some(0));
    }

    #[test]
    fn the_tail_is_the_last_lines_without_blank_ones() {
        let text: String = (0..20).map(|n| format!("line {n}\r\n\r\n")).collect();
        let tail = transcript(&text).tail();
        assert!(tail.starts_with("line 8\nline 9\n") && tail.ends_with("line 19"), "{tail}");
    }
}
