//! The figures of `docs/device-trees.md`.
//!
//! They are made from the trials and from nothing else, between two marks in the page; what stands around
//! them is written by people.

use super::trial::{Carved, Memory, Trial, general};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the figures are made from.
pub(super) struct Figures<'a> {
    /// The package that the trees are from.
    pub(super) package: &'a str,
    /// All of its trees.
    pub(super) trials: &'a [Trial],
}

const BEGIN: &str = "<!-- figures -->\n";
const END: &str = "<!-- end of figures -->\n";
/// Reasons that are listed; the others are few and added up.
const LISTED: usize = 15;

impl Figures<'_> {
    /// The page with these figures.
    pub(super) fn put_into(&self, page: &str) -> Result<String> {
        let (before, rest) = page.split_once(BEGIN).context("the page has no figures")?;
        let (_, after) = rest.split_once(END).context("the figures of the page do not end")?;
        Ok([before, BEGIN, &self.text(), END, after].concat())
    }

    fn text(&self) -> String {
        let mut text = format!("\nFrom `{}`:\n\n", self.package.trim());
        self.summary(&mut text);
        self.by_folder(&mut text);
        self.refused(&mut text);
        self.left(&mut text);
        text.push('\n');
        text
    }

    fn carved(&self) -> impl Iterator<Item = &Carved> {
        self.trials.iter().filter_map(|trial| trial.outcome.as_ref().ok())
    }

    fn summary(&self, text: &mut String) {
        let with = |memory| self.trials.iter().filter(|trial| trial.memory == memory).count();
        let gic = |name| self.carved().filter(|carved| carved.gic == name).count();
        let single = self.carved().filter(|carved| carved.cpus == 1).count();
        let devices: usize = self.carved().map(|carved| carved.devices).sum();
        let left: usize = self.carved().map(|carved| carved.left.len()).sum();
        let warnings: usize = self.carved().map(|carved| carved.warnings.len()).sum();
        let rows = [
            ("device trees", self.trials.len()),
            ("imported and carved up", self.carved().count()),
            ("… with a GICv3", gic("GICv3")),
            ("… with a GICv2", gic("GICv2")),
            ("… with one CPU, so with one partition", single),
            ("trees that say where memory begins, and leave its size to the firmware", with(Memory::Size)),
            ("trees that say nothing of memory", with(Memory::Test)),
            ("devices that the partition with the rest gets", devices),
            ("devices that it does not get", left),
            ("warnings of `dtc` about partitions' trees that it does not give about the board's", warnings),
        ];
        text.push_str("| what | how many |\n|---|---:|\n");
        for (what, count) in rows {
            let _ = writeln!(text, "| {what} | {count} |");
        }
    }

    fn by_folder(&self, text: &mut String) {
        let mut folders: BTreeMap<&str, Vec<&Trial>> = BTreeMap::new();
        for trial in self.trials {
            folders.entry(trial.name.split('/').next().unwrap_or_default()).or_default().push(trial);
        }
        text.push_str(
            "\n| folder | trees | carved up | devices got | devices left |\n|---|---:|---:|---:|---:|\n",
        );
        for (folder, trials) in folders {
            let carved: Vec<&Carved> =
                trials.iter().filter_map(|trial| trial.outcome.as_ref().ok()).collect();
            let got: usize = carved.iter().map(|carved| carved.devices).sum();
            let left: usize = carved.iter().map(|carved| carved.left.len()).sum();
            let _ = writeln!(text, "| {folder} | {} | {} | {got} | {left} |", trials.len(), carved.len());
        }
    }

    fn refused(&self, text: &mut String) {
        text.push_str("\nThe others, with the first line of what the tool says:\n\n");
        for trial in self.trials {
            if let Err(reason) = &trial.outcome {
                let reason = reason.rsplit_once(".dtb`: ").map_or(reason.as_str(), |(_, reason)| reason);
                let _ = writeln!(text, "* `{}`: {}", trial.name, reason.trim_start_matches("error: "));
            }
        }
    }

    fn left(&self, text: &mut String) {
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for reason in self.carved().flat_map(|carved| &carved.left) {
            *reasons.entry(general(reason)).or_default() += 1;
        }
        let mut reasons: Vec<(String, usize)> = reasons.into_iter().collect();
        reasons.sort_by_key(|(reason, count)| (usize::MAX - count, reason.clone()));
        text.push_str("\nWhy devices are left:\n\n| reason | devices |\n|---|---:|\n");
        for (reason, count) in reasons.iter().take(LISTED) {
            let _ = writeln!(text, "| {reason} | {count} |");
        }
        let others: usize = reasons.iter().skip(LISTED).map(|(_, count)| count).sum();
        if others > 0 {
            let _ = writeln!(text, "| others | {others} |");
        }
    }
}
