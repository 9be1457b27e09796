//! A flattened device tree as source that `dtc` reads.
//!
//! What a value is, its bytes do not say. Text is printed as text, for a person reads it; the crate that prints
//! the rest escapes nothing, and a command line may well hold quotes.

use dtoolkit::fdt::{Fdt, FdtNode, FdtProperty};
use dtoolkit::{Node, Property};

/// Columns that each level stands further to the right.
const STEP: usize = 4;

/// The source of a tree that was read, or written, a moment ago; a check would refuse the names of more than 31
/// characters of real boards.
pub(super) fn source(blob: &[u8]) -> String {
    let tree = Fdt::new_unchecked(blob);
    let reservations =
        tree.memory_reservations().map(|it| format!("/memreserve/ {:#x} {:#x};\n", it.address(), it.size()));
    let mut text = format!("/dts-v1/;\n{}\n", reservations.collect::<String>());
    print(&mut text, &tree.root(), 0);
    text
}

fn print(text: &mut String, node: &FdtNode<'_>, indent: usize) {
    let name = if node.name().is_empty() { "/" } else { node.name() };
    let margin = " ".repeat(indent);
    text.push_str(&format!("{margin}{name} {{\n"));
    let body = text.len();
    for property in node.properties() {
        text.push_str(&format!("{margin}{:STEP$}{}", "", line(&property)));
    }
    for child in node.children() {
        if text.len() > body {
            text.push('\n');
        }
        print(text, &child, indent + STEP);
    }
    text.push_str(&format!("{margin}}};\n"));
}

fn line(property: &FdtProperty<'_>) -> String {
    match strings(property.value()) {
        Some(strings) => format!("{} = {};\n", property.name(), strings.join(", ")),
        None => property.to_string(),
    }
}

/// The strings of a value, in quotes, if it looks like nothing else.
fn strings(value: &[u8]) -> Option<Vec<String>> {
    let list = value.strip_suffix(&[0])?;
    let is_plain = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | 0);
    if !list.iter().all(is_plain) || value.windows(2).any(|pair| pair == [0, 0]) {
        return None;
    }
    Some(list.split(|byte| *byte == 0).map(quoted).collect())
}

fn quoted(string: &[u8]) -> String {
    let escaped = String::from_utf8_lossy(string).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\t', "\\t"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_and_what_would_end_it_is_escaped() {
        let list = strings(b"run=\"a\tb\"\0c:\\d\0").unwrap();
        assert_eq!(list, [r#""run=\"a\tb\"""#, r#""c:\\d""#]);
    }

    #[test]
    fn what_does_not_look_like_text_is_none() {
        for value in [&b""[..], b"no end", b"a\0\0", b"\x01\0", b"caf\xc3\xa9\0"] {
            assert_eq!(strings(value), None, "{value:?}");
        }
        assert_eq!(strings(b"\0"), Some(vec!["\"\"".to_owned()]));
    }
}
