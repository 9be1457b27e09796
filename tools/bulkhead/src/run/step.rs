//! One line of an unattended run's script: wait for a text, or type one.
//!
//! On the command line both are written `PARTITION=…`. A typed text ends in a newline of its own accord,
//! because nearly every text is a command; `\xNN` reaches every byte a keyboard has.

use std::fmt;

use regex::bytes::Regex;

/// What to wait for or to do next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Wait until the pattern matches the bytes of this partition's console behind the previous match.
    Expect {
        /// Name of the partition, `bulkhead` or `firmware`.
        partition: String,
        /// Matched on raw bytes, unfinished lines too.
        pattern: Regex,
    },
    /// Type a text.
    Send {
        /// Name of a partition with a UART of its own.
        partition: String,
        /// The bytes to type.
        text: Vec<u8>,
    },
}

impl Step {
    /// Reads `PARTITION=REGEX`.
    pub fn parse_expect(argument: &str) -> Result<Self, String> {
        let (partition, pattern) = halves(argument, "PARTITION=REGEX")?;
        let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
        Ok(Self::Expect { partition, pattern })
    }

    /// Reads `PARTITION=TEXT`, with C escapes in the text, and appends a newline.
    pub fn parse_send(argument: &str) -> Result<Self, String> {
        let (partition, text) = halves(argument, "PARTITION=TEXT")?;
        let mut text = unescape(text)?;
        text.push(b'\n');
        Ok(Self::Send { partition, text })
    }

    /// The partition whose console this is about.
    pub fn partition(&self) -> &str {
        match self {
            Self::Expect { partition, .. } | Self::Send { partition, .. } => partition,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expect { partition, pattern } => write!(f, "expect {partition}={pattern}"),
            Self::Send { partition, text } => write!(f, "send {partition}={}", text.escape_ascii()),
        }
    }
}

fn halves<'a>(argument: &'a str, form: &str) -> Result<(String, &'a str), String> {
    match argument.split_once('=') {
        Some((partition, rest)) if !partition.is_empty() => Ok((partition.to_owned(), rest)),
        _ => Err(format!("the form is {form}")),
    }
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend(plain.bytes());
        let (byte, length) = escaped_byte(escape)?;
        bytes.push(byte);
        rest = escape.get(length..).unwrap_or_default();
    }
    bytes.extend(rest.bytes());
    Ok(bytes)
}

/// The byte that the text behind a backslash stands for, and how much of the text that takes.
fn escaped_byte(text: &str) -> Result<(u8, usize), String> {
    let known = || "known escapes are \\n \\r \\t \\\\ \\xNN".to_owned();
    match text.bytes().next().ok_or_else(known)? {
        b'n' => Ok((b'\n', 1)),
        b'r' => Ok((b'\r', 1)),
        b't' => Ok((b'\t', 1)),
        b'\\' => Ok((b'\\', 1)),
        b'x' => {
            let digits =
                text.get(1..3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            byte.map(|byte| (byte, 3)).ok_or_else(|| "\\x takes two hexadecimal digits".to_owned())
        }
        _ => Err(known()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(argument: &str) -> Result<Vec<u8>, String> {
        match Step::parse_send(argument)? {
            Step::Send { text, .. } => Ok(text),
            Step::Expect { .. } => panic!("a sent text became a pattern"),
        }
    }

    #[test]
    fn a_text_ends_in_a_newline() {
        assert_eq!(sent("linux=nproc"), Ok(b"nproc\n".to_vec()));
        assert_eq!(sent("linux="), Ok(b"\n".to_vec()));
    }

    #[test]
    fn escapes_stand_for_their_bytes() {
        assert_eq!(sent(r"p=a\tb\r\n\\\x03\xfFé"), Ok(b"a\tb\r\n\\\x03\xff\xc3\xa9\n".to_vec()));
    }

    #[test]
    fn an_unknown_or_cut_escape_is_an_error() {
        for text in [r"p=\q", r"p=\", r"p=\x1", r"p=\x+1", r"p=\xé"] {
            assert!(sent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_equals_sign_ends_the_partition() {
        let step = Step::parse_expect("linux=a=b").unwrap();
        assert_eq!((step.partition(), step.to_string().as_str()), ("linux", "expect linux=a=b"));
    }

    #[test]
    fn a_step_without_partition_or_with_a_broken_pattern_is_an_error() {
        for text in ["linux", "=x", "linux=("] {
            assert!(Step::parse_expect(text).is_err(), "{text}");
        }
    }
}
