//! Every broken configuration gets its message, to the byte.
//!
//! `reject/NAME.toml` is a system of the board `reject/board.toml` with one mistake, that of its name;
//! `reject/NAME/` is a board with one. `NAME.stderr` is what the command prints; `BLESS=1` rewrites it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::diagnostic::Code;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{assert_is_file, tests};

/// The cases: a name, and the system file relative to the package.
fn cases() -> Vec<(String, PathBuf)> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(tests().join("reject")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let folder = Path::new("tests/reject");
        if path.is_dir() {
            cases.push((name.clone(), folder.join(name).join("system.toml")));
        } else if path.extension().is_some_and(|extension| extension == "toml") && name != "board" {
            cases.push((name.clone(), folder.join(format!("{name}.toml"))));
        }
    }
    cases.sort();
    cases
}

/// Checks a case as a person would, from the package's folder; QEMU is only what the case brings along.
fn check(name: &str, system: &Path) -> Output {
    let own = Path::new("tests/reject").join(name);
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let images = own.join("images");
    let images = if package.join(&images).is_dir() { images } else { "tests/images".into() };
    Command::new(env!("CARGO_BIN_EXE_bulkhead"))
        .args(["check".as_ref(), system.as_os_str(), "--images".as_ref(), images.as_os_str()])
        // A case with a lock file is about what that keeps where it is.
        .args(package.join(&own).join("layout.lock").is_file().then_some("--locked"))
        .current_dir(package)
        .env("PATH", package.join(own).join("bin"))
        .output()
        .unwrap()
}

fn codes_in(text: &str) -> Vec<&str> {
    text.split("error[").skip(1).filter_map(|rest| rest.split(']').next()).collect()
}

#[test]
fn every_mistake_gets_its_message() {
    for (name, system) in cases() {
        let output = check(&name, &system);
        assert_is_file(&tests().join(format!("reject/{name}.stderr")), &output.stderr);
        assert!(output.stdout.is_empty(), "{name}");
    }
}

#[test]
fn every_case_has_one_mistake_and_its_exit_code() {
    for (name, system) in cases() {
        let output = check(&name, &system);
        let text = String::from_utf8(output.stderr).unwrap();
        let codes = codes_in(&text);
        assert_eq!(codes.len(), 1, "{name}: {text}");
        let code = Code::ALL.iter().find(|code| code.text() == codes[0]).unwrap();
        let expected = if code.is_missing_file() { 3 } else { 1 };
        assert_eq!(output.status.code(), Some(expected), "{name}: {text}");
    }
}

#[test]
fn every_code_has_a_case() {
    let mut shown = BTreeSet::new();
    for (name, system) in cases() {
        let text = String::from_utf8(check(&name, &system).stderr).unwrap();
        shown.extend(codes_in(&text).into_iter().map(str::to_owned));
    }
    let catalogue: BTreeSet<String> = Code::ALL.iter().map(|code| code.text().to_owned()).collect();
    assert_eq!(shown, catalogue);
}

#[test]
fn every_expected_message_has_its_case() {
    let names: BTreeSet<String> = cases().into_iter().map(|(name, _)| name).collect();
    for entry in fs::read_dir(tests().join("reject")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "stderr") {
            assert!(names.contains(path.file_stem().unwrap().to_str().unwrap()), "{}", path.display());
        }
    }
}
