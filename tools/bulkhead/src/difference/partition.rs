//! What differs of a partition.
//!
//! Sets of what it has are gained and lost, everything else of it is changed. A partition that is in one image only
//! gains or loses all that it has.

use super::compare::{said, sets, spans};
use super::{Change, Changed, How, Presence};
use crate::board::wire_text;
use crate::inspect::{OwnedLoad, OwnedRegion, Owner};
use bulkhead_plan::Span;
use std::collections::BTreeSet;

type Both<'a> = [Option<&'a Owner>; 2];

/// What differs of the partition `name`, as the old image and the new one have it.
pub(super) fn changed(name: &str, owners: Both<'_>) -> Changed {
    let mut changes = reach(owners);
    changes.extend(gained_and_lost(owners, cpus, |mpidr| format!("CPU {mpidr:#x}")));
    changes.extend(gained_and_lost(owners, interrupts, |intid| line(*intid)));
    changes.extend(gained_and_lost(owners, powers, Clone::clone));
    let presence = match owners {
        [Some(old), Some(new)] => {
            changes.extend(gained_and_lost(owners, loads, Clone::clone));
            changes.extend(silence([old, new]));
            changes.extend(moved([old, new]));
            changes.extend(facts([old, new]));
            Presence::Both
        }
        [None, _] => Presence::Added,
        [_, None] => Presence::Removed,
    };
    Changed { name: name.to_owned(), presence, changes }
}

/// Physical addresses gained and lost.
fn reach(owners: Both<'_>) -> Vec<Change> {
    let regions = || owners.into_iter().flatten().flat_map(|owner| &owner.regions);
    let kinds: BTreeSet<&str> = regions().map(|region| region.kind).collect();
    let mut changes = Vec::new();
    for kind in kinds {
        let of_kind = |owner: Option<&Owner>| -> Vec<Span> {
            let regions = owner.into_iter().flat_map(|owner| &owner.regions);
            regions.filter(|region| region.kind == kind).map(|region| region.place.into()).collect()
        };
        changes.extend(spans(&of_kind(owners[0]), &of_kind(owners[1]), |span| {
            let here = |region: &&OwnedRegion| Span::from(region.place).overlaps(&span);
            let nodes: Option<String> =
                regions().filter(here).map(|region| region.nodes.join(", ")).find(|it| !it.is_empty());
            nodes.map_or_else(|| format!("{kind} {span}"), |nodes| format!("{kind} {span} ({nodes})"))
        }));
    }
    changes
}

fn gained_and_lost<T: Ord>(
    owners: Both<'_>,
    of: fn(&Owner) -> BTreeSet<T>,
    name: impl Fn(&T) -> String,
) -> Vec<Change> {
    let [old, new] = owners.map(|owner| owner.map(of).unwrap_or_default());
    sets(&old, &new, name)
}

fn cpus(owner: &Owner) -> BTreeSet<u64> {
    owner.cpus.iter().map(|cpu| cpu.mpidr).collect()
}

fn interrupts(owner: &Owner) -> BTreeSet<u32> {
    owner.interrupts.iter().map(|line| line.intid).collect()
}

/// What it may do beyond its own memory and devices.
fn powers(owner: &Owner) -> BTreeSet<String> {
    let controls = owner.controls.iter().map(|name| format!("may start, stop and restart `{name}`"));
    let firmware = owner.firmware_calls.iter().map(|id| format!("may call firmware {id:#x}"));
    controls.chain(firmware).collect()
}

/// What is loaded for it: each piece as its kind, its place and its digest.
fn loads(owner: &Owner) -> BTreeSet<String> {
    let text = |load: &OwnedLoad| {
        let how = if load.in_place { " in place" } else { "" };
        format!("{}{how} at {}, sha256 {}", load.kind, load.destination, load.sha256)
    };
    owner.loads.iter().map(text).collect()
}

/// What silences its devices. The same steps in another order may not.
fn silence([old, new]: [&Owner; 2]) -> Vec<Change> {
    let steps = |owner: &Owner| owner.silence.iter().copied().collect();
    let changes = sets(&steps(old), &steps(new), |step| format!("silenced: {step}"));
    if changes.is_empty() && old.silence != new.silence {
        let what = "silenced by the same steps in another sequence".to_owned();
        return vec![Change { how: How::Changed, what }];
    }
    changes
}

/// What is where it was on the board, and elsewhere for the partition.
fn moved([old, new]: [&Owner; 2]) -> Vec<Change> {
    let mut changes = Vec::new();
    for before in &old.regions {
        for after in new.regions.iter().filter(|after| after.kind == before.kind) {
            let Some(base) = first_shared(before, after) else { continue };
            let seen = |region: &OwnedRegion| region.ipa + (base - region.place.base);
            let what = format!("{} at {base:#x} of the board, seen at", before.kind);
            changes.extend(said(&what, &[before, after].map(|it| format!("{:#x}", seen(it)))));
        }
    }
    changes
}

/// The first address that both lead to.
fn first_shared(one: &OwnedRegion, other: &OwnedRegion) -> Option<u64> {
    let share = Span::from(one.place).overlaps(&other.place.into());
    share.then(|| one.place.base.max(other.place.base))
}

/// What is said in one sentence each.
fn facts([old, new]: [&Owner; 2]) -> Vec<Change> {
    let texts = |of: fn(&Owner) -> String| [of(old), of(new)];
    let facts = [
        ("begins at", texts(|it| format!("{:#x} with {:#x} in x0", it.entry, it.x0))),
        ("VMID", texts(|it| it.vmid.to_string())),
        ("stage 2 of", texts(Owner::stage2_text)),
        ("interrupts", texts(|it| it.interrupt_mode.to_owned())),
        ("after a fault:", texts(|it| it.restart.to_string())),
    ];
    let mut changes: Vec<Change> = facts.iter().filter_map(|(what, both)| said(what, both)).collect();
    for before in &old.cpus {
        let after = new.cpus.iter().find(|after| after.mpidr == before.mpidr);
        let both = after.map(|after| [before.seen_text(), after.seen_text()]);
        changes.extend(both.and_then(|both| said(&format!("CPU {:#x} is", before.mpidr), &both)));
    }
    for before in &old.interrupts {
        let after = new.interrupts.iter().find(|after| after.intid == before.intid);
        let both = after.map(|after| [before.trigger, after.trigger].map(str::to_owned));
        changes.extend(both.and_then(|both| said(&line(before.intid), &both)));
    }
    changes.extend(gained_and_lost([Some(old), Some(new)], answered, Clone::clone));
    changes
}

/// What the hypervisor answers for where the partition sees it.
fn answered(owner: &Owner) -> BTreeSet<String> {
    owner.answered().into_iter().map(|it| format!("{} at {:#x}, by bulkhead", it.what, it.at)).collect()
}

fn line(intid: u32) -> String {
    format!("interrupt {intid} ({})", wire_text(intid))
}
