//! What a value in a configuration file may be.
//!
//! Sizes are bytes, written as an integer or as a string with a binary unit: `"64M"` is 64 MiB. Addresses
//! and counts are integers that are not negative.

use crate::diagnostic::{Code, Diagnostic, Located, Report};
use serde_json::{Value, json};
use serde_spanned::Spanned;
use toml::de::{DeInteger, DeValue};

/// A type that a value can be read as.
pub(crate) trait FromToml: Sized {
    /// What a person should have written.
    fn expected() -> String;

    /// What an editor may take.
    fn schema() -> Value;

    /// The value, or `None` if it is of another type.
    fn convert(value: &DeValue<'_>, file: usize, report: &mut Report) -> Option<Self>;

    /// The value and its place; files a fault if it is of another type.
    fn from_toml(value: &Spanned<DeValue<'_>>, file: usize, report: &mut Report) -> Option<Located<Self>> {
        read_as(value, file, report)
    }
}

/// A size in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(pub(crate) u64);

impl FromToml for String {
    fn expected() -> String {
        "a string".to_owned()
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }

    fn convert(value: &DeValue<'_>, _: usize, _: &mut Report) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl FromToml for u64 {
    fn expected() -> String {
        "an integer that is not negative".to_owned()
    }

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }

    fn convert(value: &DeValue<'_>, _: usize, _: &mut Report) -> Option<Self> {
        value.as_integer().and_then(unsigned)
    }
}

impl FromToml for u32 {
    fn expected() -> String {
        "an integer that is not negative and has at most 32 bits".to_owned()
    }

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }

    fn convert(value: &DeValue<'_>, _: usize, _: &mut Report) -> Option<Self> {
        value.as_integer().and_then(unsigned).and_then(|value| value.try_into().ok())
    }
}

impl FromToml for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }

    fn convert(value: &DeValue<'_>, _: usize, _: &mut Report) -> Option<Self> {
        value.as_bool()
    }
}

impl FromToml for Size {
    fn expected() -> String {
        "a size in bytes, or a string such as \"64M\"".to_owned()
    }

    fn schema() -> Value {
        let text = json!({ "type": "string", "pattern": "^[0-9]+(K|M|G|KiB|MiB|GiB)?$" });
        json!({ "anyOf": [u64::schema(), text] })
    }

    fn convert(value: &DeValue<'_>, _: usize, _: &mut Report) -> Option<Self> {
        value.as_integer().and_then(unsigned).map(Self)
    }

    /// A string that is no size is a fault of its own kind.
    fn from_toml(value: &Spanned<DeValue<'_>>, file: usize, report: &mut Report) -> Option<Located<Self>> {
        let site = report.site(file, value.span());
        let Some(text) = value.get_ref().as_str() else {
            return read_as(value, file, report);
        };
        let size = parse_size(text);
        if size.is_none() {
            let unreadable = Diagnostic::new(Code::SizeUnreadable, format!("`{text}` is not a size"));
            let help = "write a number and one of K, M, G (1024 each), such as \"64M\"";
            report.push(unreadable.at(&site, "cannot be read").help(help));
        }
        size.map(|bytes| Located { value: Self(bytes), site })
    }
}

/// Which of the board's CPUs a partition wants.
#[derive(Debug)]
pub(crate) enum CpuWish {
    /// These, in the order of its vCPUs.
    Listed(Vec<Located<u64>>),
    /// So many, whichever are free.
    Count(u64),
    /// All that nobody else has.
    Rest,
}

/// How much memory a partition wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryWish {
    /// So many bytes.
    Bytes(u64),
    /// The largest stretch that nobody else has.
    Rest,
}

impl FromToml for CpuWish {
    fn expected() -> String {
        "a list of CPUs, or how many".to_owned()
    }

    fn schema() -> Value {
        json!({ "anyOf": [u64::schema(), Vec::<Located<u64>>::schema()] })
    }

    fn convert(value: &DeValue<'_>, file: usize, report: &mut Report) -> Option<Self> {
        match value {
            DeValue::Integer(count) => unsigned(count).map(Self::Count),
            other => Vec::convert(other, file, report).map(Self::Listed),
        }
    }
}

impl<T: FromToml> FromToml for Vec<Located<T>> {
    fn expected() -> String {
        format!("a list, each item {}", T::expected())
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }

    fn convert(value: &DeValue<'_>, file: usize, report: &mut Report) -> Option<Self> {
        let items = value.as_array()?;
        Some(items.iter().filter_map(|item| T::from_toml(item, file, report)).collect())
    }
}

/// A size as a person writes it: the largest unit that leaves no fraction.
pub(crate) fn size_text(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

fn read_as<T: FromToml>(
    value: &Spanned<DeValue<'_>>,
    file: usize,
    report: &mut Report,
) -> Option<Located<T>> {
    let site = report.site(file, value.span());
    let converted = T::convert(value.get_ref(), file, report);
    if converted.is_none() {
        let title = format!("expected {}, found {}", T::expected(), found(value.get_ref()));
        report.push(Diagnostic::new(Code::TypeWrong, title).at(&site, "wrong type"));
    }
    converted.map(|value| Located { value, site })
}

/// A number of bytes with or without a unit.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn unsigned(integer: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Integer(integer) => format!("the integer {integer}"),
        DeValue::Boolean(value) => format!("`{value}`"),
        other => format!("a value of type {}", other.type_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(parse_size("64M"), Some(64 << 20));
        assert_eq!(parse_size("1GiB"), Some(1 << 30));
        assert_eq!(parse_size("4096"), Some(4096));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "M", "64MB", "-1", "1.5G", "64 M", "99999999999G", "ü"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn a_size_is_shown_in_the_largest_whole_unit() {
        assert_eq!(size_text(3 << 29), "1536 MiB");
        assert_eq!(size_text(1 << 30), "1 GiB");
        assert_eq!(size_text(5), "5 bytes");
    }
}
