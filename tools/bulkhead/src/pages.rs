//! The pages of `bulkhead explain`: what a code means, why it matters, a mistake and its repair.
//!
//! The prose of a page is `pages/CODE.md`. The example is a file of the tests, shown with what its repair
//! takes out and puts in.

use crate::diagnostic::{Code, Weight};
use similar::{ChangeTag, TextDiff};
use std::fmt::Write;

/// The page of a code.
pub fn page(code: Code) -> String {
    let mut page =
        format!("{}: {}\n\n{}\n\n{}\n", code.text(), code.meaning(), weight(code), code.page().trim());
    if let Some(example) = code.example() {
        page.push_str("\nFor example, a mistake and its repair:\n\n");
        for change in TextDiff::from_lines(example.wrong, example.repaired).iter_all_changes() {
            let sign = match change.tag() {
                ChangeTag::Delete => "-",
                ChangeTag::Insert => "+",
                ChangeTag::Equal => " ",
            };
            page.push_str(format!("  {sign} {}", change.value().trim_end()).trim_end());
            page.push('\n');
        }
    }
    page
}

/// Every code with its meaning, one to a line.
pub fn list() -> String {
    Code::ALL.iter().fold(String::new(), |mut list, code| {
        let _ = writeln!(list, "{}  {}", code.text(), code.meaning());
        list
    })
}

fn weight(code: Code) -> &'static str {
    match code.weight() {
        Weight::Error => "An error.",
        Weight::Risk => "An error, unless it is accepted in writing.",
        Weight::Warning => "A warning, unless it is accepted in writing; an error for a critical partition.",
        Weight::Note => "A note: shown by `check` when there is nothing worse to say.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_page_has_its_code() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages");
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let pages: BTreeSet<String> = names.map(|name| name.into_string().unwrap()).collect();
        let codes = Code::ALL.iter().map(|code| format!("{}.md", code.text()));
        assert_eq!(pages, codes.collect());
    }

    #[test]
    fn every_page_says_why_and_what_to_do_in_lines_that_fit() {
        for code in Code::ALL {
            let paragraphs: Vec<&str> = code.page().trim().split("\n\n").collect();
            assert!(paragraphs.len() >= 2, "{}", code.text());
            assert!(paragraphs.iter().all(|paragraph| paragraph.ends_with('.')), "{}", code.text());
            assert!(code.page().lines().all(|line| line.chars().count() <= 100), "{}", code.text());
        }
    }

    #[test]
    fn an_example_is_shown_with_what_changes() {
        let page = page(Code::MemoryUnit);
        assert!(page.contains("\n  - memory = \"3M\"\n  + memory = \"4M\"\n"), "{page}");
    }

    #[test]
    fn every_example_changes() {
        for example in Code::ALL.iter().filter_map(|code| code.example()) {
            assert_ne!(example.wrong, example.repaired);
        }
    }

    #[test]
    fn the_list_has_a_line_for_each_code() {
        assert_eq!(list().lines().count(), Code::ALL.len());
    }
}
