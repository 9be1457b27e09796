//! Findings as SARIF 2.1.0, which editors and review tools read.
//!
//! What was accepted in writing is there too, as a suppressed result with its reason (§3.35): a reviewer sees
//! all risks in one list.

use super::{Code, Diagnostic, Level, Report, Site, Weight};
use serde_json::{Value, json};

/// Where the text of the format is.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

impl Report {
    /// All findings as one log.
    pub fn sarif(&self) -> Value {
        let open = self.in_order().into_iter().map(|finding| self.result(finding, None));
        let accepted =
            self.accepted().map(|(finding, acceptance)| self.result(finding, Some(&acceptance.reason.value)));
        let driver = json!({
            "name": "bulkhead",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": Code::ALL.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
        });
        json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": driver },
                "columnKind": "unicodeCodePoints",
                "results": open.chain(accepted).collect::<Vec<_>>(),
            }],
        })
    }

    fn result(&self, diagnostic: &Diagnostic, accepted: Option<&str>) -> Value {
        let suppression =
            |reason| json!({ "kind": "inSource", "status": "accepted", "justification": reason });
        let texts = [vec![diagnostic.title.clone()], self.notes(diagnostic), self.helps(diagnostic)];
        let mut locations = diagnostic.labels.iter().filter_map(|(site, text)| self.location(site, text));
        json!({
            "ruleId": diagnostic.code.text(),
            "ruleIndex": Code::ALL.iter().position(|code| *code == diagnostic.code),
            "level": level(self.level(diagnostic)),
            "message": { "text": texts.concat().join("\n") },
            "locations": locations.next().into_iter().collect::<Vec<_>>(),
            "relatedLocations": locations.collect::<Vec<_>>(),
            "suppressions": accepted.into_iter().map(suppression).collect::<Vec<_>>(),
        })
    }

    fn location(&self, site: &Site, text: &str) -> Option<Value> {
        let (file, start, end) = self.extent(site)?;
        let region = json!({
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        });
        let place = json!({ "artifactLocation": { "uri": uri(file) }, "region": region });
        Some(json!({ "physicalLocation": place, "message": { "text": text } }))
    }
}

fn rule(code: Code) -> Value {
    let usual = match code.weight() {
        Weight::Error | Weight::Risk => Level::Error,
        Weight::Warning => Level::Warning,
        Weight::Note => Level::Note,
    };
    json!({
        "id": code.text(),
        "name": format!("{code:?}"),
        "shortDescription": { "text": code.meaning() },
        "fullDescription": { "text": unwrapped(code.page()) },
        "defaultConfiguration": { "level": level(usual) },
    })
}

/// The paragraphs of a text, each in one line.
fn unwrapped(text: &str) -> String {
    let paragraphs = text.trim().split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

/// A path as a URI reference (RFC 3986): what has a meaning there is escaped.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let escaped = path.bytes().map(|byte| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    let reference: String = escaped.collect();
    if path.starts_with('/') { format!("file://{reference}") } else { reference }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_reference() {
        assert_eq!(uri("a b/ü.toml"), "a%20b/%C3%BC.toml");
        assert_eq!(uri("/a.toml"), "file:///a.toml");
    }
}
