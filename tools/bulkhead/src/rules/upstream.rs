//! P0210: what the hypervisor and the CPUs of others run from is no partition's.
//!
//! Linux switches off the clocks and power domains that none of its own devices uses, and knows nothing of
//! others: neither the console, nor the GIC, nor a CPU that is not in its device tree.

use crate::board::is_stateless;
use crate::diagnostic::{Code, Diagnostic, Report, Site};
use crate::expand::{Partition, System};
use crate::tree::{NodeId, Tree};

/// Something that has to go on running, whatever a partition does.
struct Runner<'a> {
    node: NodeId,
    /// What it is, as the subject of a sentence.
    what: String,
    /// Where somebody wrote that it is theirs.
    site: Option<&'a Site>,
    /// The partition that may stop it, because it is its own.
    owner: Option<&'a Partition<'a>>,
}

/// Something that a runner needs, or that is needed by what it needs.
struct Need<'a> {
    runner: &'a Runner<'a>,
    /// The runner's own property that leads there.
    property: String,
    provider: NodeId,
}

/// Nothing that a partition owns can stop the hypervisor, or a CPU of another partition.
pub(super) fn is_nobody_elses<'a>(system: &'a System<'a>, report: &mut Report) {
    let tree = &system.board.tree;
    let runners = runners(system);
    let needs: Vec<Need<'_>> = runners.iter().flat_map(|runner| needs(tree, runner)).collect();
    let mut seen = Vec::new();
    for Need { provider, .. } in &needs {
        let Some(owner) = system.partitions.iter().find(|partition| partition.owns(*provider)) else {
            continue;
        };
        if seen.contains(provider) {
            continue;
        }
        seen.push(*provider);
        let affected = affected(&needs, (*provider, owner));
        if let Some(first) = affected.first() {
            report.push(given(tree, owner, (first, &affected)));
        }
    }
}

/// The console and the interrupt controller, and of each partition the CPUs.
fn runners<'a>(system: &'a System<'a>) -> Vec<Runner<'a>> {
    let board = system.board;
    let console = board.console.map(|console| Runner {
        node: console.node,
        what: "the hypervisor's console".to_owned(),
        site: system.wish.board.console_site(),
        owner: None,
    });
    let gic =
        Runner { node: board.gic.node, what: "the interrupt controller".to_owned(), site: None, owner: None };
    let cpus = system.partitions.iter().flat_map(|partition| {
        partition.cpus.iter().map(move |(cpu, site)| Runner {
            node: board.cpus[*cpu].node,
            what: format!("CPU {cpu} of `{}`", partition.name()),
            site: Some(site),
            owner: Some(partition),
        })
    });
    console.into_iter().chain([gic]).chain(cpus).collect()
}

/// All that something runs from; what has no state cannot be switched off.
fn needs<'a>(tree: &Tree, runner: &'a Runner<'a>) -> Vec<Need<'a>> {
    let mut found: Vec<Need<'a>> = Vec::new();
    let mut next = vec![(runner.node, None::<String>)];
    while let Some((node, by)) = next.pop() {
        // What cannot be told of a device was said when somebody asked for it.
        for need in tree.needs(node).unwrap_or_default() {
            let provider = tree.whole(need.provider);
            let property = by.clone().unwrap_or(need.property);
            if provider != runner.node
                && !is_stateless(tree, provider)
                && found.iter().all(|it| it.provider != provider)
            {
                next.push((provider, Some(property.clone())));
                found.push(Need { runner, property, provider });
            }
        }
    }
    found
}

/// Who needs something of an owner's; one CPU speaks for all of its partition.
fn affected<'a>(needs: &'a [Need<'a>], (provider, owner): (NodeId, &Partition<'_>)) -> Vec<&'a Need<'a>> {
    let mut found: Vec<&Need<'_>> = Vec::new();
    for need in needs.iter().filter(|need| need.provider == provider) {
        let name = need.runner.owner.map(Partition::name);
        let is_told = name.is_some() && found.iter().any(|it| it.runner.owner.map(Partition::name) == name);
        if name != Some(owner.name()) && !is_told {
            found.push(need);
        }
    }
    found
}

fn given(tree: &Tree, owner: &Partition<'_>, (first, affected): (&Need<'_>, &[&Need<'_>])) -> Diagnostic {
    let path = &tree.node(first.provider).path;
    let title = format!("{} depends on `{path}`, which belongs to `{}`", first.runner.what, owner.name());
    let site = owner.devices.iter().find(|device| device.node == first.provider).map(|device| device.site);
    let mut given = Diagnostic::new(Code::UpstreamGiven, title).about(path).of(owner.name());
    given = given.at_if(site, "can switch it off");
    for need in affected {
        given = match need.runner.site {
            Some(site) => given.at(site, format!("{} needs it as `{}`", need.runner.what, need.property)),
            None if !std::ptr::eq(*need, first) => given.note(format!("{} needs it, too", need.runner.what)),
            None => given,
        };
    }
    given
        .note("Linux switches off the clocks and power domains that none of its devices uses")
        .help(format!("take `{path}` out"))
}
