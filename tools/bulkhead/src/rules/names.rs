//! P0706 to P0708: every name means one thing.
//!
//! A partition's name labels its lines on a shared console, so it must be short, plain, and nobody else's.

use crate::bootargs::{self, Placeholder};
use crate::diagnostic::{Code, Diagnostic, Report, did_you_mean};
use crate::expand::System;

/// Names that stand for the hypervisor and for what runs before it.
const TAKEN: &[&str] = &["bulkhead", "firmware"];

/// A name is short, plain, and one partition's.
pub(super) fn can_be_used(system: &System<'_>, report: &mut Report) {
    let names = &system.wish.system.names;
    let board = &system.board.name;
    if !is_name(board) {
        let title = format!("`{board}` cannot be a board's name");
        let invalid = Diagnostic::new(Code::NameInvalid, title);
        let help = "rename the folder of `board.toml`: use 1 to 31 lower-case letters, digits and hyphens";
        report.push(invalid.help(help));
    }
    for (index, name) in names.iter().enumerate() {
        if !is_name(&name.value) {
            let title = format!("`{}` cannot be a partition's name", name.value);
            let invalid = Diagnostic::new(Code::NameInvalid, title).at(&name.site, "not a name");
            report.push(invalid.help("use 1 to 31 lower-case letters, digits and hyphens"));
        } else if TAKEN.contains(&name.value.as_str()) {
            let title = format!("`{}` cannot be a partition's name", name.value);
            report.push(Diagnostic::new(Code::NameInvalid, title).at(&name.site, "has another meaning"));
        } else if let Some(first) = names.iter().take(index).find(|other| other.value == name.value) {
            let title = format!("two partitions are called `{}`", name.value);
            let repeated = Diagnostic::new(Code::NameRepeated, title);
            report.push(repeated.at(&name.site, "again").at(&first.site, "here").help("rename one of them"));
        }
    }
}

/// Whether a plan can hold the name, and nobody take it for another.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=31).contains(&name.len()) && name.bytes().all(plain)
}

/// Every placeholder of a command line means something.
pub(super) fn placeholders_are_known(system: &System<'_>, report: &mut Report) {
    let names = || system.wish.system.names.iter().map(|name| name.value.as_str()).chain([bootargs::WINDOW]);
    for partition in &system.partitions {
        let Some(bootargs) = &partition.wish.bootargs else { continue };
        for placeholder in bootargs::placeholders(&bootargs.value) {
            let (text, guess) = match placeholder {
                Placeholder::Physical(name) if names().any(|known| known == name) => continue,
                Placeholder::Physical(name) => (format!("physical:{name}"), did_you_mean(name, names())),
                Placeholder::Unknown(text) => (text.to_owned(), None),
            };
            let title = format!("`{{{text}}}` in the command line of `{}` means nothing", partition.name());
            let unknown = Diagnostic::new(Code::PlaceholderUnknown, title)
                .at(&bootargs.site, "holds it")
                .note("`{physical:NAME}` is where that partition's memory begins, `bulkhead` the hypervisor");
            report.push(unknown.help_if(guess));
        }
    }
}
