//! The JSON schemas of what the tool reads and prints.
//!
//! Editors complete and check the two configuration files by them, programs what the tool prints with
//! `--json`. The former come from the reader itself, the latter from the types that are printed.

use crate::difference::Difference;
use crate::inspect::Contents;
use crate::load::{Shape, board_shape, schema, system_shape};
use crate::map::Map;
use crate::why::Answer;
use bulkhead_verify::Transcript;
use clap::ValueEnum;
use serde_json::{Value, json};

/// What can be described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// `board.toml`
    Board,
    /// A system file
    System,
    /// What `map --json` prints
    Map,
    /// What `why --json` prints
    Why,
    /// What `diff --json` prints
    Diff,
    /// What `inspect --json` prints
    Inspect,
    /// What `verify --json` prints
    Verify,
}

/// The page that says what the keys of the configuration files mean.
const PAGE: &str = include_str!("../../../board-configs/README.md");

impl Document {
    /// The schema.
    pub fn schema(self) -> Value {
        match self {
            Self::Board => file(&board_shape(), "board", "A board, for Bulkhead"),
            Self::System => file(&system_shape(), "system", "A system of partitions, for Bulkhead"),
            Self::Map => schemars::schema_for!(Map).to_value(),
            Self::Why => schemars::schema_for!(Answer).to_value(),
            Self::Diff => schemars::schema_for!(Difference).to_value(),
            Self::Inspect => schemars::schema_for!(Contents).to_value(),
            Self::Verify => schemars::schema_for!(Transcript).to_value(),
        }
    }
}

/// A key as the page documents it.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its path: `board.` or `system.`, the tables around it, its name.
    pub path: String,
    /// What it means.
    pub meaning: String,
    /// What holds where it is not there; nothing if it must be.
    pub default: Option<String>,
}

/// Every key that the page documents.
pub fn documented() -> Vec<Key> {
    let mut prefix = "";
    let mut table = String::new();
    let mut keys = Vec::new();
    for line in PAGE.lines() {
        let quoted = || line.split('`').nth(1).unwrap_or_default().trim_matches(['[', ']']);
        if line.starts_with("## ") {
            prefix = match line {
                "## `board.toml`" => "board.",
                "## A system" => "system.",
                _ => "",
            };
            table.clear();
        } else if line.starts_with("### `[[")
            || line.starts_with("#### `[[")
            || line.starts_with("The table `[")
        {
            table = format!("{}.", quoted());
        } else if let Some(row) = line.strip_prefix("| `").filter(|_| !prefix.is_empty()) {
            let Some((_, cells)) = row.split_once("` | ") else { continue };
            let mut cells = cells.trim_end_matches(" |").split(" | ");
            let meaning = cells.next().unwrap_or_default().to_owned();
            let default = cells.next().filter(|it| !it.is_empty() && !it.starts_with("must be there"));
            let path = format!("{prefix}{table}{}", quoted());
            keys.push(Key { path, meaning, default: default.map(str::to_owned) });
        }
    }
    keys
}

fn file(shape: &Shape, name: &str, title: &str) -> Value {
    let documented = documented();
    let meaning = |path: &str| {
        let path = format!("{name}.{path}");
        documented.iter().find(|key| key.path == path).map(|key| match &key.default {
            Some(default) => format!("{}\n\nDefault: {default}", key.meaning),
            None => key.meaning.clone(),
        })
    };
    let mut schema = schema(shape, "", &meaning);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!(title);
    schema
}
