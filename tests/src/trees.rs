//! Real boards: every device tree of Debian's kernel is imported, carved up in two, and read by `dtc`.
//!
//! One partition has CPU 1 and 64 MiB, the other takes the rest. Nothing is booted: most of these boards are
//! ones that the hypervisor does not run on yet, and all of them are ones that nobody tried the tool on.

mod figures;
mod first;
mod trial;

use crate::{Context, Need, Test};
use anyhow::{Context as _, Result, ensure};
use figures::Figures;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use trial::Trial;

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test(
        "the boards of Debian's kernel are imported and carved up, and dtc reads what comes out",
        every_board,
    ),
    test("a board that nobody has tried is imported, described and built", first::first_board),
    Test {
        needs: &[Need::DeviceTrees, Need::Kernels],
        ..test("a board is ported from its device tree to Linux with a UART", first::porting)
    },
];

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    Test { group: "trees", name, needs: &[Need::DeviceTrees], run, ..Test::PLAIN }
}

/// Trees of the short tier.
const SHORT: usize = 60;
/// Of a hundred trees so many must come through.
const ENOUGH: usize = 95;
/// Trees that one reason may keep out: more, and the reason is a defect of the tool.
const PATIENCE: usize = 5;
/// Nodes that may be looked at for each node of a tree.
const WORK: u64 = 10_000;

fn every_board(context: &Context<'_>) -> Result<()> {
    let folder = context.images.join("device-trees");
    let package = fs::read_to_string(folder.join("package")).context("the package of the device trees")?;
    let mut trees = Vec::new();
    find(&folder, &mut trees)?;
    trees.sort_by_key(|path| (hash(path, &folder), path.clone()));
    if !context.long {
        trees.truncate(SHORT);
    }
    ensure!(trees.len() >= SHORT, "there are only {} device trees", trees.len());
    let scratch = context.scratch("trees")?;
    let mut trials = Vec::new();
    for tree in &trees {
        let name = tree.strip_prefix(&folder)?.with_extension("");
        trials.push(Trial::of(tree, &name.to_string_lossy(), &scratch)?);
    }
    trials.sort_by(|one, other| one.name.cmp(&other.name));
    judge(&trials)?;
    if context.long {
        figures_are_true(context, &Figures { package: &package, trials: &trials })
    } else {
        Ok(())
    }
}

/// What must hold of the trials.
fn judge(trials: &[Trial]) -> Result<()> {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for trial in trials {
        match &trial.outcome {
            Ok(carved) => {
                ensure!(carved.warnings.is_empty(), "{}: dtc says {:?}", trial.name, carved.warnings);
                ensure!(carved.work <= WORK, "{}: {} steps a node", trial.name, carved.work);
            }
            Err(reason) => reasons.entry(trial::general(reason)).or_default().push(&trial.name),
        }
    }
    for (reason, names) in &reasons {
        ensure!(!reason.contains("panic"), "{reason}: {names:?}");
        ensure!(names.len() <= PATIENCE, "{} trees: {reason}: {names:?}", names.len());
    }
    let through = trials.iter().filter(|trial| trial.outcome.is_ok()).count();
    ensure!(through * 100 >= trials.len() * ENOUGH, "{through} of {} trees: {reasons:?}", trials.len());
    Ok(())
}

/// The page says what was found, if it is about the same package; `BLESS=1` rewrites it.
fn figures_are_true(context: &Context<'_>, figures: &Figures<'_>) -> Result<()> {
    let page = context.root.join("docs/device-trees.md");
    let text = fs::read_to_string(&page).context("docs/device-trees.md")?;
    let updated = figures.put_into(&text)?;
    if env::var_os("BLESS").is_some() {
        return Ok(fs::write(&page, updated)?);
    }
    let is_same_package = text.contains(figures.package.trim());
    ensure!(
        !is_same_package || updated == text,
        "docs/device-trees.md is not true any more; BLESS=1 rewrites it"
    );
    Ok(())
}

/// All blobs below a folder.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "dtb") {
            found.push(path);
        }
    }
    Ok(())
}

fn hash(path: &Path, folder: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().hash(&mut hasher);
    hasher.finish()
}
