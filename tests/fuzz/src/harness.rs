//! Makes cases from a seed, and keeps what a target did not survive.
//!
//! Each case has a generator of its own, made of the seed and the number of the case, so one can be had again
//! without those before it.

use crate::Target;
use arbitrary::Unstructured;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What a run has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Cases that were made and tried.
    pub cases: u64,
    /// Cases of earlier findings that were tried before.
    pub kept: usize,
}

/// A case that a target did not survive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What went wrong.
    pub text: String,
    /// The bytes of the case: a file in `kept/` in the making.
    pub bytes: Vec<u8>,
    /// The case's number, if it was made from the seed.
    pub case: Option<u64>,
}

/// Tries `target` with the cases kept of it, then with `cases` made from `seed`.
pub fn run(target: &Target, cases: u64, seed: u64) -> Result<Report, Finding> {
    let kept = kept(target);
    for bytes in &kept {
        attempt(target, bytes).map_err(|text| Finding { text, bytes: bytes.clone(), case: None })?;
    }
    let mut bytes = Vec::new();
    for case in 0..cases {
        make(seed, case, &mut bytes);
        attempt(target, &bytes).map_err(|text| Finding { text, bytes: bytes.clone(), case: Some(case) })?;
    }
    Ok(Report { cases, kept: kept.len() })
}

/// Most bytes of a case.
const LONGEST: usize = 512;

fn make(seed: u64, case: u64, bytes: &mut Vec<u8>) {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_add(case.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    bytes.resize(random.usize(16..=LONGEST), 0);
    random.fill(bytes);
}

/// A case that has too few bytes is no case, and no fault.
fn attempt(target: &Target, bytes: &[u8]) -> Result<(), String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.check)(&mut Unstructured::new(bytes))));
    outcome.map(|_| ()).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panicked").to_owned()
    })
}

fn kept(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept").join(target.name);
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files.iter().filter_map(|file| bytes_of(&fs::read_to_string(file).ok()?)).collect()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte << 4 | digit)).ok())
        .collect()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(case) = self.case {
            write!(f, "case {case}: ")?;
        }
        write!(f, "{}\nits bytes, for a file in tests/fuzz/kept: ", self.text)?;
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_finding_that_can_be_had_again() {
        let target = Target {
            name: "none",
            check: |bytes| {
                assert_ne!(bytes.arbitrary::<u8>()? % 8, 3, "three of eight");
                Ok(())
            },
        };
        let found = run(&target, 1000, 7).unwrap_err();
        assert!(found.text.contains("three of eight"), "{found}");
        assert_eq!(run(&target, 1000, 7).unwrap_err(), found);
        let hex = found.to_string();
        let hex = hex.rsplit(' ').next().unwrap();
        assert_eq!(bytes_of(hex), Some(found.bytes));
    }

    #[test]
    fn every_target_survives_its_first_cases() {
        for target in crate::TARGETS {
            let report = run(target, 300, 1).unwrap_or_else(|found| panic!("{}: {found}", target.name));
            assert_eq!(report.cases, 300);
        }
    }
}
