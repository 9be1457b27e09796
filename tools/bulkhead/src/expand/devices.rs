//! The devices that a partition asks for.
//!
//! A node comes with everything that lies inside of it, so everything inside must be such that it can be
//! given away.

use super::{Device, is_master};
use crate::board::{Board, Gic, Wire, is_uart};
use crate::diagnostic::{Code, Diagnostic, Report, Site, did_you_mean};
use crate::load::{BoardFile, PartitionWish};
use crate::tree::NodeId;
use bulkhead_plan::{Interrupt, limits};

/// One name in the list of one partition.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a, 'b> {
    /// The board.
    pub(super) board: &'b Board,
    /// Where the hypervisor's console is named.
    pub(super) console: Option<&'b Site>,
    /// Who asks.
    pub(super) partition: &'a PartitionWish,
    /// What is asked for.
    pub(super) name: &'b str,
    /// Where.
    pub(super) site: &'a Site,
}

/// The nodes that one partition owns, without those that cannot be.
pub(super) fn devices<'a>(
    partition: &'a PartitionWish,
    (board, file): (&Board, &BoardFile),
    report: &mut Report,
) -> Vec<Device<'a>> {
    let mut found: Vec<Device<'a>> = Vec::new();
    for device in &partition.devices {
        let (name, site) = (device.value.as_str(), &device.site);
        let asked = Asked { board, console: file.console_site(), partition, name, site };
        let mut take = || {
            let root = asked.resolve()?;
            let nodes = asked.inside(root)?;
            if let Some(first) = found.iter().find(|device| nodes.contains(&device.node)) {
                return Err(asked.repeated(first));
            }
            for node in nodes {
                found.push(asked.device(root, node)?);
            }
            Ok(())
        };
        if let Err(fault) = take() {
            report.push(fault);
        }
    }
    found
}

impl<'a> Asked<'a, '_> {
    fn who(&self) -> &str {
        &self.partition.name.value
    }

    /// The node that is meant.
    fn resolve(&self) -> Result<NodeId, Diagnostic> {
        let Self { board, name, site, .. } = *self;
        board.tree.find(name).ok_or_else(|| {
            let assignable = || {
                let ids = board.tree.ids().filter(|id| board.is_assignable(*id));
                ids.map(|id| board.tree.node(id).path.as_str())
            };
            let address = format!("{name}@");
            let whole = assignable().find(|path| path.starts_with(&address));
            let whole = whole.map(|path| format!("a path has the unit address: `{path}`"));
            let deeper = assignable().find(|path| name.starts_with('/') && path.ends_with(name));
            let deeper = deeper.map(|path| format!("a path begins at the root: `{path}`"));
            let guess = whole.or(deeper).or_else(|| did_you_mean(name, assignable()));
            let title =
                format!("board `{}` has no device `{}`, which `{}` asks for", board.name, name, self.who());
            Diagnostic::new(Code::DeviceUnknown, title).at(site, "no such device").help_if(guess)
        })
    }

    /// The node with all that lies in it and works.
    pub(super) fn inside(&self, root: NodeId) -> Result<Vec<NodeId>, Diagnostic> {
        let Self { board, site, .. } = *self;
        let path = |id| &board.tree.node(id).path;
        let nodes = board.tree.subtree(root);
        if nodes.iter().any(|id| board.keeps_console(*id)) {
            return Err(self.console_given());
        }
        if let Some((node, why)) = nodes.iter().find_map(|id| Some((*id, board.why_reserved(*id)?))) {
            let title = format!(
                "device `{}` cannot be given to `{}`: it belongs to no partition",
                path(node),
                self.who()
            );
            let reserved = Diagnostic::new(Code::DeviceReserved, title).at(site, why);
            let inside = (node != root).then(|| format!("`{}` lies in `{}`", path(node), path(root)));
            return Err(match inside {
                Some(inside) => reserved.note(inside).help("ask for the devices by themselves"),
                None => reserved,
            });
        }
        if !board.tree.is_enabled(root) {
            let title = format!(
                "device `{}`, which `{}` asks for, is disabled in the board's device tree",
                path(root),
                self.who()
            );
            let disabled = Diagnostic::new(Code::DeviceDisabled, title).at(site, "disabled");
            return Err(disabled.help("firmware or the board's wiring keeps it from working; choose another"));
        }
        Ok(nodes.into_iter().filter(|id| board.tree.is_enabled(*id)).collect())
    }

    /// One node with its registers and interrupts.
    pub(super) fn device(&self, root: NodeId, node: NodeId) -> Result<Device<'a>, Diagnostic> {
        let board = self.board;
        let registers = board.tree.registers(node).map_err(|why| self.unreachable(node, why))?;
        if registers.iter().any(|span| board.ram.iter().any(|ram| ram.overlaps(span))) {
            return Err(self.unreachable(node, "its registers lie in RAM".to_owned()));
        }
        let mut interrupts = Vec::new();
        let lines = board.tree.final_lines(node).map_err(|why| self.unreachable(node, why))?;
        for line in lines.into_iter().chain(board.tree.mapped_lines(node)) {
            if line.controller != board.gic.node {
                continue;
            }
            match Gic::wire(&line.specifier) {
                Some(Wire::Spi(intid, trigger)) if intid <= limits::LAST_SPI => {
                    interrupts.push(Interrupt { intid, trigger });
                }
                Some(Wire::Ppi(_)) => {}
                _ => return Err(self.out_of_range(node, &line.specifier)),
            }
        }
        let is_master = (node == root || !registers.is_empty()) && is_master(self.partition, board, node);
        Ok(Device { node, site: self.site, is_master, registers, interrupts })
    }

    fn console_given(&self) -> Diagnostic {
        let title = format!("device `{}` cannot be given to `{}`", self.name, self.who());
        let given = Diagnostic::new(Code::ConsoleGiven, title);
        let given = given.at(self.site, "it is the hypervisor's console").at_if(self.console, "named here");
        let tree = &self.board.tree;
        let mut others = tree.ids().filter(|id| is_uart(tree, *id) && self.board.is_assignable(*id));
        let other = others.next().map(|id| format!("`{}` is another UART", tree.node(id).path));
        let or = "or let the board's file say `hand-over = true`: then the hypervisor speaks in memory, once all partitions run";
        given
            .note("a partition without a UART of its own gets a virtual one in its place")
            .help_if(other)
            .help(or)
    }

    fn repeated(&self, first: &Device<'_>) -> Diagnostic {
        let title = format!("device `{}` stands twice in the list of `{}`", self.name, self.who());
        let repeated = Diagnostic::new(Code::DeviceRepeated, title).at(self.site, "again");
        repeated.at(first.site, "here").help("leave one of them out")
    }

    fn unreachable(&self, node: NodeId, why: String) -> Diagnostic {
        let path = &self.board.tree.node(node).path;
        let title = format!("the registers of `{path}` cannot be given to `{}`", self.who());
        Diagnostic::new(Code::DeviceUnreachable, title).at(self.site, why)
    }

    fn out_of_range(&self, node: NodeId, specifier: &[u32]) -> Diagnostic {
        let path = &self.board.tree.node(node).path;
        let title = format!("an interrupt of `{path}` cannot be given to `{}`", self.who());
        Diagnostic::new(Code::InterruptOutOfRange, title)
            .at(self.site, format!("has the interrupt {specifier:?}"))
            .note(format!("a partition can own SPI 0 to {}", limits::LAST_SPI - limits::FIRST_SPI))
    }
}
