//! Mistakes that a page can show, together with their repair.
//!
//! They are the very files of `tests/reject/`, where a test shows that the one has the fault and the other has
//! not: a page cannot say what is not true.

/// A file with a mistake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Example {
    /// Its contents.
    pub(crate) wrong: &'static str,
    /// The same file repaired.
    pub(crate) repaired: &'static str,
}

/// The example in the case `$case`: a system `file`, a `board`, or `none`.
macro_rules! example {
    (file $case:literal) => {
        Some(Example {
            wrong: include_str!(concat!("../../tests/reject/", $case, ".toml")),
            repaired: include_str!(concat!("../../tests/reject/", $case, ".fixed.toml")),
        })
    };
    (board $case:literal) => {
        Some(Example {
            wrong: include_str!(concat!("../../tests/reject/", $case, "/board.toml")),
            repaired: include_str!(concat!("../../tests/reject/", $case, "/fixed/board.toml")),
        })
    };
    (system $case:literal) => {
        Some(Example {
            wrong: include_str!(concat!("../../tests/reject/", $case, "/system.toml")),
            repaired: include_str!(concat!("../../tests/reject/", $case, "/fixed/system.toml")),
        })
    };
    (none $case:literal) => {
        None
    };
}

pub(crate) use example;
