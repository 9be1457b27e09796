//! P0204: a page of registers has one owner.
//!
//! Stage 2 gives out pages of 4 KiB. Whoever gets a page gets every device in it, asked for or not.

use crate::board::{Board, outer_pages};
use crate::diagnostic::{Code, Diagnostic, Report, Site};
use crate::expand::System;
use crate::tree::NodeId;
use bulkhead_plan::Span;

/// Registers as pages, with who owns them; the hypervisor has no site.
struct Claim<'a> {
    node: NodeId,
    pages: Span,
    owner: Option<(&'a str, &'a Site)>,
}

/// No page of registers belongs to two partitions, or to a partition and the hypervisor.
pub(super) fn have_one_owner(system: &System<'_>, report: &mut Report) {
    let mut claims = hypervisors(system.board);
    for claim in partitions(system) {
        let rival = claims.iter().find(|other| other.pages.overlaps(&claim.pages) && other.contends(&claim));
        if let Some(rival) = rival {
            report.push(shared(system, rival, &claim));
        }
        claims.push(claim);
    }
}

impl Claim<'_> {
    /// Whether two claims cannot both stand; a device in two hands is another rule's.
    fn contends(&self, other: &Self) -> bool {
        let name = |claim: &Self| claim.owner.map(|(name, _)| name.to_owned());
        self.owner.is_none() || (self.node != other.node && name(self) != name(other))
    }
}

/// The registers that no partition may reach.
fn hypervisors<'a>(board: &Board) -> Vec<Claim<'a>> {
    let all = board.reserved_registers().into_iter();
    all.map(|(node, span)| Claim { node, pages: outer_pages(span), owner: None }).collect()
}

fn partitions<'a>(system: &'a System<'_>) -> impl Iterator<Item = Claim<'a>> {
    system.partitions.iter().flat_map(|partition| {
        partition.devices.iter().flat_map(|device| {
            device.registers.iter().map(|span| Claim {
                node: device.node,
                pages: outer_pages(*span),
                owner: Some((partition.name(), device.site)),
            })
        })
    })
}

fn shared(system: &System<'_>, rival: &Claim<'_>, claim: &Claim<'_>) -> Diagnostic {
    let path = |claim: &Claim<'_>| system.board.tree.node(claim.node).path.clone();
    let (mine, other) = (path(claim), path(rival));
    let title = format!("devices `{mine}` and `{other}` lie on one page and have two owners");
    let mut diagnostic = Diagnostic::new(Code::PageShared, title);
    if let Some((name, site)) = claim.owner {
        diagnostic = diagnostic.at(site, format!("`{name}` asks for `{mine}` here"));
    }
    diagnostic = match rival.owner {
        Some((name, site)) => diagnostic.at(site, format!("`{name}` already owns `{other}`")),
        None => diagnostic.note(format!("`{other}` belongs to no partition")),
    };
    diagnostic.note(format!("the page is {}", rival.pages)).help_if(substitute(system, claim.node))
}

/// A device of the same kind on a page that nobody has.
fn substitute(system: &System<'_>, node: NodeId) -> Option<String> {
    let board = system.board;
    let kind = board.tree.node(node).text("compatible")?;
    let taken: Vec<Claim<'_>> = hypervisors(board).into_iter().chain(partitions(system)).collect();
    let is_free = |id: &NodeId| {
        let pages: Vec<Span> =
            board.tree.registers(*id).unwrap_or_default().into_iter().map(outer_pages).collect();
        !pages.is_empty() && !taken.iter().any(|claim| pages.iter().any(|pages| pages.overlaps(&claim.pages)))
    };
    let same =
        |id: &NodeId| board.tree.node(*id).text("compatible") == Some(kind) && board.is_assignable(*id);
    let free = board.tree.ids().filter(same).find(is_free)?;
    Some(format!("`{}` is of the same kind and lies on a page that nobody uses", board.tree.node(free).path))
}
