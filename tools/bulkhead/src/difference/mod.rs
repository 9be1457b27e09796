//! Who gained or lost access to what, between two images.
//!
//! Partitions are told by their names. What is compared is what the tables, the CPUs and the interrupts of
//! both images say, whatever their configurations were.

mod text;

use crate::board::without;
use crate::inspect::{Contents, OwnedLoad, OwnedRegion, Owner, inspect};
use bulkhead_plan::Span;
use bulkhead_verify::{Transcript, verify};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// What differs between two images.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Difference {
    /// What differs of the hypervisor.
    pub hypervisor: Vec<Change>,
    /// The partitions of both, those of the old image first, if anything of them differs.
    pub partitions: Vec<Changed>,
}

/// A partition of which something differs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// Whether it is in one image only.
    pub presence: Presence,
    /// What differs.
    pub changes: Vec<Change>,
}

/// In which images a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// In both.
    Both,
    /// In the new one only.
    Added,
    /// In the old one only.
    Removed,
}

/// One difference.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// What happened.
    pub how: How,
    /// To what.
    pub what: String,
}

/// What happened to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// It can be reached now.
    Gained,
    /// It cannot be reached any more.
    Lost,
    /// It is another.
    Changed,
}

/// One side, taken apart.
struct Side {
    contents: Contents,
    transcript: Transcript,
}

impl Difference {
    /// Compares two images; an error says which cannot be taken apart.
    pub fn of(old: &[u8], new: &[u8]) -> Result<Self, String> {
        let (old, new) = (Side::of("first", old)?, Side::of("second", new)?);
        let names: Vec<&str> =
            old.names().chain(new.names().filter(|name| old.owner(name).is_none())).collect();
        let partitions = names.into_iter().map(|name| changed(name, &old, &new));
        Ok(Self {
            hypervisor: hypervisor(&old, &new),
            partitions: partitions.filter(|changed| !changed.changes.is_empty()).collect(),
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.hypervisor.is_empty() && self.partitions.is_empty()
    }
}

impl Side {
    fn of(which: &str, image: &[u8]) -> Result<Self, String> {
        let (contents, transcript) = (inspect(image), verify(image));
        match contents.faults.first() {
            None => Ok(Self { contents, transcript }),
            Some(fault) => Err(format!("the {which} image cannot be trusted: {fault}")),
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.contents.partitions.iter().map(|owner| owner.name.as_str())
    }

    fn owner(&self, name: &str) -> Option<&Owner> {
        self.contents.partitions.iter().find(|owner| owner.name == name)
    }

    /// What is loaded for a partition: each piece as its kind, its place and its digest.
    fn loads(&self, name: &str) -> BTreeSet<(String, u64, String)> {
        let index = self.contents.partitions.iter().position(|owner| owner.name == name);
        let both = index
            .and_then(|at| Some((self.contents.partitions.get(at)?, self.transcript.partitions.get(at)?)));
        let Some((owner, proof)) = both else { return BTreeSet::new() };
        let pieces = owner.loads.iter().zip(&proof.loads);
        let kind = |load: &OwnedLoad| {
            if load.in_place { format!("{} in place", load.kind) } else { load.kind.to_owned() }
        };
        pieces.map(|(load, piece)| (kind(load), piece.at, piece.sha256.0.clone())).collect()
    }
}

fn hypervisor(old: &Side, new: &Side) -> Vec<Change> {
    let mut changes = Vec::new();
    let part = |side: &Side| {
        let own = &side.transcript.hypervisor;
        (own.as_ref().map(|part| part.sha256.0.clone()), side.contents.window.map(Span::from))
    };
    let ((old_digest, old_window), (new_digest, new_window)) = (part(old), part(new));
    if old_digest != new_digest {
        changes.push(change(How::Changed, "its binary".to_owned()));
    }
    let (old_window, new_window) = (old_window.into_iter().collect(), new_window.into_iter().collect());
    changes.extend(spans(&old_window, &new_window, |span| format!("window {span}")));
    let console = |side: &Side| side.contents.board.as_ref().and_then(|board| board.console);
    changes.extend(sets(&console(old).into_iter().collect(), &console(new).into_iter().collect(), |base| {
        format!("console at {base:#x}")
    }));
    changes
}

fn changed(name: &str, old: &Side, new: &Side) -> Changed {
    let presence = match (old.owner(name), new.owner(name)) {
        (Some(_), Some(_)) => Presence::Both,
        (None, _) => Presence::Added,
        (_, None) => Presence::Removed,
    };
    let owners = [old.owner(name), new.owner(name)];
    let mut changes = reach(owners);
    let cpus = owners.map(|owner| each(owner, |it| it.cpus.iter().map(|cpu| cpu.mpidr).collect()));
    changes.extend(sets(&cpus[0], &cpus[1], |mpidr| format!("CPU {mpidr:#x}")));
    let lines = owners.map(|owner| each(owner, |it| it.interrupts.iter().map(|line| line.intid).collect()));
    changes.extend(sets(&lines[0], &lines[1], |intid| {
        format!("interrupt {intid} ({})", crate::board::wire_text(*intid))
    }));
    if presence == Presence::Both {
        changes.extend(sets(&old.loads(name), &new.loads(name), |(kind, at, digest)| {
            format!("{kind} at {at:#x}, sha256 {digest}")
        }));
        changes.extend(moved(owners));
    }
    Changed { name: name.to_owned(), presence, changes }
}

/// Physical addresses gained and lost.
fn reach(owners: [Option<&Owner>; 2]) -> Vec<Change> {
    let mut changes = Vec::new();
    for kind in ["RAM", "device", "SGI_base"] {
        let of_kind = |owner: Option<&Owner>| -> Vec<Span> {
            let regions = owner.into_iter().flat_map(|owner| &owner.regions);
            regions.filter(|region| region.kind == kind).map(|region| region.place.into()).collect()
        };
        changes.extend(spans(&of_kind(owners[0]), &of_kind(owners[1]), |span| {
            let here = |region: &&OwnedRegion| Span::from(region.place).overlaps(&span);
            let all = owners.into_iter().flatten().flat_map(|owner| &owner.regions);
            let nodes: Option<String> =
                all.filter(here).map(|region| region.nodes.join(", ")).find(|it| !it.is_empty());
            nodes.map_or_else(|| format!("{kind} {span}"), |nodes| format!("{kind} {span} ({nodes})"))
        }));
    }
    changes
}

/// What is where it was on the board, and elsewhere for the partition.
fn moved(owners: [Option<&Owner>; 2]) -> Vec<Change> {
    let [Some(old), Some(new)] = owners else { return Vec::new() };
    let mut changes = Vec::new();
    for region in &old.regions {
        let same = |other: &&OwnedRegion| other.place.base == region.place.base && other.kind == region.kind;
        if let Some(other) = new.regions.iter().find(same)
            && other.ipa != region.ipa
        {
            let what = format!(
                "{} {}, seen at {:#x}, not {:#x}",
                region.kind,
                Span::from(region.place),
                other.ipa,
                region.ipa
            );
            changes.push(change(How::Changed, what));
        }
    }
    let entry = |owner: &Owner| format!("begins at {:#x} with {:#x} in x0", owner.entry, owner.x0);
    if entry(old) != entry(new) {
        changes
            .push(change(How::Changed, format!("{}, not {:#x} with {:#x}", entry(new), old.entry, old.x0)));
    }
    changes
}

fn each<T: Ord>(owner: Option<&Owner>, of: impl Fn(&Owner) -> BTreeSet<T>) -> BTreeSet<T> {
    owner.map(of).unwrap_or_default()
}

fn sets<T: Ord>(old: &BTreeSet<T>, new: &BTreeSet<T>, name: impl Fn(&T) -> String) -> Vec<Change> {
    let lost = old.difference(new).map(|it| change(How::Lost, name(it)));
    let gained = new.difference(old).map(|it| change(How::Gained, name(it)));
    lost.chain(gained).collect()
}

fn spans(old: &Vec<Span>, new: &Vec<Span>, name: impl Fn(Span) -> String) -> Vec<Change> {
    let minus = |from: &Vec<Span>, what: &Vec<Span>| {
        what.iter()
            .fold(from.clone(), |rest, hole| rest.into_iter().flat_map(|it| without(it, *hole)).collect())
    };
    let lost = minus(old, new).into_iter().map(|span| change(How::Lost, name(span)));
    let gained = minus(new, old).into_iter().map(|span| change(How::Gained, name(span)));
    lost.chain(gained).collect()
}

fn change(how: How, what: String) -> Change {
    Change { how, what }
}
