//! What a person is told beside a command's output.
//!
//! It is said on standard error, and nobody has to listen: a reader that has gone, or a disk that is full, is no
//! reason to fail a command that has done its work.

use std::io::{Write, stderr};

/// Writes to standard error, if that can be written to.
pub fn tell(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}
