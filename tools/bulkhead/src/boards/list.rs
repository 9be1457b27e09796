//! Lists the boards that there are.
//!
//! What a board has comes from its device tree, as everywhere; a board that cannot be read is listed with the
//! reason.

use crate::board::Board;
use crate::diagnostic::Report;
use crate::load::{board_configs, load_board, size_text};
use crate::system::Failure;
use std::fs;
use std::path::{Path, PathBuf};

/// The columns.
const HEAD: [&str; 6] = ["BOARD", "GIC", "CPUS", "RAM", "CONSOLE", ""];

/// A table of the boards in the folder `board-configs`.
pub fn list() -> Result<String, Failure> {
    let configs = board_configs()
        .ok_or_else(|| Failure::Usage("there is no folder `board-configs` here or above".to_owned()))?;
    let entries = fs::read_dir(&configs).into_iter().flatten();
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|folder| folder.join("board.toml").is_file());
    folders.sort();
    let rows = folders.iter().map(|folder| row(folder));
    Ok(table(&std::iter::once(HEAD.map(str::to_owned)).chain(rows).collect::<Vec<_>>()))
}

fn row(folder: &Path) -> [String; 6] {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut report = Report::default();
    let file = load_board(folder, &mut report);
    let Some(board) = file.and_then(|file| Board::of(&file, None, &[], &mut report)) else {
        let dash = || "-".to_owned();
        let why = report.to_string().lines().next().unwrap_or_default().to_owned();
        return [name, dash(), dash(), dash(), dash(), why];
    };
    let ram = board.ram.iter().map(|span| span.size).sum();
    let console = board.console.map_or("-", |console| &board.tree.node(console.node).path);
    let why = board.obstacles.first().map_or_else(String::new, |why| format!("cannot run yet: {why}"));
    [
        name,
        board.gic.version.name().to_owned(),
        board.cpus.len().to_string(),
        size_text(ram),
        console.to_owned(),
        why,
    ]
}

/// Columns as wide as what is in them.
fn table(rows: &[[String; 6]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let line = |row: &[String; 6]| {
        let cells: Vec<String> =
            row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column))).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
