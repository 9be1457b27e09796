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

use crate::diagnostic::{Code, Diagnostic, Report, Site, did_you_mean};
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use toml::de::{DeTable, DeValue};

pub(crate) use board_file::{BoardFile, Fetch, Qemu};
pub(crate) use life_wish::LifeWish;
pub(crate) use locate::{board_configs, image_folder, images_beside};
pub use locate::{locate, locate_board, shown};
pub(crate) use lock::{LOCK, Pin};
pub(crate) use shape::{Shape, schema};
pub(crate) use silence::{Silence, SilenceStep};
pub(crate) use system_file::{AcceptWish, Declaration, Disk, PartitionWish, RawWish, SystemFile, TreeWish};
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
            let help = "a system file lies in the folder of its board, beside `board.toml`";
            let help = is_absent(&error).then(|| help.to_owned());
            report.push(Diagnostic::new(missing(&error, Code::BoardMissing), title).help_if(help));
            None
        }
    }
}

/// Reads the system file at `path` and the board file beside it.
pub(crate) fn load(path: &Path, report: &mut Report) -> Option<Wish> {
    let folder = path.parent().unwrap_or(Path::new(""));
    if path.file_name().is_some_and(|name| name == "board.toml") {
        report.push(board_as_system(path, folder));
        return None;
    }
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
            let guess = if is_absent(&error) { neighbour(path) } else { None };
            report.push(Diagnostic::new(missing(&error, Code::SystemMissing), title).help_if(guess));
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

/// Only who names a file that is not there may mean another.
fn is_absent(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

fn neighbour(path: &Path) -> Option<String> {
    let wanted = path.file_stem()?.to_str()?;
    did_you_mean(wanted, neighbours(path.parent()?).iter().map(String::as_str))
}

/// The names of the systems in a folder.
fn neighbours(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(Path::new(".").join(folder)).into_iter().flatten();
    let name = |path: &Path| {
        let is_system = path.extension().is_some_and(|extension| extension == "toml");
        path.file_stem().filter(|_| is_system)?.to_str().map(str::to_owned)
    };
    let mut names: Vec<String> = entries.filter_map(|entry| name(&entry.ok()?.path())).collect();
    names.retain(|name| name != "board");
    names.sort();
    names
}

fn board_as_system(path: &Path, folder: &Path) -> Diagnostic {
    let systems: Vec<String> = neighbours(folder).iter().map(|name| format!("`{name}`")).collect();
    let help = match systems.as_slice() {
        [] => "write a system beside it".to_owned(),
        systems => format!("a system of it is {}", systems.join(", ")),
    };
    let title = format!("`{}` is a board, and not a system", shown(path));
    Diagnostic::new(Code::BoardAsSystem, title).help(help)
}

fn parse<T>(
    file: usize,
    text: &str,
    report: &mut Report,
    read: impl FnOnce(Fields<'_>, &mut Report) -> Option<T>,
) -> Option<T> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let place = |error: &toml::de::Error| error.span().unwrap_or(0..0);
    let (repeats, faults): (Vec<_>, Vec<_>) =
        errors.into_iter().partition(|error| error.message() == "duplicate key");
    // What follows the first fault of form may follow from it.
    if let Some(fault) = faults.first() {
        let site = report.site(file, place(fault));
        report.push(Diagnostic::new(Code::Syntax, "this is not TOML").at(&site, fault.message()));
        return None;
    }
    for range in repeats.iter().map(place) {
        let key = text.get(range.clone()).unwrap_or_default();
        let earlier = earlier(root.get_ref(), key, range.start);
        let earlier = earlier.map(|earlier| report.site(file, earlier));
        let site = report.site(file, range);
        report.push(repeated(key, &site, earlier));
    }
    let start = report.site(file, 0..0);
    read(Fields::new(root.get_ref(), file, start, "this file"), report)
}

fn repeated(key: &str, site: &Site, earlier: Option<Site>) -> Diagnostic {
    let repeated = Diagnostic::new(Code::KeyRepeated, format!("the key `{key}` stands twice in one table"));
    let repeated = repeated.at(site, "again");
    let repeated = earlier.iter().fold(repeated, |repeated, earlier| repeated.at(earlier, "here"));
    repeated.help("leave one of them out; a new `[[partition]]` begins another table")
}

/// Where the last key of that name before the byte `end` stands, in a table or in what is in it.
fn earlier(table: &DeTable<'_>, name: &str, end: usize) -> Option<Range<usize>> {
    let own = table.keys().filter(|key| key.get_ref() == name).map(|key| key.span());
    let inner = table.values().flat_map(|value| match value.get_ref() {
        DeValue::Table(table) => vec![table],
        DeValue::Array(items) => items.iter().filter_map(|item| item.get_ref().as_table()).collect(),
        _ => Vec::new(),
    });
    let inner = inner.filter_map(|table| earlier(table, name, end));
    own.chain(inner).filter(|span| span.start < end).max_by_key(|span| span.start)
}
