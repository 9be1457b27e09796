//! Placeholders in command lines.
//!
//! A test that pokes at its neighbours has to know where they are, and only the planner does:
//! `{physical:NAME}` stands for the first physical byte of a partition's memory, as a hexadecimal number.

/// In a placeholder: the hypervisor's window instead of a partition's memory.
pub(crate) const WINDOW: &str = "bulkhead";

/// What stands between braces.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Placeholder<'a> {
    /// The first physical byte of what is called so.
    Physical(&'a str),
    /// Nothing known; the text between the braces.
    Unknown(&'a str),
}

/// The placeholders of a command line, in order.
pub(crate) fn placeholders(text: &str) -> Vec<Placeholder<'_>> {
    pieces(text).into_iter().filter_map(|(_, placeholder)| placeholder).collect()
}

/// The command line with every placeholder replaced by the address that `physical` knows for it.
pub(crate) fn fill(text: &str, physical: impl Fn(&str) -> u64) -> String {
    let mut filled = String::new();
    for (before, placeholder) in pieces(text) {
        filled.push_str(before);
        if let Some(Placeholder::Physical(name)) = placeholder {
            filled.push_str(&format!("{:#x}", physical(name)));
        }
    }
    filled
}

/// Plain text, each piece with the placeholder behind it.
fn pieces(text: &str) -> Vec<(&str, Option<Placeholder<'_>>)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, behind) = after.split_once('}').unwrap_or((after, ""));
        let placeholder = match inside.strip_prefix("physical:") {
            Some(name) => Placeholder::Physical(name),
            None => Placeholder::Unknown(inside),
        };
        pieces.push((before, Some(placeholder)));
        rest = behind;
    }
    pieces.push((rest, None));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_take_the_place_of_placeholders() {
        let filled = fill("probe={physical:a},{physical:b} quiet", |name| if name == "a" { 16 } else { 32 });
        assert_eq!(filled, "probe=0x10,0x20 quiet");
    }

    #[test]
    fn what_is_no_placeholder_is_found_out() {
        assert_eq!(placeholders("a {b} {physical:"), [Placeholder::Unknown("b"), Placeholder::Physical("")]);
        assert!(placeholders("console=ttyAMA0 }").is_empty());
    }
}
