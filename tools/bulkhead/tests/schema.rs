//! The schemas that editors and programs use.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::inspect::inspect;
use bulkhead::schema::{Document, documented};
use bulkhead::system::{Options, build};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use support::{assert_is_file, tests};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_schemas_for_editors_are_those_of_the_reader() {
    for (name, document) in [("board", Document::Board), ("system", Document::System)] {
        let text = serde_json::to_string_pretty(&document.schema()).unwrap();
        assert_is_file(
            &repository().join(format!("docs/schema/{name}.json")),
            format!("{text}\n").as_bytes(),
        );
    }
}

/// Every key of a schema that is no table, by its path.
fn keys(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, value) in schema["properties"].as_object().unwrap() {
        let path = format!("{path}.{name}");
        let inside = if value["items"]["properties"].is_object() { &value["items"] } else { value };
        if inside["properties"].is_object() {
            keys(inside, &path, found);
        } else {
            found.insert(path);
        }
    }
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_read() {
    let mut read = BTreeSet::new();
    keys(&Document::Board.schema(), "board", &mut read);
    keys(&Document::System.schema(), "system", &mut read);
    let documented: BTreeSet<String> = documented().into_iter().map(|key| key.path).collect();
    let missing: Vec<&String> = read.difference(&documented).collect();
    assert!(missing.is_empty(), "not in board-configs/README.md: {missing:?}");
    // Tables are documented by what they hold, or by a row as well.
    let is_read =
        |key: &&String| read.iter().any(|known| known == *key || known.starts_with(&format!("{key}.")));
    let unknown: Vec<&String> = documented.iter().filter(|key| !is_read(key)).collect();
    assert!(unknown.is_empty(), "in board-configs/README.md, but not read: {unknown:?}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let inside = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flat_map(inside).filter(|path| path.extension().is_some_and(|it| it == "toml")).collect()
}

fn is_valid(path: &Path) -> bool {
    let name = path.file_name().unwrap();
    let document = if name == "board.toml" { Document::Board } else { Document::System };
    let value: Value = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::is_valid(&document.schema(), &value)
}

#[test]
fn every_good_file_keeps_to_its_schema() {
    for folder in [repository().join("board-configs"), tests().join("accept")] {
        for path in files(&folder) {
            assert!(is_valid(&path), "{}", path.display());
        }
    }
}

#[test]
fn what_the_reader_refuses_by_its_form_the_schema_refuses_too() {
    for name in ["key-missing", "key-unknown", "type-wrong", "size-unreadable"] {
        let path = tests().join(format!("reject/{name}.toml"));
        assert!(!is_valid(&path), "{name}");
    }
}

#[test]
fn every_example_names_its_schema() {
    for path in files(&repository().join("board-configs")) {
        let text = fs::read_to_string(&path).unwrap();
        let schema = text.lines().next().unwrap().strip_prefix("#:schema ").unwrap_or_default();
        assert!(path.parent().unwrap().join(schema).is_file(), "{}", path.display());
    }
}

#[test]
fn an_image_taken_apart_for_a_program_keeps_to_its_schema() {
    let options = Options { images: vec![tests().join("images")], ..Options::default() };
    let image = build(&tests().join("accept/kernel.toml"), &options).unwrap().image;
    for bytes in [image.as_slice(), &image[..0x3000], b"no image"] {
        let document = serde_json::to_value(inspect(bytes)).unwrap();
        jsonschema::validate(&Document::Inspect.schema(), &document).unwrap();
    }
}
