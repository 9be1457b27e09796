//! Every mistake gets its message, to the byte, and every repair takes it away.
//!
//! `reject/NAME.toml` is a system with one mistake, that of its name, of the board `board.toml` beside it, and
//! `NAME.fixed.toml` the same system repaired; cases that need another board are in a folder `on-…`. In
//! `reject/NAME/` the board is a part of the case: `system.toml` is checked (or what `checked` names), and
//! `fixed/system.toml` is repaired. `NAME.stderr` is what the command prints; `BLESS=1` rewrites it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::diagnostic::{Code, Weight};
use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::process::Output;
use support::cases::cases;
use support::{assert_is_file, tests};

/// Every finding in what was printed: how it is called, and its code.
fn findings(output: &Output) -> Vec<(String, Code)> {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let finding = Regex::new(r"(?m)^(error|warning|note)\[(P\d{4})\]").unwrap();
    let found = finding.captures_iter(&text);
    found.map(|found| (found[1].to_owned(), Code::from_text(&found[2]).unwrap())).collect()
}

#[test]
fn every_mistake_gets_its_message() {
    for case in cases() {
        let output = case.wrong.check(&[]);
        assert_is_file(&tests().join(format!("reject/{}.stderr", case.name)), &output.stderr);
        assert_eq!(output.stdout.is_empty(), !output.status.success(), "{}", case.name);
    }
}

#[test]
fn every_case_has_one_mistake_and_its_exit_code() {
    for case in cases() {
        let output = case.wrong.check(&[]);
        let text = String::from_utf8_lossy(&output.stderr);
        let findings = findings(&output);
        let [(called, code)] = findings.as_slice() else { panic!("{}: {text}", case.name) };
        let expected = match called.as_str() {
            "error" if code.is_missing_file() => 3,
            "error" => 1,
            _ => 0,
        };
        assert_eq!(output.status.code(), Some(expected), "{}: {text}", case.name);
    }
}

#[test]
fn every_finding_is_called_what_it_weighs() {
    for case in cases() {
        for (called, code) in findings(&case.wrong.check(&[])) {
            let is_critical = fs::read_to_string(&case.wrong.system).is_ok_and(|it| it.contains("critical"));
            let expected = match code.weight() {
                Weight::Warning if !is_critical => "warning",
                Weight::Note => "note",
                _ => "error",
            };
            assert_eq!(called, expected, "{}", case.name);
        }
    }
}

#[test]
fn every_repair_takes_the_mistake_away() {
    for case in cases() {
        let mistakes = findings(&case.wrong.check(&[]));
        let output = case.repaired.check(&[]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{}: {text}", case.name);
        for (_, code) in findings(&output) {
            assert!(mistakes.iter().all(|(_, mistake)| *mistake != code), "{}: {text}", case.name);
        }
    }
}

#[test]
fn every_code_has_a_case() {
    let shown: BTreeSet<Code> =
        cases().iter().flat_map(|case| findings(&case.wrong.check(&[]))).map(|(_, code)| code).collect();
    let missing: Vec<&str> =
        Code::ALL.iter().filter(|code| !shown.contains(code)).map(|code| code.text()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_expected_message_has_its_case() {
    let names: BTreeSet<String> = cases().into_iter().map(|case| case.name).collect();
    for folder in ["", "on-soc/", "on-spin-table/"] {
        for entry in fs::read_dir(tests().join("reject").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "stderr") {
                let name = format!("{folder}{}", path.file_stem().unwrap().to_str().unwrap());
                assert!(names.contains(&name), "{name}");
            }
        }
    }
}
