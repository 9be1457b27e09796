//! What nobody wrote: every default that was taken, and every choice that was made.
//!
//! That a key is not there is remembered where it was looked for, so none is forgotten here; what it means
//! then is said in the words of `board-configs/README.md`.

use crate::diagnostic::Report;
use crate::map::{Core, Map, View};
use crate::schema::{Key, documented};
use bulkhead_plan::Span;
use std::fmt::Write;

/// The text of `check --explain`.
pub(crate) fn explain(map: &Map, report: &Report) -> String {
    let mut text = "taken by default\n".to_owned();
    let keys = documented();
    let mut table = String::new();
    for (place, path) in report.defaults() {
        for (name, default) in defaults(&keys, path) {
            if table != place.to_string() {
                table = place.to_string();
                let _ = writeln!(text, "  {table}");
            }
            let _ = writeln!(text, "    {name:<20} {default}");
        }
    }
    text.push_str("\nchosen\n");
    for view in &map.partitions {
        choices(&mut text, map, view);
    }
    let left: Vec<_> = map.devices.iter().filter(|it| it.owner.is_none() && it.was_left).collect();
    if !left.is_empty() {
        text.push_str("\nleft out of the rest\n");
    }
    for device in left {
        let _ = writeln!(text, "  {}: {}", device.path, device.why.as_deref().unwrap_or_default());
    }
    text.push('\n');
    text
}

/// What holds where the key `path`, or the table of that path, is not there.
fn defaults<'a>(keys: &'a [Key], path: &str) -> Vec<(&'a str, &'a str)> {
    let inside = format!("{path}.");
    let is_row = keys.iter().any(|key| key.path == path);
    let is_meant = |key: &&Key| match key.path.strip_prefix(&inside) {
        Some(name) => !is_row && !name.contains('.'),
        None => key.path == path,
    };
    let with_default = |key: &'a Key| {
        let name = path.rfind('.').and_then(|dot| key.path.get(dot + 1..)).unwrap_or(&key.path);
        Some((name, key.default.as_deref()?))
    };
    keys.iter().filter(is_meant).filter_map(with_default).collect()
}

fn choices(text: &mut String, map: &Map, view: &View) {
    let own = |cpu: &&Core| cpu.owner.as_ref() == Some(&view.name);
    let cpus: Vec<String> = map.cpus.iter().filter(own).map(|cpu| cpu.number.to_string()).collect();
    let _ = writeln!(text, "  {}\n    {:<20} {}", view.name, "CPUs", cpus.join(", "));
    for seen in view.seen.iter().filter(|seen| seen.kind == "RAM") {
        let place = Span::new(seen.physical.unwrap_or_default(), seen.size);
        let _ = writeln!(text, "    {:<20} {place}, seen at {:#x}", "memory", seen.ipa);
    }
    let _ = writeln!(text, "    {:<20} {:#x}, with {:#x} in x0", "begins at", view.entry, view.x0);
}
