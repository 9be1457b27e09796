//! `bulkhead board`: makes boards, and lists them.
//!
//! A board is a folder, so what is made is told by its path.

use crate::{Stop, say};
use bulkhead::boards::{Import, import, list};

/// What is to be done.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Makes a board from a device tree, and says what it did not understand
    Import(Import),
    /// Shows the boards that there are
    List,
}

/// Does it, and tells.
pub(crate) fn board(verb: &Verb) -> Result<(), Stop> {
    let told = match verb {
        Verb::Import(wish) => import(wish)?,
        Verb::List => list()?,
    };
    say(&told)?;
    Ok(())
}
