//! Where a finding is, as people and editors count: lines and columns from 1.
//!
//! A column is a character (a Unicode code point), not a byte and not half of one.

use super::{Report, Site};

/// A point in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// The line.
    pub(super) line: usize,
    /// The column.
    pub(super) column: usize,
}

impl Point {
    /// The point of the byte `offset` in `text`.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column }
    }
}

impl Report {
    /// The file of a site, its first point and the one behind its last.
    pub(super) fn extent(&self, site: &Site) -> Option<(&str, Point, Point)> {
        let source = self.sources.get(site.file)?;
        let point = |offset| Point::of(&source.text, offset);
        Some((source.path.as_str(), point(site.start), point(site.end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        assert_eq!(Point::of("ab\ncd", 0), Point { line: 1, column: 1 });
        assert_eq!(Point::of("ab\ncd", 4), Point { line: 2, column: 2 });
    }

    #[test]
    fn a_column_is_a_character() {
        assert_eq!(Point::of("äö=", 4), Point { line: 1, column: 3 });
    }

    #[test]
    fn what_lies_behind_the_text_is_its_end() {
        assert_eq!(Point::of("a\n", 9), Point { line: 2, column: 1 });
    }
}
