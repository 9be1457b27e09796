//! What programs are told is what people are told, in forms that others read.
//!
//! JSON and SARIF are held against their schemas, and SARIF is read by a reader that is not ours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::diagnostic::json::schema;
use serde_json::Value;
use serde_sarif::sarif::{Result as Finding, ResultLevel, Sarif};
use std::fs;
use std::path::Path;
use std::process::Command;
use support::assert_is_file;
use support::cases::{Run, cases};

fn json(run: &Run) -> Value {
    serde_json::from_slice(&run.check(&["--message-format", "json"]).stdout).unwrap()
}

fn sarif(run: &Run) -> Sarif {
    let output = run.check(&["--message-format", "sarif"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{}: {error}", run.system.display()))
}

fn results(sarif: &Sarif) -> Vec<Finding> {
    sarif.runs[0].results.clone().unwrap()
}

#[test]
fn the_schema_is_that_of_the_document() {
    let mut text = serde_json::to_string_pretty(&schema()).unwrap();
    text.push('\n');
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/findings.json");
    assert_is_file(&docs, text.as_bytes());
}

#[test]
fn json_is_what_its_schema_says() {
    let validator = jsonschema::validator_for(&serde_json::to_value(schema()).unwrap()).unwrap();
    for case in cases() {
        let document = json(&case.wrong);
        let faults: Vec<String> = validator.iter_errors(&document).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{}: {faults:?}", case.name);
    }
}

/// The schema of SARIF as its authors publish it; the reader is made of it and brings it along.
fn sarif_schema() -> Value {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        // Without, it also asks for the packages of other platforms, which nobody has fetched.
        .args(["--filter-platform", "host-tuple"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let reader = packages.iter().find(|package| package["name"] == "serde-sarif").unwrap();
    let source = Path::new(reader["manifest_path"].as_str().unwrap()).with_file_name("src");
    serde_json::from_str(&fs::read_to_string(source.join("schema.json")).unwrap()).unwrap()
}

#[test]
fn sarif_is_what_its_schema_says() {
    let schema = sarif_schema();
    assert_eq!(schema["title"], "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema");
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults_of = |document: &Value| -> Vec<String> {
        validator.iter_errors(document).map(|fault| fault.to_string()).collect()
    };
    for case in cases() {
        for run in [&case.wrong, &case.repaired] {
            let mut document: Value =
                serde_json::from_slice(&run.check(&["--message-format", "sarif"]).stdout).unwrap();
            assert_eq!(faults_of(&document), Vec::<String>::new(), "{}", case.name);
            document["runs"][0]["tool"]["driver"]["name"].take();
            assert!(!faults_of(&document).is_empty(), "{}: the schema demands nothing", case.name);
        }
    }
}

#[test]
fn json_says_what_people_read() {
    for case in cases() {
        let document = json(&case.wrong);
        let rendered: Vec<&str> = document["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["rendered"].as_str().unwrap())
            .collect();
        let text = String::from_utf8(case.wrong.check(&[]).stderr).unwrap();
        assert_eq!(rendered.join("\n"), text, "{}", case.name);
    }
}

#[test]
fn programs_get_the_exit_code_that_people_get_and_no_words() {
    for case in cases() {
        let (people, programs) = (case.wrong.check(&[]), case.wrong.check(&["--message-format", "sarif"]));
        assert_eq!(people.status.code(), programs.status.code(), "{}", case.name);
        assert!(programs.stderr.is_empty(), "{}", case.name);
    }
}

#[test]
fn another_reader_finds_each_fault_in_its_place() {
    for case in cases() {
        let (sarif, document) = (sarif(&case.wrong), json(&case.wrong));
        let is_open = |result: &Finding| result.suppressions.iter().all(Vec::is_empty);
        let open: Vec<Finding> = results(&sarif).into_iter().filter(is_open).collect();
        let [result] = &open[..] else { panic!("{}", case.name) };
        let finding = &document["findings"][0];
        assert_eq!(result.rule_id.as_deref(), finding["code"].as_str(), "{}", case.name);
        let places = result.locations.clone().unwrap();
        let lines: Vec<Option<i64>> = places
            .iter()
            .map(|place| place.physical_location.as_ref()?.region.as_ref()?.start_line)
            .collect();
        let expected: Vec<Option<i64>> = finding["labels"]
            .as_array()
            .unwrap()
            .iter()
            .take(1)
            .map(|label| label["line"].as_i64())
            .collect();
        assert_eq!(lines, expected, "{}", case.name);
        let level = serde_json::to_value(result.level.unwrap()).unwrap();
        assert_eq!(level, finding["level"], "{}", case.name);
    }
}

#[test]
fn another_reader_knows_each_rule_by_its_place_in_the_list() {
    for case in cases() {
        let sarif = sarif(&case.wrong);
        let rules = sarif.runs[0].tool.driver.rules.as_ref().unwrap();
        for result in results(&sarif) {
            let index = usize::try_from(result.rule_index.unwrap()).unwrap();
            assert_eq!(Some(&rules[index].id), result.rule_id.as_ref(), "{}", case.name);
        }
    }
}

#[test]
fn what_was_accepted_is_told_with_its_reason() {
    let repaired = cases().into_iter().find(|case| case.name == "master-unaccepted").unwrap().repaired;
    let reason = "QEMU's virtio-mmio has no IOMMU; this machine is for trying things out";
    assert_eq!(json(&repaired)["accepted"][0]["reason"], reason);
    let accepted = results(&sarif(&repaired)).pop().unwrap();
    let suppression = &accepted.suppressions.as_ref().unwrap()[0];
    assert_eq!(suppression.justification.as_deref(), Some(reason));
    assert_eq!(suppression.kind, "inSource");
    assert_eq!(accepted.level, Some(ResultLevel::Error));
}
