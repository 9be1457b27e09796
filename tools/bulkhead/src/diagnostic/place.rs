//! Where something stands, as a person says it.
//!
//! What the planner knows it remembers with its place; answers about a system end in the line of a file.

use super::{Report, Site};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// A place in a file: the first character that is meant, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) site: Site,
}

impl Report {
    /// Where a site is.
    pub(crate) fn place(&self, site: &Site) -> Place {
        let (path, text) = match self.sources.get(site.file) {
            Some(source) => (source.path.clone(), source.text.get(..site.start).unwrap_or_default()),
            None => (String::new(), ""),
        };
        let line = text.matches('\n').count() + 1;
        let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place { file: path, line, column, site: site.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        let mut report = Report::default();
        let file = report.add_source("x.toml", "a\nü = b\n");
        assert_eq!(report.place(&report.site(file, 0..1)).to_string(), "x.toml:1:1");
        assert_eq!(report.place(&report.site(file, 7..8)).to_string(), "x.toml:2:5");
    }
}
