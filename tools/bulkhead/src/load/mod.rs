//! Reads the files a person wrote into types that remember where everything stands.
//!
//! Nothing is looked up here and nothing has a default that depends on the board: the result says what
//! the files say. A partition with a fault of form is left out after the fault was filed, so that the
//! rest is checked all the same.

mod board_file;
mod fields;
mod life_wish;
mod locate;
mod lock;
mod shape;
mod silence;
mod system_file;
mod value;

use crate::diagnostic::{Code, Diagnostic, Report, did_you_mean};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use toml::de::DeTable;

pub(crate) use board_file::{BoardFile, Qemu};
pub(crate) use life_wish::LifeWish;
pub(crate) use locate::{board_configs, image_folder, images_beside};
pub use locate::{locate, locate_board, shown};
pub(crate) use lock::{LOCK, Pin};
pub(crate) use shape::{Shape, schema};
pub(crate) use silence::{Silence, SilenceStep};
pub(crate) use system_file::{Claim, PartitionWish, RawWish, SystemFile, TreeWish};
pub(crate) use value::{CpuWish, MemoryWish, parse_size, size_text};

use fields::Fields;

/// The two files that describe a system.
#[derive(Debug)]
pub(crate) struct Wish {
    /// The board, from `board.toml` beside the system file.
    pub(crate) board: BoardFile,
    /// The system.
    pub(crate) system: SystemFile,
    /// The system's name: that of its file.
    pub(crate) name: String,
    /// What was chosen before, for this system and its neighbours.
    pub(crate) pins: Vec<Pin>,
}

impl Wish {
    /// What was chosen for a partition before.
    pub(crate) fn pin(&self, partition: &str) -> Option<&Pin> {
        let is_this = |pin: &&Pin| pin.system.value == self.name && pin.partition.value == partition;
        self.pins.iter().find(is_this)
    }
}

/// Reads the board file in `folder`.
pub(crate) fn load_board(folder: &Path, report: &mut Report) -> Option<BoardFile> {
    let board_path = folder.join("board.toml");
    match read(&board_path, report) {
        Ok((file, text)) => {
            let read = |fields: Fields<'_>, report: &mut Report| {
                board_file::board_file(fields.called("board.".to_owned()), folder, report)
            };
            parse(file, &text, report, read)
        }
        Err(error) => {
            let title = format!("cannot read the board file `{}`: {error}", shown(&board_path));
            report.push(
                Diagnostic::new(missing(&error, Code::BoardMissing), title)
                    .help("a system file lies in the folder of its board, beside `board.toml`"),
            );
            None
        }
    }
}

/// Reads the system file at `path` and the board file beside it.
pub(crate) fn load(path: &Path, report: &mut Report) -> Option<Wish> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let board = load_board(folder, report);
    let system = match read(path, report) {
        Ok((file, text)) => {
            let read = |fields: Fields<'_>, report: &mut Report| {
                system_file::system_file(fields.called("system.".to_owned()), path, report)
            };
            parse(file, &text, report, read)
        }
        Err(error) => {
            let title = format!("cannot read the system file `{}`: {error}", shown(path));
            report
                .push(Diagnostic::new(missing(&error, Code::SystemMissing), title).help_if(neighbour(path)));
            None
        }
    };
    let pins = pins(&folder.join(LOCK), report);
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Some(Wish { board: board?, system: system?, name, pins })
}

/// What the lock file at `lock` says, if there is one.
fn pins(lock: &Path, report: &mut Report) -> Vec<Pin> {
    if !lock.exists() {
        return Vec::new();
    }
    let pins = match read(lock, report) {
        Ok((file, text)) => parse(file, &text, report, lock::lock),
        Err(error) => {
            let title = format!("cannot read the lock file `{}`: {error}", shown(lock));
            report.push(
                Diagnostic::new(Code::Syntax, title).help("delete it, and write it anew by `bulkhead lock`"),
            );
            None
        }
    };
    pins.unwrap_or_default()
}

/// What `board.toml` may say.
pub(crate) fn board_shape() -> Shape {
    shape(|fields, report| drop(board_file::board_file(fields, Path::new(""), report)))
}

/// What a system file may say.
pub(crate) fn system_shape() -> Shape {
    shape(|fields, report| drop(system_file::system_file(fields, Path::new(""), report)))
}

/// Every key that a reader asks for.
fn shape(read: impl FnOnce(Fields<'_>, &mut Report)) -> Shape {
    let (shape, nothing) = (Shape::default(), DeTable::new());
    let mut report = Report::default();
    let start = report.site(0, 0..0);
    let fields = Fields::new(&nothing, 0, start, "nothing").describing(&shape);
    read(fields, &mut report);
    shape
}

fn read(path: &Path, report: &mut Report) -> std::io::Result<(usize, String)> {
    let text = fs::read_to_string(path)?;
    Ok((report.add_source(&shown(path), &text), text))
}

/// A file that is there but cannot be read as text is wrong, not missing.
fn missing(error: &std::io::Error, code: Code) -> Code {
    if error.kind() == ErrorKind::InvalidData { Code::Syntax } else { code }
}

fn neighbour(path: &Path) -> Option<String> {
    let wanted = path.file_stem()?.to_str()?;
    let mut systems: Vec<String> = fs::read_dir(path.parent()?)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    systems.sort();
    did_you_mean(wanted, systems.iter().map(String::as_str))
}

fn parse<T>(
    file: usize,
    text: &str,
    report: &mut Report,
    read: impl FnOnce(Fields<'_>, &mut Report) -> Option<T>,
) -> Option<T> {
    match DeTable::parse(text) {
        Ok(root) => {
            let start = report.site(file, 0..0);
            read(Fields::new(root.get_ref(), file, start, "this file"), report)
        }
        Err(error) => {
            let site = report.site(file, error.span().unwrap_or(0..0));
            report.push(Diagnostic::new(Code::Syntax, "this is not TOML").at(&site, error.message()));
            None
        }
    }
}
