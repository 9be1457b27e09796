//! The isolation argument names who shows each claim; those who are named exist.

use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Where functions and tests are.
const CODE: [&str; 4] = ["hypervisor", "partitions", "tests", "tools"];

#[test]
fn every_function_and_test_that_the_isolation_argument_names_exists() {
    let argument = fs::read_to_string(Path::new(ROOT).join("docs/isolation.md")).unwrap();
    let mut defined = BTreeSet::new();
    CODE.iter().for_each(|folder| definitions(&Path::new(ROOT).join(folder), &mut defined));
    let name = Regex::new(r"`(?:[a-z0-9_]+::)*([a-z0-9_]+)`").unwrap();
    let named: BTreeSet<&str> = name
        .captures_iter(&argument)
        .filter(|found| found[0].contains("::") || found[0].contains('_'))
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    assert!(named.len() > 50, "the argument names {} only", named.len());
    let missing: Vec<_> = named.into_iter().filter(|name| !defined.contains(*name)).collect();
    assert!(missing.is_empty(), "named in docs/isolation.md and not there: {missing:?}");
}

/// The names of functions and modules in the Rust files below `folder`.
fn definitions(folder: &Path, defined: &mut BTreeSet<String>) {
    let definition = Regex::new(r"\b(?:fn|mod) ([a-z0-9_]+)").unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            definitions(&path, defined);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            defined.extend(definition.captures_iter(&text).map(|found| found[1].to_owned()));
        }
    }
}
