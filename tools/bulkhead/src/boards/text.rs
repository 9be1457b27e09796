//! Writes a new board, for the tool as `board.toml` and for the person who made it.
//!
//! What was not understood stands in the file as well: it is the list of what to look at.

use super::survey::Survey;
use crate::board::Board;
use bulkhead_plan::Span;
use std::fmt::Write;
use toml::Value;

/// Columns of a comment.
const WIDTH: usize = 110;

/// The text of `board.toml`; `source` is the file that the tree was in.
pub(super) fn board_file(board: &Board, survey: &Survey, memory: &[Span], source: &str) -> String {
    let mut text = format!("# Made from `{source}` by `bulkhead board import`.\n");
    if !survey.unclear.is_empty() {
        text.push_str("#\n# What it did not understand, or cannot do yet:\n");
        survey.unclear.iter().for_each(|why| text.push_str(&comment(why)));
    }
    let entry = |text: &mut String, key: &str, value: &str| {
        let _ = writeln!(text, "{key} = {}", Value::from(value));
    };
    text.push('\n');
    entry(&mut text, "description", &title(board));
    entry(&mut text, "device-tree", "board.dtb");
    for span in memory {
        let _ = writeln!(text, "\n[[memory]]\nbase = {:#x}", span.base.0);
        entry(&mut text, "size", &in_units(span.size));
    }
    text.push_str("\n[hypervisor]\n");
    let _ = writeln!(text, "window = {:#x}", survey.window.map_or(0, |window| window.base.0));
    if let Some(console) = &survey.console {
        entry(&mut text, "console", console);
    }
    text
}

/// The same for a person.
pub(super) fn told(board: &Board, survey: &Survey) -> String {
    let mut text = format!("{}\n", title(board));
    for (what, words) in &survey.found {
        let _ = writeln!(text, "  {what:<11} {words}");
    }
    if board.tree.has_seeds() {
        text.push_str("The random numbers in `/chosen` were left out of `board.dtb`.\n");
    }
    for why in &survey.unclear {
        let _ = writeln!(text, "note: {why}");
    }
    text
}

/// What the board calls itself.
fn title(board: &Board) -> String {
    let root = board.tree.node(board.tree.root());
    root.text("model").or(root.compatible().first().copied()).unwrap_or(&board.name).to_owned()
}

/// A size as a board file has it.
fn in_units(size: u64) -> String {
    let units = [("G", 30), ("M", 20), ("K", 10)];
    let whole = units.into_iter().find(|(_, bits)| size.is_multiple_of(1 << bits));
    whole.map_or_else(|| size.to_string(), |(unit, bits)| format!("{}{unit}", size >> bits))
}

/// A point of a list, in lines of a comment.
fn comment(text: &str) -> String {
    let mut lines = vec!["# *".to_owned()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, String::len);
        match lines.last_mut() {
            Some(line) if last + 1 + word.len() <= WIDTH => *line = format!("{line} {word}"),
            _ => lines.push(format!("#   {word}")),
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::parse_size;

    #[test]
    fn a_size_is_written_as_it_can_be_read() {
        for (size, text) in [(2 << 30, "2G"), (0x3b40_0000, "948M"), (4096, "4K"), (4097, "4097")] {
            assert_eq!(in_units(size), text);
            assert_eq!(parse_size(text), Some(size));
        }
    }

    #[test]
    fn a_long_point_takes_several_lines() {
        let text = comment(&"word ".repeat(40));
        assert!(text.lines().count() > 1);
        assert!(text.lines().all(|line| line.len() <= WIDTH && line.starts_with('#')), "{text}");
    }
}
