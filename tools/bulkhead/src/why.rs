//! Why something is as it is: whose, by which line of which file, and what partitions see of it.
//!
//! A question is an address, an interrupt, a CPU or a device; every answer is read off the map.

use crate::board::wire_text;
use crate::diagnostic::Place;
use crate::load::size_text;
use crate::map::{Core, Device, HYPERVISOR, Line, Map, Seen, Stretch, View};
use bulkhead_plan::Span;
use bulkhead_plan::limits::{FIRST_SPI, LAST_SPI};
use schemars::JsonSchema;
use serde::Serialize;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A physical address, which is also looked for among those that partitions see.
    Address(u64),
    /// An interrupt, by INTID.
    Interrupt(u32),
    /// A CPU, by its number on the board.
    Cpu(usize),
    /// A device, by its path in the board's device tree.
    Device(String),
}

/// An answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// Whose it is: a partition, `bulkhead`, or nobody.
    pub owner: Option<String>,
    /// That, in a sentence.
    pub says: String,
    /// What says so.
    pub written: Vec<Place>,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// What each partition sees there.
    pub seen: Vec<Sight>,
}

/// What a partition sees of what was asked for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Sight {
    /// The partition.
    pub partition: String,
    /// What it sees.
    pub sees: String,
}

/// Understands a question: `0x9000000`, `irq 40`, `spi 8`, `ppi 11`, `cpu 2`, `/pl011@9000000`.
pub fn question(text: &str) -> Result<Question, String> {
    let compact: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let lower = compact.to_lowercase();
    let hint = || {
        format!(
            "`{text}` is no question: ask for an address (0x9000000), an interrupt (irq 40, spi 8, ppi 11), \
                 a CPU (cpu 2) or a device (/pl011@9000000)"
        )
    };
    if compact.starts_with('/') {
        return Ok(Question::Device(compact));
    }
    if let Some(digits) = lower.strip_prefix("0x") {
        return u64::from_str_radix(&digits.replace('_', ""), 16).map(Question::Address).map_err(|_| hint());
    }
    let number = |digits: &str| digits.parse::<u32>().map_err(|_| hint());
    if let Some((kind, digits)) = KINDS.iter().find_map(|kind| Some((kind, lower.strip_prefix(kind.name)?))) {
        return kind.intid(number(digits)?).map(Question::Interrupt);
    }
    let digits = lower.strip_prefix("cpu").ok_or_else(hint)?;
    Ok(Question::Cpu(usize::try_from(number(digits)?).map_err(|_| hint())?))
}

/// A way to number interrupts.
struct Kind {
    name: &'static str,
    /// The INTID of number 0.
    first: u32,
    /// The INTID of the last number.
    last: u32,
    /// Who has them, and how they are called there.
    range: &'static str,
}

/// Every way to number interrupts (GICv3 §2.2.1); what is special or extended no device raises.
const KINDS: [Kind; 5] = [
    Kind { name: "irq", first: 0, last: LAST_SPI, range: "a GIC has INTID" },
    Kind { name: "intid", first: 0, last: LAST_SPI, range: "a GIC has INTID" },
    Kind { name: "sgi", first: 0, last: 15, range: "a CPU has SGI" },
    Kind { name: "ppi", first: 16, last: FIRST_SPI - 1, range: "a CPU has PPI" },
    Kind { name: "spi", first: FIRST_SPI, last: LAST_SPI, range: "a GIC has SPI" },
];

impl Kind {
    fn intid(&self, number: u32) -> Result<u32, String> {
        let Self { name, first, last, range } = self;
        let intid = number.checked_add(*first).filter(|intid| intid <= last);
        intid.ok_or_else(|| format!("`{name} {number}` is none: {range} 0 to {}", last - first))
    }
}

/// Answers a question.
pub fn why(map: &Map, question: &Question) -> Answer {
    match question {
        Question::Address(address) => address_is(map, *address),
        Question::Interrupt(intid) => interrupt_is(map, *intid),
        Question::Cpu(number) => cpu_is(map, *number),
        Question::Device(path) => device_is(map, path),
    }
}

fn address_is(map: &Map, address: u64) -> Answer {
    let seen = map.partitions.iter().map(|view| at_ipa(view, address)).collect();
    let holds = |base: u64, size: u64| base <= address && address - base < size;
    let stretch = map.physical.iter().find(|stretch| holds(stretch.base, stretch.size));
    let has =
        |device: &&Device| device.registers.iter().any(|registers| holds(registers.base, registers.size));
    let device = map.devices.iter().filter(has).min_by_key(|it| it.registers.iter().map(|it| it.size).min());
    let mut answer = match (stretch, device) {
        (Some(stretch), device) => in_stretch(map, stretch, address, device),
        (None, Some(device)) => Answer {
            says: format!("{address:#x} is `{}`: {}", device.path, fate(device)),
            ..of_device(device)
        },
        (None, None) => nobody(format!("{address:#x} is nothing that the board's device tree knows")),
    };
    answer.seen = seen;
    answer
}

fn in_stretch(map: &Map, stretch: &Stretch, address: u64, device: Option<&Device>) -> Answer {
    let whose = possessive(stretch.owner.as_deref());
    let what = device.map_or(&stretch.what, |device| &device.path);
    let mut notes =
        vec![format!("it lies in {}, {}", Span::new(stretch.base, stretch.size), size_text(stretch.size))];
    let ipas = map.partitions.iter().flat_map(|view| view.seen.iter().map(move |seen| (view, seen)));
    for (view, seen) in ipas {
        let offset = seen.physical.and_then(|physical| address.checked_sub(physical));
        if let Some(offset) = offset.filter(|offset| *offset < seen.size) {
            notes.push(format!("`{}` sees it at {:#x}", view.name, seen.ipa + offset));
        }
    }
    Answer {
        owner: stretch.owner.clone(),
        says: format!("{address:#x} is {whose}: {what}"),
        written: stretch.written.clone(),
        notes,
        seen: Vec::new(),
    }
}

/// What a partition finds at one of its own addresses.
fn at_ipa(view: &View, ipa: u64) -> Sight {
    let seen = view.seen.iter().find(|seen| seen.ipa <= ipa && ipa - seen.ipa < seen.size);
    let sees = match seen {
        None => "nothing: an access of its own is an external abort".to_owned(),
        Some(Seen { physical: None, kind, .. }) => format!("the {kind} that {HYPERVISOR} shows it"),
        Some(Seen { physical: Some(physical), ipa: base, kind, nodes, .. }) => {
            let what = if nodes.is_empty() { (*kind).to_owned() } else { nodes.join(", ") };
            format!("{what}, physical {:#x}", physical + (ipa - base))
        }
    };
    Sight { partition: view.name.clone(), sees }
}

fn interrupt_is(map: &Map, intid: u32) -> Answer {
    let name = format!("interrupt {intid} ({})", wire_text(intid));
    if intid < 32 {
        let mut answer =
            nobody(format!("{name} is private to each CPU: every partition has those of its own CPUs"));
        answer.notes.push("no exit: the CPU interface is the hardware's own".to_owned());
        return answer;
    }
    let raised = |view: &&View| view.seen.iter().any(|seen| seen.interrupt == Some(intid));
    if let Some(view) = map.partitions.iter().find(raised) {
        return Answer {
            owner: Some(view.name.clone()),
            says: format!("{name} is `{}`'s: {HYPERVISOR} raises it for the virtual PL011", view.name),
            written: vec![view.written.clone()],
            ..nobody(String::new())
        };
    }
    let device = map.devices.iter().find(|device| device.interrupts.contains(&intid));
    match (map.interrupts.iter().find(|line| line.intid == intid), device) {
        (Some(Line { owner, trigger, devices, written, .. }), _) => Answer {
            owner: Some(owner.clone()),
            says: format!("{name} is `{owner}`'s, {trigger}-triggered"),
            written: written.clone(),
            notes: vec![
                format!("raised by {}", devices.join(", ")),
                "no other partition can enable, disable, route or pend it".to_owned(),
            ],
            seen: Vec::new(),
        },
        (None, Some(device)) => {
            let says = format!("{name} reaches no partition: it is of `{}`: {}", device.path, fate(device));
            Answer { says, ..of_device(device) }
        }
        (None, None) => nobody(format!("{name} belongs to no device of the board")),
    }
}

fn cpu_is(map: &Map, number: usize) -> Answer {
    let Some(cpu) = map.cpus.iter().find(|cpu| cpu.number == number) else {
        return nobody(format!("the board has no CPU {number}; it has {}, numbered from 0", map.cpus.len()));
    };
    let Core { mpidr, owner, virtual_mpidr, unusable, written, .. } = cpu;
    let Some(owner) = owner else {
        let why = unusable.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        return nobody(format!("CPU {number} (MPIDR {mpidr:#x}) is nobody's and stays off{why}"));
    };
    Answer {
        owner: Some(owner.clone()),
        says: format!("CPU {number} (MPIDR {mpidr:#x}) is `{owner}`'s"),
        written: written.iter().cloned().collect(),
        notes: Vec::new(),
        seen: vec![Sight { partition: owner.clone(), sees: format!("MPIDR {virtual_mpidr:#x}") }],
    }
}

fn device_is(map: &Map, path: &str) -> Answer {
    match map.devices.iter().find(|device| device.path == *path) {
        Some(device) => of_device(device),
        None => nobody(format!("the board has no device `{path}`")),
    }
}

fn of_device(device: &Device) -> Answer {
    let mut notes: Vec<String> =
        device.registers.iter().map(|it| format!("registers at {}", Span::new(it.base, it.size))).collect();
    notes.extend(device.interrupts.iter().map(|intid| format!("interrupt {intid} ({})", wire_text(*intid))));
    if device.master && device.owner.as_deref().is_some_and(|owner| owner != HYPERVISOR) {
        notes.push("it counts as a bus master: stage 2 does not hold what it writes".to_owned());
    }
    Answer {
        owner: device.owner.clone(),
        says: format!("`{}` is {}", device.path, fate(device)),
        written: device.written.iter().cloned().collect(),
        notes,
        seen: Vec::new(),
    }
}

/// Whose a device is, or why nobody's.
fn fate(device: &Device) -> String {
    match &device.why {
        Some(why) => format!("{}, {why}", possessive(device.owner.as_deref())),
        None => possessive(device.owner.as_deref()),
    }
}

fn possessive(owner: Option<&str>) -> String {
    owner.map_or("nobody's".to_owned(), |owner| format!("`{owner}`'s"))
}

fn nobody(says: String) -> Answer {
    Answer { owner: None, says, written: Vec::new(), notes: Vec::new(), seen: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_understood_however_they_are_spaced() {
        assert_eq!(question("0x0900_0000"), Ok(Question::Address(0x900_0000)));
        assert_eq!(question("IRQ 40"), Ok(Question::Interrupt(40)));
        assert_eq!(question("spi8"), Ok(Question::Interrupt(40)));
        assert_eq!(question("PPI 11"), Ok(Question::Interrupt(27)));
        assert_eq!(question("cpu2"), Ok(Question::Cpu(2)));
        assert_eq!(question("/pl011@9000000"), Ok(Question::Device("/pl011@9000000".to_owned())));
    }

    #[test]
    fn what_is_no_question_is_answered_by_what_is() {
        for text in ["", "40", "0x", "0xg", "cpu", "cpu x", "irq -1", "spi 4294967296", "pl011"] {
            assert!(question(text).unwrap_err().contains("ask for an address"), "{text}");
        }
    }

    #[test]
    fn the_last_of_each_kind_can_be_asked_for_and_none_behind_it() {
        for (name, last, intid, range) in [
            ("sgi", 15, 15, "a CPU has SGI 0 to 15"),
            ("ppi", 15, 31, "a CPU has PPI 0 to 15"),
            ("spi", 987, 1019, "a GIC has SPI 0 to 987"),
            ("irq", 1019, 1019, "a GIC has INTID 0 to 1019"),
            ("intid", 1019, 1019, "a GIC has INTID 0 to 1019"),
        ] {
            assert_eq!(question(&format!("{name} {last}")), Ok(Question::Interrupt(intid)));
            let behind = format!("{name} {}", last + 1);
            assert_eq!(question(&behind), Err(format!("`{behind}` is none: {range}")));
        }
        assert!(question("spi 4294967295").is_err());
    }
}
