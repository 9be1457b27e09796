//! Keeps what was chosen where it was.
//!
//! What the planner may choose is which CPUs a partition gets that wants a number of them, and where its
//! memory lies. `bulkhead lock` writes the choice to `layout.lock`; `--locked` wants every choice to be the
//! one that is written there.

use crate::allocate::Space;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::{Partition, System};
use crate::load::{LOCK, Pin};
use std::fmt::Write;

/// The first lines of the file.
const HEAD: &str = "\
# What the planner has chosen: commit it, and a partition that is added moves no other.
# Written by `bulkhead lock`; `bulkhead build --locked` refuses to choose anything else.
";

/// Files everything that is not where the lock file says.
pub(crate) fn nothing_moves(system: &System<'_>, spaces: &[Space], report: &mut Report) {
    for (partition, space) in system.partitions.iter().zip(spaces) {
        match system.wish.pin(partition.name()) {
            None => report.push(unlocked(partition)),
            Some(pin) => {
                if !cpus(partition).eq(pin.cpus.iter().map(|cpu| cpu.value)) {
                    let list = cpus(partition).map(|cpu| cpu.to_string()).collect::<Vec<_>>().join(", ");
                    report.push(moved(partition, pin, "CPUs", format!("gets [{list}]")));
                }
                if (space.ram.span.base.0, space.ram.span.size) != (pin.memory.value, pin.size.value) {
                    report.push(moved(partition, pin, "memory", format!("gets {}", space.ram.span)));
                }
            }
        }
    }
}

/// The lock file with this system's choices, and those of its neighbours as they were.
pub(crate) fn write(system: &System<'_>, spaces: &[Space]) -> String {
    let (mut text, name) = (HEAD.to_owned(), &system.wish.name);
    let others = system.wish.pins.iter().filter(|pin| pin.system.value != *name);
    let mut entries: Vec<Entry> = others.map(Entry::of).collect();
    for (partition, space) in system.partitions.iter().zip(spaces) {
        entries.push(Entry {
            system: name.clone(),
            name: partition.name().to_owned(),
            cpus: cpus(partition).collect(),
            memory: space.ram.span.base.0,
            size: space.ram.span.size,
        });
    }
    entries.sort_by(|a, b| a.system.cmp(&b.system));
    for entry in entries {
        entry.write(&mut text);
    }
    text
}

/// A pin, as it is written.
struct Entry {
    system: String,
    name: String,
    cpus: Vec<u64>,
    memory: u64,
    size: u64,
}

impl Entry {
    fn of(pin: &Pin) -> Self {
        Self {
            system: pin.system.value.clone(),
            name: pin.partition.value.clone(),
            cpus: pin.cpus.iter().map(|cpu| cpu.value).collect(),
            memory: pin.memory.value,
            size: pin.size.value,
        }
    }

    fn write(&self, text: &mut String) {
        let Self { system, name, cpus, memory, size } = self;
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "\n[[partition]]\nsystem = \"{system}\"\nname = \"{name}\"\ncpus = {cpus:?}\nmemory = {memory:#x}\nsize = {size:#x}\n"
        );
    }
}

fn cpus<'a>(partition: &'a Partition<'_>) -> impl Iterator<Item = u64> + 'a {
    partition.cpus.iter().map(|(index, _)| u64::try_from(*index).unwrap_or(u64::MAX))
}

fn unlocked(partition: &Partition<'_>) -> Diagnostic {
    let title = format!("the lock file says nothing of `{}`", partition.name());
    Diagnostic::new(Code::LayoutMoved, title).at(&partition.wish.name.site, "not locked").help(relock())
}

fn moved(partition: &Partition<'_>, pin: &Pin, what: &str, new: String) -> Diagnostic {
    let title = format!("the {what} of `{}` would move", partition.name());
    let site = if what == "CPUs" { &partition.wish.cpus.site } else { &partition.wish.memory.site };
    Diagnostic::new(Code::LayoutMoved, title).at(site, new).at(&pin.site, "locked here").help(relock())
}

fn relock() -> String {
    format!("if that is meant, write `{LOCK}` anew by `bulkhead lock`, and commit it")
}
