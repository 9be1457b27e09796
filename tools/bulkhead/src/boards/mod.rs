//! Makes boards from device trees, and lists the boards that there are.
//!
//! An import writes what the tool has understood and says what it has not. It never refuses a board because
//! the hypervisor cannot run on it today: describing a board is the first step to supporting it.

mod fetched;
mod list;
mod survey;
mod text;
mod window;

use crate::board::{Board, covered, is_memory};
use crate::load::{board_configs, parse_size, shown};
use crate::rules::is_name;
use crate::system::Failure;
use crate::tree::Tree;
use bulkhead_plan::Span;
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};

pub use fetched::{Fetched, fetched};
pub use list::list;

/// What is to be made into a board.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Import {
    /// The board's name: that of its folder in `board-configs`
    pub name: String,
    /// Its flattened device tree
    #[arg(long, value_name = "FILE")]
    pub dtb: PathBuf,
    /// Its memory as SIZE, or as BASE:SIZE, if the tree leaves it to the firmware; may be repeated
    #[arg(long, value_name = "[BASE:]SIZE")]
    pub memory: Vec<String>,
}

/// A new board.
#[derive(Debug)]
pub struct Imported {
    /// `board.toml`.
    pub file: String,
    /// `board.dtb`.
    pub device_tree: Vec<u8>,
    /// What was found and what was not understood.
    pub says: String,
    /// How many CPUs it has.
    pub cpus: usize,
    /// Its interrupt controller.
    pub gic: &'static str,
    /// How much work it was, in nodes looked at.
    pub steps: u64,
}

/// Makes a board in the folder `board-configs`; what it returns is to be told.
pub fn import(wish: &Import) -> Result<String, Failure> {
    check_name(&wish.name)?;
    let configs = board_configs()
        .ok_or_else(|| Failure::Usage("there is no folder `board-configs` here or above".to_owned()))?;
    let folder = configs.join(&wish.name);
    if folder.exists() {
        let title = format!("there is a board `{}` already: `{}`", wish.name, shown(&folder));
        return Err(Failure::Usage(title));
    }
    let doing = |what: &Path| {
        let what = shown(what);
        move |error: std::io::Error| Failure::Host(format!("`{what}`: {error}"))
    };
    let bytes = fs::read(&wish.dtb).map_err(doing(&wish.dtb))?;
    let imported = describe(wish, &bytes)?;
    fs::create_dir_all(&folder).map_err(doing(&folder))?;
    for (name, bytes) in [("board.toml", imported.file.as_bytes()), ("board.dtb", &imported.device_tree)] {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(doing(&path))?;
    }
    Ok(format!("{}: {}", shown(&folder), imported.says))
}

/// Whether a board's folder can be called so; if not, why.
pub fn check_name(name: &str) -> Result<(), Failure> {
    if is_name(name) && !name.starts_with('-') {
        return Ok(());
    }
    let why = "a board's name is 1 to 31 lower-case letters, digits and hyphens, and begins with no hyphen";
    Err(Failure::Usage(format!("`{name}` cannot be the name of a board: {why}")))
}

/// Describes the board whose tree is in `bytes`.
pub fn describe(wish: &Import, bytes: &[u8]) -> Result<Imported, Failure> {
    let refused = |why: String| Failure::Usage(format!("`{}`: {why}", shown(&wish.dtb)));
    let tree = Tree::parse(bytes).map_err(|why| refused(format!("this is no whole device tree: {why}")))?;
    let device_tree = tree.to_blob();
    let memory = memory(&tree, &wish.memory).map_err(refused)?;
    covers_no_device(&tree, &memory).map_err(refused)?;
    let board = Board::from_tree(tree, &wish.name, &memory).map_err(refused)?;
    let window = window::window(&board);
    let survey = survey::survey(&board, window);
    let source = wish.dtb.file_name().unwrap_or_default().to_string_lossy();
    let file = text::board_file(&board, &survey, &memory, &source);
    let says = text::told(&board, &survey);
    let (cpus, gic, steps) = (board.cpus.len(), board.gic.version.name(), board.tree.steps());
    Ok(Imported { file, device_tree, says, cpus, gic, steps })
}

/// The memory that a person states: nothing if the tree knows.
fn memory(tree: &Tree, stated: &[String]) -> Result<Vec<Span>, String> {
    let known = Board::memory_of(tree).unwrap_or_default();
    let base = Board::memory_base(tree);
    if stated.is_empty() && known.is_empty() {
        return Err(match base {
            Some(base) => format!(
                "its memory begins at {base:#x} and the firmware says how much there is: add `--memory SIZE`"
            ),
            None => "it leaves the memory to the firmware: add `--memory BASE:SIZE`".to_owned(),
        });
    }
    let mut memory: Vec<Span> = Vec::new();
    for stated in stated {
        let span = stretch(stated, base)?;
        if let Some(other) = memory.iter().find(|other| other.overlaps(&span)) {
            return Err(format!("`{stated}` is stated twice: there is memory at {other} already"));
        }
        memory.push(span);
    }
    Ok(memory)
}

/// Memory that a person states is no device's place.
fn covers_no_device(tree: &Tree, memory: &[Span]) -> Result<(), String> {
    match memory.iter().find_map(|memory| Some((memory, covered(tree, *memory)?))) {
        Some((memory, (id, span))) => {
            let path = &tree.node(id).path;
            Err(format!("`{path}` has registers at {span}, so there is no memory at {memory}"))
        }
        None => Ok(()),
    }
}

fn stretch(stated: &str, base: Option<u64>) -> Result<Span, String> {
    let unreadable = || format!("`{stated}` is no memory: write BASE:SIZE, such as 0x80000000:2G");
    let (base, size) = match stated.split_once(':') {
        Some((base, size)) => (address(base), size),
        None => (base, stated),
    };
    let size = parse_size(size).filter(|size| *size > 0).ok_or_else(unreadable)?;
    let base = base.ok_or_else(|| match stated.contains(':') {
        true => unreadable(),
        false => format!("the tree does not say where `{stated}` begins: write BASE:{stated}"),
    })?;
    let span = Span::new(base, size);
    if is_memory(span) { Ok(span) } else { Err(unreadable()) }
}

fn address(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_size_where_the_base_is_known() {
        let span = Span::new(0x8000_0000, 2 << 30);
        assert_eq!(stretch("2G", Some(0x8000_0000)).unwrap(), span);
        assert_eq!(stretch("0x80000000:2G", None).unwrap(), span);
        assert_eq!(stretch("2147483648:2147483648", None).unwrap(), span);
    }

    #[test]
    fn memory_that_is_no_stretch_is_refused() {
        for stated in
            ["", "2G", ":2G", "x:2G", "0x80000000:", "0x80000000:0", "0x80000000:100", "0xffffffffffff:2G"]
        {
            assert!(stretch(stated, None).is_err(), "{stated}");
        }
    }

    #[test]
    fn a_name_is_that_of_a_folder() {
        for name in
            ["", ".", "..", "a/b", "-x", "Board", "a b", "k3-am625_sk", "of-32-characters-and-thus-too-long"]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("imx8mp-evk").is_ok());
    }
}
