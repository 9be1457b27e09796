//! P0206, P0207, P0213: what a device depends on belongs to its partition, too.
//!
//! A clock controller, reset, power domain or pin controller in two hands lets one partition switch off
//! the other. Only what has no state may be copied.

use crate::board::is_stateless;
use crate::diagnostic::{Code, Diagnostic, Report, Site};
use crate::expand::{Partition, System};
use crate::tree::{NodeId, WHOLE};

/// A dependency of a partition on a node that is not its own.
struct Foreign<'a> {
    partition: &'a Partition<'a>,
    device: NodeId,
    site: &'a Site,
    property: String,
    provider: NodeId,
}

impl Foreign<'_> {
    /// Whether the device is a part of the provider.
    fn is_part(&self) -> bool {
        self.property == WHOLE
    }
}

/// Every provider that a partition's devices need belongs to it, or has no state.
pub(super) fn are_owned(system: &System<'_>, report: &mut Report) {
    let mut all: Vec<Foreign<'_>> = Vec::new();
    for partition in &system.partitions {
        for need in foreign(system, partition, report) {
            let known = |other: &Foreign<'_>| {
                other.provider == need.provider
                    && other.partition.name() == partition.name()
                    && other.is_part() == need.is_part()
            };
            if !all.iter().any(known) {
                all.push(need);
            }
        }
    }
    let (parts, all): (Vec<_>, Vec<_>) = all.into_iter().partition(Foreign::is_part);
    parts.iter().for_each(|part| report.push(behind(system, part)));
    for (index, need) in all.iter().enumerate() {
        let owner = system.partitions.iter().find(|partition| partition.owns(need.provider));
        let rivals = all.iter().enumerate().filter(|(_, other)| other.provider == need.provider);
        let first = rivals.map(|(other, _)| other).min().unwrap_or(index);
        let is_shared = all.iter().filter(|other| other.provider == need.provider).count() > 1;
        match owner {
            Some(owner) => report.push(owned(system, need, owner)),
            None if is_shared && first == index => {
                let others = all.iter().skip(index + 1).filter(|other| other.provider == need.provider);
                report.push(shared(system, need, others));
            }
            None if is_shared => {}
            None => report.push(unowned(system, need)),
        }
    }
}

fn foreign<'a>(system: &System<'_>, partition: &'a Partition<'a>, report: &mut Report) -> Vec<Foreign<'a>> {
    let tree = &system.board.tree;
    let mut found = Vec::new();
    for device in &partition.devices {
        let needs = tree.needs(device.node).unwrap_or_else(|why| {
            let title = format!("cannot tell what `{}` depends on", tree.node(device.node).path);
            report.push(Diagnostic::new(Code::TreeDamaged, title).at(device.site, why));
            Vec::new()
        });
        for need in needs {
            let provider = tree.whole(need.provider);
            let is_free = need.provider == system.board.gic.node
                || is_stateless(tree, need.provider)
                || partition.owns(need.provider);
            if !is_free {
                let (device, site) = (device.node, device.site);
                found.push(Foreign { partition, device, site, property: need.property, provider });
            }
        }
    }
    found
}

fn begin(system: &System<'_>, code: Code, need: &Foreign<'_>, what: &str) -> Diagnostic {
    let path = |node| &system.board.tree.node(node).path;
    let title = format!(
        "`{}` of `{}` depends on `{}`, {what}",
        path(need.device),
        need.partition.name(),
        path(need.provider)
    );
    Diagnostic::new(code, title)
        .about(path(need.device))
        .of(need.partition.name())
        .at(need.site, format!("needs it as `{}`", need.property))
}

fn behind(system: &System<'_>, part: &Foreign<'_>) -> Diagnostic {
    let path = |node| &system.board.tree.node(node).path;
    let (device, whole) = (path(part.device), path(part.provider));
    let title = format!(
        "`{device}` of `{}` is reached through `{whole}`, which is not its own",
        part.partition.name()
    );
    let behind = Diagnostic::new(Code::BehindController, title).at(part.site, "is a part of another device");
    let owner = system.partitions.iter().find(|partition| partition.owns(part.provider));
    match owner.and_then(|owner| owner.devices.iter().find(|device| device.node == part.provider)) {
        Some(owned) => behind.at(owned.site, "the other device").help("give both to one partition"),
        None => behind.help(format!("ask for `{whole}`: what is a part of it comes with it")),
    }
}

fn owned(system: &System<'_>, need: &Foreign<'_>, owner: &Partition<'_>) -> Diagnostic {
    let diagnostic =
        begin(system, Code::ProviderShared, need, &format!("which belongs to `{}`", owner.name()));
    let site = owner.devices.iter().find(|device| device.node == need.provider).map(|device| device.site);
    let diagnostic = match site {
        Some(site) => diagnostic.at(site, format!("`{}` owns it", owner.name())),
        None => diagnostic,
    };
    diagnostic.help("give both devices to one partition")
}

fn shared<'a>(
    system: &System<'_>,
    need: &Foreign<'_>,
    others: impl Iterator<Item = &'a Foreign<'a>>,
) -> Diagnostic {
    let mut diagnostic = begin(system, Code::ProviderShared, need, "and so does another partition");
    for other in others {
        diagnostic = diagnostic.of(other.partition.name());
        let path = &system.board.tree.node(other.device).path;
        diagnostic =
            diagnostic.at(other.site, format!("`{path}` of `{}` needs it, too", other.partition.name()));
    }
    diagnostic.help("give it, and all that depends on it, to one partition")
}

fn unowned(system: &System<'_>, need: &Foreign<'_>) -> Diagnostic {
    let diagnostic = begin(system, Code::ProviderUnowned, need, "which nobody owns");
    let path = &system.board.tree.node(need.provider).path;
    match system.board.why_reserved(need.provider) {
        Some(why) => diagnostic.note(format!("`{path}` can belong to no partition: {why}")),
        None => diagnostic.help(format!("add `{path}` to the devices of `{}`", need.partition.name())),
    }
}
