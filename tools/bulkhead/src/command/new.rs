//! `bulkhead new`: a folder with a board and a first system.
//!
//! The board is copied, for what a product runs on is the product's to keep; the schemas come along, so that
//! an editor knows every key wherever the folder lies.

use super::pretty;
use crate::{Stop, host, read, say, write};
use bulkhead::boards::check_name;
use bulkhead::schema::Document;
use bulkhead::system::locate_board;
use clap::ValueEnum;
use std::fs;
use std::path::{Path, PathBuf};

/// What to make.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder; it must not be there yet
    folder: PathBuf,
    /// A board in `board-configs`, or the folder of one
    #[arg(long)]
    board: String,
    /// What the system begins as
    #[arg(long, default_value = "two")]
    template: Template,
}

/// A system to begin with.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Template {
    /// One partition with everything
    One,
    /// Two bare-metal partitions
    Two,
    /// An RTOS, and Linux with the rest
    LinuxRtos,
}

/// Makes the folder.
pub(crate) fn new(arguments: &Arguments) -> Result<(), Stop> {
    let Arguments { folder, board, template } = arguments;
    check_name(&folder.file_name().unwrap_or_default().to_string_lossy())?;
    let from = locate_board(board)?;
    let text = String::from_utf8_lossy(&read(&from.join("board.toml"))?).into_owned();
    let schemas = folder.join("schema");
    if folder.exists() {
        return Err(Stop { text: format!("error: `{}` is there already", folder.display()), code: 2 });
    }
    fs::create_dir_all(&schemas).map_err(|error| host(&format!("making `{}`", schemas.display()), &error))?;
    for (name, document) in [("board", Document::Board), ("system", Document::System)] {
        write(&schemas.join(format!("{name}.json")), pretty(&document.schema())?.as_bytes())?;
    }
    copy_trees(&from, folder)?;
    write(&folder.join("board.toml"), with_schema("board", &text).as_bytes())?;
    let system = folder.join("system.toml");
    write(&system, with_schema("system", template.text()).as_bytes())?;
    let next = format!("{}: put its images beside it, then `bulkhead check {0}`\n", system.display());
    say(&next).map(drop)
}

impl Template {
    fn text(self) -> &'static str {
        match self {
            Self::One => include_str!("../templates/one.toml"),
            Self::Two => include_str!("../templates/two.toml"),
            Self::LinuxRtos => include_str!("../templates/linux-rtos.toml"),
        }
    }
}

/// Copies the device trees that lie beside a board.
fn copy_trees(from: &Path, to: &Path) -> Result<(), Stop> {
    let entries =
        fs::read_dir(from).map_err(|error| host(&format!("reading `{}`", from.display()), &error))?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let is_tree = path.extension().is_some_and(|extension| extension == "dtb");
        if let Some(name) = path.file_name().filter(|_| is_tree) {
            write(&to.join(name), &read(&path)?)?;
        }
    }
    Ok(())
}

/// A file that names its schema in its first line, and no other.
fn with_schema(name: &str, text: &str) -> String {
    let body: Vec<&str> = text.lines().filter(|line| !line.starts_with("#:schema")).collect();
    format!("#:schema schema/{name}.json\n{}\n", body.join("\n"))
}
