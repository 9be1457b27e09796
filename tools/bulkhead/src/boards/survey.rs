//! What there is on a board, and what of it the tool does not understand.
//!
//! Everything is looked at that a system could ask for later, so that surprises come now.

use crate::board::{Board, Gic, Version, sender, stdout};
use crate::load::size_text;
use crate::tree::{NodeId, Tree};
use bulkhead_plan::{Conduit, Span};
use std::collections::BTreeMap;

/// Nodes of one kind that are named one by one; of more, only the number is told.
const NAMED: usize = 3;

/// The findings.
#[derive(Debug)]
pub(super) struct Survey {
    /// What was found: what it is, and the words for it.
    pub(super) found: Vec<(&'static str, String)>,
    /// What was not understood, or does not work yet.
    pub(super) unclear: Vec<String>,
    /// The path of the console.
    pub(super) console: Option<String>,
    /// Where the hypervisor goes.
    pub(super) window: Option<Span>,
}

/// Looks at everything on a board.
pub(super) fn survey(board: &Board, window: Option<Span>) -> Survey {
    let tree = &board.tree;
    let console = stdout(tree).map(|(node, _)| node).filter(|node| tree.is_enabled(*node));
    let found = vec![
        ("interrupts", gic(&board.gic)),
        ("CPUs", cpus(board)),
        ("memory", spans(&board.ram)),
        ("reserved", reserved(tree)),
        ("console", console.map_or_else(|| "none named by `stdout-path`".to_owned(), |id| kind(tree, id))),
        ("UARTs", listed(tree, uarts(tree))),
        (
            "timer",
            listed(tree, of_kind(tree, |kind| kind.starts_with("arm,armv") && kind.contains("-timer"))),
        ),
        ("IOMMUs", listed(tree, iommus(tree))),
        (
            "window",
            window.map_or_else(
                || "no place".to_owned(),
                |it| format!("{:#x}, {} free", it.base.0, size_text(it.size)),
            ),
        ),
    ];
    let console = console.map(|id| tree.node(id).path.clone());
    Survey { found, unclear: unclear(board, window), console, window }
}

fn unclear(board: &Board, window: Option<Span>) -> Vec<String> {
    let tree = &board.tree;
    let mut unclear: Vec<String> =
        board.obstacles.iter().map(|why| format!("Bulkhead does not run on this board yet: {why}")).collect();
    match stdout(tree) {
        None => unclear.push(
            "`/chosen/stdout-path` names no UART: the hypervisor stays silent until `console` says which"
                .to_owned(),
        ),
        Some((id, _)) if !tree.is_enabled(id) => {
            unclear.push(format!("the console `{}` is disabled in the tree", tree.node(id).path));
        }
        Some((id, _)) => {
            let unusable =
                |why| format!("the hypervisor cannot speak through `{}`: {why}", tree.node(id).path);
            unclear.extend(sender(tree, id).err().map(unusable));
        }
    }
    unclear.extend(window.is_none().then(|| "no 2 MiB of memory are free for the hypervisor".to_owned()));
    for cpu in &board.cpus {
        let why = cpu
            .unusable
            .as_ref()
            .map(|why| format!("`{}` cannot be given away: {why}", tree.node(cpu.node).path));
        unclear.extend(why);
    }
    if !iommus(tree).is_empty() {
        unclear.push("its IOMMUs stay off: every bus master must be accepted in writing".to_owned());
    }
    unclear.extend(unreadable(tree));
    unclear
}

fn gic(gic: &Gic) -> String {
    let at = gic.distributor.base.0;
    match (gic.version, gic.translators.len()) {
        (Version::V2, _) => format!("GICv2 at {at:#x}"),
        (Version::V3, 0) => format!("GICv3 at {at:#x}"),
        (Version::V3, count) => {
            format!("GICv3 at {at:#x}, {count} ITS (message-signalled interrupts stay off)")
        }
    }
}

fn cpus(board: &Board) -> String {
    let tree = &board.tree;
    let mut cores: BTreeMap<&str, usize> = BTreeMap::new();
    for cpu in &board.cpus {
        *cores
            .entry(tree.node(cpu.node).compatible().first().copied().unwrap_or("of unknown kind"))
            .or_default() += 1;
    }
    let kinds: Vec<String> = cores.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let mut methods: Vec<&str> =
        board.cpus.iter().filter_map(|cpu| tree.node(cpu.node).text("enable-method")).collect();
    methods.dedup();
    let started = match (methods.is_empty(), board.conduit) {
        (true, _) => "the tree does not say how they are started".to_owned(),
        (false, Some(Conduit::Smc)) => "started by PSCI through SMC".to_owned(),
        (false, Some(Conduit::SpinTable)) => "started out of a spin table".to_owned(),
        (false, None) => format!("started by {}", methods.join(" and ")),
    };
    format!("{}; {started}", kinds.join(", "))
}

fn reserved(tree: &Tree) -> String {
    let nodes = tree.at("/reserved-memory").map_or(&[][..], |folder| &tree.node(folder).children);
    let named = nodes.iter().flat_map(|id| {
        let spans = tree.registers(*id).unwrap_or_default();
        spans.into_iter().map(|span| format!("{span} {}", tree.node(*id).name))
    });
    let header = tree.reservations.iter().map(|span| format!("{span} (by the header)"));
    let all: Vec<String> = header.chain(named).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// What cannot be read of the nodes that work, told by kind of fault.
fn unreadable(tree: &Tree) -> Vec<String> {
    let mut faults: Vec<String> = tree
        .ids()
        .filter(|id| tree.is_enabled(*id))
        .flat_map(|id| {
            [tree.registers(id).err(), tree.final_lines(id).err(), tree.needs(id).err()].into_iter().flatten()
        })
        .collect();
    faults.dedup();
    let more = faults.len().saturating_sub(NAMED);
    faults.truncate(NAMED);
    let rest = (more > 0).then(|| format!("{more} more properties cannot be read"));
    faults.into_iter().chain(rest).collect()
}

fn uarts(tree: &Tree) -> Vec<NodeId> {
    tree.ids().filter(|id| crate::board::is_uart(tree, *id) && tree.is_enabled(*id)).collect()
}

fn iommus(tree: &Tree) -> Vec<NodeId> {
    tree.ids()
        .filter(|id| tree.node(*id).property("#iommu-cells").is_some() && tree.is_enabled(*id))
        .collect()
}

fn of_kind(tree: &Tree, is_kind: impl Fn(&str) -> bool) -> Vec<NodeId> {
    let has = |id: &NodeId| tree.node(*id).compatible().into_iter().any(&is_kind);
    tree.ids().filter(|id| has(id) && tree.is_enabled(*id)).collect()
}

/// The nodes by path and kind, or how many there are.
fn listed(tree: &Tree, nodes: Vec<NodeId>) -> String {
    match nodes.len() {
        0 => "none".to_owned(),
        count if count > NAMED => format!("{count}, the first is {}", kind(tree, nodes[0])),
        _ => nodes.into_iter().map(|id| kind(tree, id)).collect::<Vec<_>>().join(", "),
    }
}

fn kind(tree: &Tree, id: NodeId) -> String {
    let node = tree.node(id);
    format!("{} ({})", node.path, node.compatible().first().copied().unwrap_or("of no kind"))
}

fn spans(spans: &[Span]) -> String {
    let each = spans.iter().map(|span| format!("{} at {:#x}", size_text(span.size), span.base.0));
    each.collect::<Vec<_>>().join(", ")
}
