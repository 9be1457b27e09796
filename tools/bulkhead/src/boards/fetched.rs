//! The device trees that boards have from elsewhere.
//!
//! The tree of a board's maker comes with the maker's license; the board names it, and nobody hands it on.

use crate::board::FETCHED;
use crate::diagnostic::Report;
use crate::load::{board_configs, load_board};
use crate::system::Failure;
use std::fs;
use std::path::{Path, PathBuf};

/// A device tree that is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The board's name.
    pub board: String,
    /// Debian's package.
    pub package: String,
    /// The path in it; a `*` stands for any name, or part of one.
    pub path: String,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Where it goes, from the folder of images.
    pub to: PathBuf,
}

/// All of them, in the order of the boards' names. What is wrong with a board file is said by who uses the board.
pub fn fetched() -> Result<Vec<Fetched>, Failure> {
    let configs = board_configs()
        .ok_or_else(|| Failure::Usage("there is no folder `board-configs` here or above".to_owned()))?;
    let entries = fs::read_dir(&configs).into_iter().flatten();
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut all: Vec<Fetched> = folders.filter_map(|folder| of(&folder)).collect();
    all.sort_by(|one, other| one.board.cmp(&other.board));
    Ok(all)
}

fn of(folder: &Path) -> Option<Fetched> {
    let board = load_board(folder, &mut Report::default())?;
    let fetch = board.fetch?;
    Some(Fetched {
        board: board.name,
        package: fetch.package.value,
        path: fetch.path.value,
        sha256: fetch.sha256.value,
        to: Path::new(FETCHED).join(board.device_tree.value),
    })
}
