//! `bulkhead lock`: keeps the planner's choices.
//!
//! The file lies beside the board, for its systems share it.

use crate::{Stop, System, say, write};
use bulkhead::system::{locate, shown};
use std::path::Path;

/// Writes the lock file of a system.
pub(crate) fn lock(system: &System) -> Result<(), Stop> {
    let built = system.build()?;
    let folder = locate(&system.system)?.parent().unwrap_or(Path::new("")).to_owned();
    let path = folder.join("layout.lock");
    write(&path, built.lock().as_bytes())?;
    say(&format!("{}: {}\n", shown(&path), built.count())).map(drop)
}
