//! The gate: what may not grow does not.
//!
//! A figure is compared with its budget and with the baseline, a file that is committed. A budget that is not
//! met is on the baseline with a reason, and then only growth is refused.

use super::budget::limit;
use super::measure::Measured;
use crate::Board;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How much more than the baseline is still the same.
const TOLERANCE: f64 = 1.03;

/// Where the baseline is, below the root of the workspace.
pub const BASELINE: &str = "tests/baseline.toml";

const HEADER: &str = "# What `cargo xtask test bench` compares with: instructions at EL2 for each operation, and bytes.\n\
                      # Written by `cargo xtask bench --accept REASON`.\n\n";

/// What was accepted, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Why it was last changed.
    pub reason: String,
    /// By what their interrupt controllers are called.
    #[serde(flatten)]
    boards: BTreeMap<String, Accepted>,
}

/// What was accepted on one board.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// By figure: instructions at EL2, or bytes.
    pub counts: BTreeMap<String, f64>,
    /// Figures above their budget, each with the reason why that is accepted.
    #[serde(default)]
    pub over_budget: BTreeMap<String, String>,
}

/// What the gate says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What must not be.
    pub faults: Vec<String>,
    /// What is known and must become better.
    pub unmet: Vec<String>,
}

impl Baseline {
    /// Reads the one of the workspace.
    pub fn read(root: &Path) -> Result<Self> {
        let path = root.join(BASELINE);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    /// What was accepted on a board; nothing where none was.
    pub fn on(&self, board: Board) -> Accepted {
        self.boards.get(board.gic()).cloned().unwrap_or_default()
    }

    /// What was measured becomes the baseline, for `reason`, which is also why budgets may be exceeded that
    /// were not before.
    pub fn accept(&self, measured: &[Measured], reason: &str) -> Self {
        let accept = |one: &Measured| (one.board.gic().to_owned(), self.on(one.board).accept(one, reason));
        Self { reason: reason.to_owned(), boards: measured.iter().map(accept).collect() }
    }

    /// Writes it to the workspace.
    pub fn write(&self, root: &Path) -> Result<()> {
        let text = format!("{HEADER}{}", toml::to_string(self)?);
        fs::write(root.join(BASELINE), text).context(BASELINE)
    }
}

impl Accepted {
    /// What was measured is accepted, for `reason`; an old reason stays.
    pub(crate) fn accept(&self, measured: &Measured, reason: &str) -> Self {
        let counts = measured.counts();
        let is_over = |(name, count): &(&String, &f64)| {
            limit(measured.board, name, &counts).is_some_and(|limit| **count > limit)
        };
        let why = |name: &String| self.over_budget.get(name).cloned().unwrap_or_else(|| reason.to_owned());
        let over_budget = counts.iter().filter(is_over).map(|(name, _)| (name.clone(), why(name))).collect();
        Self { counts, over_budget }
    }

    /// Compares what was measured with this and with the budgets.
    pub fn judge(&self, measured: &Measured) -> Verdict {
        let counts = measured.counts();
        let mut verdict = Verdict::default();
        for (name, count) in &counts {
            let Some(accepted) = self.counts.get(name) else {
                verdict.faults.push(format!("{name}: {count} is not on the baseline"));
                continue;
            };
            if *count > accepted * TOLERANCE {
                verdict.faults.push(format!("{name}: {count}, the baseline has {accepted}"));
            }
            if let Some(limit) = limit(measured.board, name, &counts).filter(|limit| count > limit) {
                match self.over_budget.get(name) {
                    Some(why) => verdict.unmet.push(format!("{name}: {count}, the budget is {limit}: {why}")),
                    None => verdict.faults.push(format!("{name}: {count}, the budget is {limit}")),
                }
            }
        }
        let gone = self.counts.keys().filter(|name| !counts.contains_key(*name));
        verdict.faults.extend(gone.map(|name| format!("{name}: on the baseline, but not measured")));
        verdict
    }
}

impl Measured {
    /// What the gate looks at: counts of instructions and sizes, never times.
    pub fn counts(&self) -> BTreeMap<String, f64> {
        let figures = self.figures.iter().filter_map(|(name, figure)| Some((name.clone(), figure.el2?)));
        let sizes =
            self.sizes.iter().map(|(name, bytes)| ((*name).to_owned(), super::measure::float(*bytes)));
        figures.chain(sizes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::Figure;
    use super::*;

    fn measured(counts: &[(&str, f64)]) -> Measured {
        let figure =
            |(name, el2): &(&str, f64)| ((*name).to_owned(), Figure { el2: Some(*el2), ..Figure::default() });
        Measured { figures: counts.iter().map(figure).collect(), ..Measured::default() }
    }

    fn faults(baseline: &Accepted, counts: &[(&str, f64)]) -> usize {
        baseline.judge(&measured(counts)).faults.len()
    }

    #[test]
    fn growth_beyond_the_tolerance_is_refused() {
        let baseline = Accepted::default().accept(&measured(&[("storm", 100.0)]), "first");
        assert_eq!(faults(&baseline, &[("storm", 103.0)]), 0);
        assert_eq!(faults(&baseline, &[("storm", 50.0)]), 0);
        assert_eq!(faults(&baseline, &[("storm", 103.1)]), 1);
    }

    #[test]
    fn what_costs_nothing_must_go_on_costing_nothing() {
        let baseline = Accepted::default().accept(&measured(&[("eoi", 0.0)]), "first");
        assert_eq!(faults(&baseline, &[("eoi", 0.0)]), 0);
        assert_eq!(faults(&baseline, &[("eoi", 0.01)]), 1);
    }

    #[test]
    fn a_budget_is_kept_even_within_the_tolerance() {
        let baseline = Accepted::default().accept(&measured(&[("hvc_null", 60.0)]), "first");
        assert!(baseline.over_budget.is_empty());
        assert_eq!(faults(&baseline, &[("hvc_null", 61.0)]), 1);
    }

    #[test]
    fn a_budget_that_is_not_met_is_named_and_may_not_grow() {
        let baseline = Accepted::default().accept(&measured(&[("hvc_null", 183.0)]), "not met yet");
        let verdict = baseline.judge(&measured(&[("hvc_null", 183.0)]));
        assert_eq!(verdict.faults, [""; 0]);
        assert_eq!(verdict.unmet, ["hvc_null: 183, the budget is 60: not met yet"]);
        assert_eq!(faults(&baseline, &[("hvc_null", 203.0)]), 1);
        let later = baseline.accept(&measured(&[("hvc_null", 100.0)]), "better");
        assert_eq!(later.over_budget["hvc_null"], "not met yet", "the old reason stays");
        assert!(later.accept(&measured(&[("hvc_null", 60.0)]), "met").over_budget.is_empty());
    }

    #[test]
    fn what_comes_or_goes_unnoticed_is_refused() {
        let baseline = Accepted::default().accept(&measured(&[("eoi", 0.0)]), "first");
        assert_eq!(faults(&baseline, &[]), 1);
        assert_eq!(faults(&baseline, &[("eoi", 0.0), ("storm", 0.0)]), 1);
    }

    #[test]
    fn a_baseline_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("tests")).unwrap();
        let counts = [("hvc_null", 183.5), ("sgi_self", 281.0), ("sgi_self@8-cpus", 300.0)];
        let measured = Board::MEASURED.map(|board| Measured { board, ..measured(&counts) });
        let baseline = Baseline::default().accept(&measured, "not met yet");
        assert_eq!(baseline.on(Board::VirtGicv2).counts.len(), 3);
        baseline.write(folder.path()).unwrap();
        assert_eq!(Baseline::read(folder.path()).unwrap(), baseline);
    }
}
