//! Finds the files that a person means.
//!
//! A system is named by a path, by `BOARD/NAME`, or by its name alone; the folder `board-configs` is that
//! of the current directory or of the nearest directory above it.

use crate::diagnostic::{Code, Diagnostic, Report, did_you_mean};
use crate::system::Failure;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The board whose systems are meant when only a name is given.
const DEFAULT_BOARD: &str = "qemu-virt";

/// The path of the system file that `system` names.
pub fn locate(system: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(system);
    if path.is_file() || path.extension().is_some_and(|extension| extension == "toml") {
        return Ok(path.to_owned());
    }
    let configs = board_configs().ok_or_else(|| {
        missing(format!("there is no system `{system}`: no folder `board-configs` here or above"), None)
    })?;
    if system.contains('/') {
        let named = configs.join(format!("{system}.toml"));
        return if named.is_file() { Ok(named) } else { Err(unknown(system, &configs)) };
    }
    let preferred = configs.join(DEFAULT_BOARD).join(format!("{system}.toml"));
    if preferred.is_file() {
        return Ok(preferred);
    }
    let mut found: Vec<PathBuf> = systems(&configs).into_iter().filter(|path| stem(path) == system).collect();
    match found.len() {
        0 => Err(unknown(system, &configs)),
        1 => Ok(found.remove(0)),
        _ => Err(Failure::Usage(ambiguous(system, &found))),
    }
}

/// The folder of the board that `board` names: a path, or a folder of `board-configs`.
pub fn locate_board(board: &str) -> Result<PathBuf, Failure> {
    let is_board = |folder: &Path| folder.join("board.toml").is_file();
    let own = Path::new(board);
    if is_board(own) {
        return Ok(own.to_owned());
    }
    let configs = board_configs().unwrap_or_default();
    let named = configs.join(board);
    if !board.is_empty() && is_board(&named) {
        return Ok(named);
    }
    let entries = fs::read_dir(&configs).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut boards: Vec<String> =
        entries.filter(|path| is_board(path)).map(|path| stem(&path).to_owned()).collect();
    boards.sort();
    let guess = did_you_mean(board, boards.iter().map(String::as_str));
    let known = if boards.is_empty() {
        "none is known".to_owned()
    } else {
        format!("there is {}", boards.join(", "))
    };
    Err(missing(format!("there is no board `{board}`; {known}"), guess))
}

/// Where guest images are looked for when no folder is named: beside the build's other output.
pub(crate) fn image_folder() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).or_else(|| {
        let root = board_configs()?.parent()?.to_owned();
        Some(root.join("target"))
    });
    target.unwrap_or_else(|| PathBuf::from("target")).join("images")
}

/// The folders in which a system's images are looked for, the nearest first.
pub(crate) fn images_beside(folder: &Path, images: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    if images.is_empty() {
        folders.push(image_folder())
    } else {
        folders.extend_from_slice(images)
    }
    folders
}

/// A path as it is shown: relative to the current directory where it lies below it.
pub fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// The folder of all boards.
pub(crate) fn board_configs() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    here.ancestors().map(|folder| folder.join("board-configs")).find(|folder| folder.is_dir())
}

/// Every system file of every board, sorted.
fn systems(configs: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
    };
    let is_system = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "toml") && stem(path) != "board"
    };
    let mut found: Vec<PathBuf> =
        entries(configs).flat_map(|board| entries(&board).collect::<Vec<_>>()).filter(is_system).collect();
    found.sort();
    found
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
}

/// A system's name, as it is known beside those of other boards: BOARD/NAME.
fn whole_name(system: &Path) -> String {
    format!("{}/{}", system.parent().map(stem).unwrap_or_default(), stem(system))
}

fn unknown(system: &str, configs: &Path) -> Failure {
    let is_whole = system.contains('/');
    let name = |path: &PathBuf| if is_whole { whole_name(path) } else { stem(path).to_owned() };
    let names: Vec<String> = systems(configs).iter().map(name).collect();
    let guess = did_you_mean(system, names.iter().map(String::as_str));
    missing(format!("there is no system `{system}` in `{}`", shown(configs)), guess)
}

fn missing(title: String, help: Option<String>) -> Failure {
    let mut report = Report::default();
    report.push(Diagnostic::new(Code::SystemMissing, title).help_if(help));
    Failure::Rejected(Box::new(report))
}

fn ambiguous(system: &str, found: &[PathBuf]) -> String {
    let choices: Vec<String> = found.iter().map(|path| whole_name(path)).collect();
    format!("`{system}` is a system of several boards; name one of {}", choices.join(", "))
}
