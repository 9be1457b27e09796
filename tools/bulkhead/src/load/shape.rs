//! What a file may say, as a JSON schema.
//!
//! The reader of a file is run once over nothing, and every key that it asks for is written down: so the
//! schema that editors use and the reader cannot differ. What a key means is taken from the page that
//! documents it, `board-configs/README.md`.

use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::rc::Rc;

/// The keys of a table, in the order in which they are asked for.
pub(crate) type Shape = Rc<RefCell<Vec<Key>>>;

/// A key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it must be there.
    pub(crate) need: Need,
    /// What it may be.
    pub(crate) value: Content,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It has a default.
    Optional,
    /// It has none.
    Required,
    /// It has none, unless this other key is true.
    Unless(&'static str),
}

/// What a key may be.
#[derive(Debug)]
pub(crate) enum Content {
    /// A value with this schema.
    Value(Value),
    /// A table.
    Table(Shape),
    /// An array of tables.
    Tables(Shape),
}

/// The meaning of a key, by its path: what it means, and its default.
pub(crate) type Meaning<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The schema of a table whose path is `path`, which is empty or ends in a dot.
pub(crate) fn schema(shape: &Shape, path: &str, meaning: &Meaning<'_>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut alternatives = Vec::new();
    for Key { name, need, value } in shape.borrow().iter() {
        let path = format!("{path}{name}");
        let mut described = match value {
            Content::Value(schema) => schema.clone(),
            Content::Table(shape) => schema(shape, &format!("{path}."), meaning),
            Content::Tables(shape) => {
                json!({ "type": "array", "items": schema(shape, &format!("{path}."), meaning) })
            }
        };
        if let (Some(text), Some(object)) = (meaning(&path), described.as_object_mut()) {
            object.insert("description".to_owned(), Value::String(text));
        }
        properties.insert((*name).to_owned(), described);
        match need {
            Need::Optional => {}
            Need::Required => required.push(*name),
            Need::Unless(other) => {
                alternatives.push(json!({ "anyOf": [
                    { "required": [name] },
                    { "required": [other], "properties": { (*other): { "const": true } } }
                ] }));
            }
        }
    }
    let mut table = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    if !alternatives.is_empty() {
        table["allOf"] = json!(alternatives);
    }
    table
}
