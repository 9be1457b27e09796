//! What is left for the partition that takes the rest.
//!
//! It gets every working device that nobody claimed and that it can have without a fault: `rest` is a wish
//! for as much as possible, so what cannot be is left out with its reason rather than refused. A device goes
//! with all that lies in it, or not at all; of a bus every device is looked at by itself.

use super::devices::Asked;
use super::{Device, accepts};
use crate::allocate::address_bits;
use crate::board::{Board, is_stateless, outer_pages};
use crate::diagnostic::Site;
use crate::load::{PartitionWish, Wish};
use crate::tree::NodeId;
use bulkhead_plan::Span;

/// A device with all that lies in it.
struct Candidate<'a> {
    root: NodeId,
    devices: Vec<Device<'a>>,
}

/// The devices while they are told apart.
struct Rest<'a, 'b> {
    board: &'b Board,
    file: &'a Wish,
    wish: &'a PartitionWish,
    site: &'a Site,
    /// What its owner got by name.
    own: Vec<NodeId>,
    /// What other partitions got, and their pages and interrupts.
    others: Vec<NodeId>,
    taken_pages: Vec<(NodeId, Span)>,
    taken_interrupts: Vec<u32>,
    kept: Vec<Candidate<'a>>,
    left: Vec<(NodeId, String)>,
}

/// Gives the first partition that takes the rest what is left of `devices`, which are those of each; what is
/// still left then has a reason.
pub(super) fn share<'a>(
    file: &'a Wish,
    devices: &mut [Vec<Device<'a>>],
    board: &Board,
) -> Vec<(NodeId, String)> {
    let wishes = &file.system.partitions;
    let taker = wishes.iter().enumerate().find_map(|(index, wish)| Some((index, wish, wish.rest.as_ref()?)));
    let Some((index, wish, site)) = taker else { return Vec::new() };
    let others =
        || devices.iter().enumerate().filter(|(at, _)| *at != index).flat_map(|(_, devices)| devices);
    let of_device =
        |device: &Device<'_>| device.registers.iter().map(|it| (device.node, *it)).collect::<Vec<_>>();
    let registers = others().flat_map(of_device).chain(board.reserved_registers());
    let mut rest = Rest {
        board,
        file,
        wish,
        site,
        own: devices[index].iter().map(|device| device.node).collect(),
        others: others().map(|device| device.node).collect(),
        taken_pages: registers.map(|(node, span)| (node, outer_pages(span))).collect(),
        taken_interrupts: others().flat_map(|device| &device.interrupts).map(|it| it.intid).collect(),
        kept: Vec::new(),
        left: Vec::new(),
    };
    rest.look_into(board.tree.root());
    rest.settle();
    devices[index].extend(rest.kept.into_iter().flat_map(|candidate| candidate.devices));
    rest.left
}

impl<'a> Rest<'a, '_> {
    /// Looks at everything that lies in `parent`.
    fn look_into(&mut self, parent: NodeId) {
        let board = self.board;
        for child in &board.tree.node(parent).children {
            let is_owned = self.others.contains(child) || self.own.contains(child);
            if is_owned || !board.is_assignable(*child) {
                continue;
            }
            if board.tree.is_bus(*child) {
                self.look_into(*child);
                continue;
            }
            match self.candidate(*child) {
                Ok(candidate) => self.kept.push(candidate),
                Err(why) => self.left.push((*child, why)),
            }
        }
    }

    /// The device `root` with all that lies in it, or why it cannot be had.
    fn candidate(&self, root: NodeId) -> Result<Candidate<'a>, String> {
        let board = self.board;
        let path = |node| &board.tree.node(node).path;
        let console = self.file.board.console_site();
        let asked = Asked { board, console, partition: self.wish, name: path(root), site: self.site };
        let nodes = asked.inside(root).map_err(|fault| fault.summary())?;
        if let Some(other) = nodes.iter().find(|node| self.others.contains(node) || self.own.contains(node)) {
            return Err(format!("`{}`, which lies in it, was given by itself", path(*other)));
        }
        let device = |node| asked.device(root, node).map_err(|fault| fault.summary());
        let devices: Vec<Device<'a>> = nodes.into_iter().map(device).collect::<Result<_, _>>()?;
        match devices.iter().find_map(|device| self.obstacle(device)) {
            Some(why) => Err(why),
            None => Ok(Candidate { root, devices }),
        }
    }

    /// Why a device cannot be had, whatever else is.
    fn obstacle(&self, device: &Device<'_>) -> Option<String> {
        let pages = || device.registers.iter().map(|span| outer_pages(*span));
        let shares = |(_, taken): &&(NodeId, Span)| pages().any(|pages| taken.overlaps(&pages));
        if let Some((other, _)) = self.taken_pages.iter().find(shares) {
            return Some(format!("it shares a page with `{}`", self.board.tree.node(*other).path));
        }
        let bits = address_bits(self.board);
        if pages().any(|pages| pages.end().is_none_or(|end| end > 1 << bits)) {
            return Some(format!("its registers lie higher than a partition sees, {bits} bits"));
        }
        let is_taken = |intid: &u32| self.taken_interrupts.contains(intid);
        if let Some(intid) = device.interrupts.iter().map(|it| it.intid).find(is_taken) {
            return Some(format!("its interrupt {intid} has another owner"));
        }
        let is_accepted =
            !device.is_master || accepts(self.file, self.board, &self.wish.name.value, device.node);
        (!is_accepted).then(|| "it counts as a bus master, and nobody accepted that".to_owned())
    }

    /// Leaves out what depends on something that was left out, until nothing does.
    fn settle(&mut self) {
        loop {
            let mut settled = Vec::new();
            let verdicts: Vec<Option<String>> =
                self.kept.iter().map(|it| it.devices.iter().find_map(|device| self.lack(device))).collect();
            let is_stable = verdicts.iter().all(Option::is_none);
            for (candidate, verdict) in std::mem::take(&mut self.kept).into_iter().zip(verdicts) {
                match verdict {
                    None => settled.push(candidate),
                    Some(why) => self.left.push((candidate.root, why)),
                }
            }
            self.kept = settled;
            if is_stable {
                return;
            }
        }
    }

    /// Why a device cannot be had with what is kept now.
    fn lack(&self, device: &Device<'_>) -> Option<String> {
        let tree = &self.board.tree;
        let needs = match tree.needs(device.node) {
            Ok(needs) => needs,
            Err(why) => return Some(why),
        };
        let is_there =
            |node: NodeId| node == self.board.gic.node || is_stateless(tree, node) || self.owns(node);
        if let Some(need) = needs.iter().find(|need| !is_there(need.provider)) {
            let path = &tree.node(need.provider).path;
            return Some(format!("it needs `{path}` as `{}`, which it does not get", need.property));
        }
        let is_loose = |node: &NodeId| !super::never_masters(tree, *node);
        let neighbour = self
            .left
            .iter()
            .map(|(node, _)| *node)
            .filter(is_loose)
            .find(|node| self.is_beside(*node, device));
        neighbour
            .filter(|_| !self.has_master())
            .map(|node| format!("its page would bring the bus master `{}`", tree.node(node).path))
    }

    fn owns(&self, node: NodeId) -> bool {
        let is_kept = || self.kept.iter().any(|it| it.devices.iter().any(|device| device.node == node));
        self.own.contains(&node) || is_kept()
    }

    fn has_master(&self) -> bool {
        self.kept.iter().any(|it| it.devices.iter().any(|device| device.is_master))
    }

    fn is_beside(&self, node: NodeId, device: &Device<'_>) -> bool {
        let registers = self.board.tree.registers(node).unwrap_or_default();
        let pages: Vec<Span> = registers.into_iter().map(outer_pages).collect();
        device.registers.iter().any(|own| pages.iter().any(|page| page.overlaps(&outer_pages(*own))))
    }
}
