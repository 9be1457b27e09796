//! What the tests of the command share.
//!
//! Expected files are compared to the byte, for messages and maps are what a person works with.

#![allow(dead_code, reason = "every test target uses a part of it")]

pub(crate) mod cases;
pub(crate) mod workspace;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folder of the tests, and of the command's working directory's `tests`.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A folder for a board, whose name it gives: the one inside, for that of the other is no board's.
pub(crate) fn board_folder() -> (TempDir, PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("board");
    fs::create_dir(&folder).unwrap();
    (outer, folder)
}

/// Compares with a committed file; with `BLESS=1` in the environment, writes it instead.
pub(crate) fn assert_is_file(path: &Path, actual: &[u8]) {
    if env::var_os("BLESS").is_some() {
        fs::write(path, actual).unwrap();
        return;
    }
    let expected = fs::read(path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} is not as expected; BLESS=1 rewrites it\n--- expected\n{}\n--- actual\n{}",
        path.display(),
        String::from_utf8_lossy(&expected),
        String::from_utf8_lossy(actual),
    );
}
