//! One device tree on its way through the tool.
//!
//! The tree gets the answers that a person would give: how much memory there is, where the tree leaves that
//! to the firmware, and which CPUs and devices go where.

use anyhow::{Context as _, Result};
use bulkhead::boards::{Import, Imported, describe};
use bulkhead::sketch::{Sketch, sketch};
use bulkhead::system::Failure;
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;

/// What became of a tree.
#[derive(Debug)]
pub(super) struct Trial {
    /// Its folder and name.
    pub(super) name: String,
    /// Who said how much memory there is.
    pub(super) memory: Memory,
    /// What came out, or why nothing did.
    pub(super) outcome: Result<Carved, String>,
}

/// Who says how much memory a board has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// The tree.
    Tree,
    /// The tree says where it begins, the test how much it is.
    Size,
    /// The test.
    Test,
}

/// A board that was imported and carved up.
#[derive(Debug)]
pub(super) struct Carved {
    /// Its interrupt controller.
    pub(super) gic: &'static str,
    /// How many CPUs it has; with only one there is one partition.
    pub(super) cpus: usize,
    /// Nodes that the partition with the rest owns.
    pub(super) devices: usize,
    /// Why it does not own others.
    pub(super) left: Vec<String>,
    /// What `dtc` says of a partition's tree and not of the board's.
    pub(super) warnings: Vec<String>,
    /// Nodes looked at for each node of the tree.
    pub(super) work: u64,
}

/// What every board is called, for the name of a tree may be too long.
const BOARD: &str = "board";
/// Memory as a person states it, where the tree says where it begins; the first that can be is taken.
const SIZES: &[&str] = &["2G", "1G", "512M"];
/// The same where the tree says nothing.
const STRETCHES: &[&str] = &["0x40000000:1G", "0x80000000:1G", "0:1G"];

const SMALL: &str = "
[[partition]]
name = \"small\"
image = \"none\"
cpus = [1]
memory = \"64M\"
";
const REST: &str = "
[[partition]]
name = \"rest\"
image = \"none\"
rest = true

[[accept]]
code = \"P0401\"
device = \"*\"
partition = \"rest\"
reason = \"nothing is booted\"

[[accept]]
code = \"P0210\"
device = \"*\"
partition = \"rest\"
reason = \"nothing is booted\"
";

impl Trial {
    /// Tries the tree at `path`, with a board of its own in `scratch`.
    pub(super) fn of(path: &Path, name: &str, scratch: &Path) -> Result<Self> {
        let blob = fs::read(path).with_context(|| path.display().to_string())?;
        let folder = scratch.join(name).join(BOARD);
        fs::create_dir_all(&folder)?;
        let (memory, imported) = import(path, &blob);
        let outcome = match imported {
            Ok(imported) => carve(&folder, &imported)?,
            Err(reason) => Err(reason),
        };
        Ok(Self { name: name.to_owned(), memory, outcome })
    }
}

/// A reason without the names and numbers of one board; a property's name is everybody's.
pub(super) fn general(reason: &str) -> String {
    let parts: Vec<&str> = reason.split('`').collect();
    let is_property = |at: usize| at > 0 && parts[at - 1].ends_with(" as ");
    let plain = parts.iter().enumerate().map(|(at, part)| match at % 2 {
        0 => (*part).to_owned(),
        _ if is_property(at) => format!("`{part}`"),
        _ => "…".to_owned(),
    });
    let is_number =
        |word: &str| word.trim_start_matches(['[', '(']).starts_with(|it: char| it.is_ascii_digit());
    let words = plain.collect::<String>();
    words.split(' ').map(|word| if is_number(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
}

fn import(path: &Path, blob: &[u8]) -> (Memory, Result<Imported, String>) {
    let attempt = |memory: &[&str]| {
        let memory = memory.iter().map(|stated| (*stated).to_owned()).collect();
        let wish = Import { name: BOARD.to_owned(), dtb: path.to_owned(), memory };
        quietly(|| describe(&wish, blob))
    };
    let first = attempt(&[]);
    let asks = |what: &str| first.as_ref().is_err_and(|reason| reason.contains(what));
    let (memory, answers) = match (asks("--memory SIZE"), asks("--memory BASE:SIZE")) {
        (true, _) => (Memory::Size, SIZES),
        (_, true) => (Memory::Test, STRETCHES),
        _ => return (Memory::Tree, first),
    };
    let mut last = first;
    for answer in answers {
        last = attempt(&[answer]);
        if last.is_ok() {
            break;
        }
    }
    (memory, last)
}

fn carve(folder: &Path, imported: &Imported) -> Result<Result<Carved, String>> {
    let system = if imported.cpus > 1 { [SMALL, REST].concat() } else { REST.to_owned() };
    fs::write(folder.join("board.toml"), &imported.file)?;
    fs::write(folder.join("board.dtb"), &imported.device_tree)?;
    let file = folder.join("two.toml");
    fs::write(&file, system)?;
    let sketch = match quietly(|| sketch(&file)) {
        Ok(sketch) => sketch,
        Err(reason) => return Ok(Err(reason)),
    };
    let warnings = warnings(folder, &sketch)?;
    let rest = sketch.partitions.last().context("a sketch without a partition")?;
    let nodes = u64::try_from(sketch.nodes)?;
    Ok(Ok(Carved {
        gic: imported.gic,
        cpus: imported.cpus,
        devices: rest.devices,
        left: rest.left.iter().map(|(_, why)| why.clone()).collect(),
        warnings,
        work: imported.steps.max(sketch.steps) / nodes.max(1),
    }))
}

/// The first line of what the tool says against something; a panic is one of the things it may not say.
fn quietly<T>(tried: impl FnOnce() -> Result<T, Failure>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(tried)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(failure)) => Err(failure.to_string().lines().next().unwrap_or_default().to_owned()),
        Err(_) => Err("panic".to_owned()),
    }
}

fn warnings(folder: &Path, sketch: &Sketch) -> Result<Vec<String>> {
    let known = said_by_dtc(&folder.join("board.dtb"))?;
    let mut found = Vec::new();
    for partition in &sketch.partitions {
        let file = folder.join(format!("{}.dtb", partition.name));
        fs::write(&file, partition.tree.as_deref().context("a partition without a tree")?)?;
        found.extend(said_by_dtc(&file)?.difference(&known).cloned());
    }
    Ok(found)
}

/// The checks of `dtc` that a tree does not pass, each with the node.
fn said_by_dtc(file: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new("dtc")
        .args(["-I", "dtb", "-O", "dtb", "-o", "/dev/null"])
        .arg(file)
        .output()
        .context("starting dtc")?;
    let text = String::from_utf8_lossy(&output.stderr);
    let mut said: BTreeSet<String> = text.lines().filter_map(complaint).collect();
    if !output.status.success() {
        said.insert(format!("dtc does not read {}", file.display()));
    }
    Ok(said)
}

/// `FILE: Warning (CHECK): NODE: what is wrong`; a check that waits for another one is no complaint.
fn complaint(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(": ")?;
    let is_complaint = (rest.starts_with("Warning (") || rest.starts_with("ERROR ("))
        && !rest.contains("Failed prerequisite");
    let (check, rest) = rest.split_once("): ")?;
    let (node, _) = rest.split_once(": ")?;
    is_complaint.then(|| format!("{check}): {node}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reason_for_two_boards_is_one_reason() {
        let one = general("it needs `/soc/clock@1` as `clocks`, at 0x1000 of `board`");
        assert_eq!(one, "it needs … as `clocks`, at … of …");
        assert_eq!(one, general("it needs `/clock` as `clocks`, at 17 of `another`"));
    }

    #[test]
    fn only_checks_that_failed_are_complaints() {
        let warning = "x.dtb: Warning (reg_format): /soc/a@0:reg: property has invalid length";
        assert_eq!(complaint(warning).as_deref(), Some("Warning (reg_format): /soc/a@0:reg"));
        assert_eq!(complaint("x.dtb: Warning (pci_device_reg): Failed prerequisite 'reg_format'"), None);
        assert_eq!(complaint("  also defined at /soc"), None);
    }
}
