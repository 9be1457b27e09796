//! The facts of a board, all of them from its device tree.
//!
//! What a person wrote about the board is only where the tree is, where the hypervisor runs and through
//! which UART it speaks.

mod console;
mod cpus;
mod gic;
mod kinds;
mod memory;
mod source;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::load::{BoardFile, Wish};
use crate::tree::{NodeId, Tree};
use bulkhead_plan::{Conduit, Span};

pub(crate) use console::Console;
pub(crate) use cpus::BoardCpu;
pub(crate) use gic::{Gic, STRIDE, Wire, wire_text};
use kinds::why_never_assignable;
pub(crate) use kinds::{is_stateless, is_uart, never_masters};
pub(crate) use memory::{joined, outer_pages, without};
pub(crate) use source::{QEMU, machine_arguments, machine_size};

/// A board.
#[derive(Debug)]
pub(crate) struct Board {
    /// Its name.
    pub(crate) name: String,
    /// Its device tree.
    pub(crate) tree: Tree,
    /// All RAM, what the tree reserves included.
    pub(crate) ram: Vec<Span>,
    /// RAM that can be given away: page aligned, sorted, without what the tree reserves.
    pub(crate) memory: Vec<Span>,
    /// Its CPUs, in the order of the tree.
    pub(crate) cpus: Vec<BoardCpu>,
    /// Its interrupt controller.
    pub(crate) gic: Gic,
    /// The way to its firmware.
    pub(crate) conduit: Conduit,
    /// Where the hypervisor speaks.
    pub(crate) console: Option<Console>,
}

impl Board {
    /// Gets the board's tree and reads the facts from it; `None` after a fault that leaves no board.
    pub(crate) fn read(wish: &Wish, report: &mut Report) -> Option<Self> {
        let file = &wish.board;
        let tree = source::tree(wish, report)?;
        let facts = (|| {
            let ram = memory::ram(&tree)?;
            let memory = memory::usable(&tree, &ram)?;
            let gic = gic::gic(&tree)?;
            let cpus = cpus::cpus(&tree, &gic)?;
            Ok((ram, memory, gic, cpus, psci(&tree)?))
        })();
        let (ram, memory, gic, cpus, conduit) = match facts {
            Ok(facts) => facts,
            Err(reason) => {
                report.push(unsupported(file, reason));
                return None;
            }
        };
        let console = console::console(&tree, file, report);
        Some(Self { name: file.name.clone(), tree, ram, memory, cpus, gic, conduit, console })
    }

    /// Lowest address of RAM: where an operating system expects it.
    pub(crate) fn ram_base(&self) -> u64 {
        self.memory.first().map_or(0, |span| span.base.0)
    }

    /// Why a node can belong to no partition, if so.
    pub(crate) fn why_reserved(&self, id: NodeId) -> Option<&'static str> {
        let console = || self.is_console(id).then_some("it is the hypervisor's console");
        why_never_assignable(&self.tree, id).or_else(console)
    }

    /// The registers that no partition may reach, with the nodes they belong to.
    pub(crate) fn reserved_registers(&self) -> Vec<(NodeId, Span)> {
        let gic = self.gic.frames.iter().map(|frame| (self.gic.node, *frame));
        let reserved = self.tree.ids().filter(|id| self.why_reserved(*id).is_some());
        let registers = |id| self.tree.registers(id).unwrap_or_default().into_iter().map(move |it| (id, it));
        let is_device = |(_, span): &(NodeId, Span)| !self.ram.iter().any(|ram| ram.overlaps(span));
        gic.chain(reserved.flat_map(registers)).filter(is_device).collect()
    }

    /// Whether a node is a device that somebody could own.
    pub(crate) fn is_assignable(&self, id: NodeId) -> bool {
        self.tree.is_enabled(id) && self.why_reserved(id).is_none()
    }

    /// Whether a node is the UART that the hypervisor speaks through.
    pub(crate) fn is_console(&self, id: NodeId) -> bool {
        self.console.as_ref().is_some_and(|console| console.node == id)
    }
}

fn unsupported(file: &BoardFile, reason: String) -> Diagnostic {
    let title = format!("the hypervisor cannot run on board `{}`", file.name);
    Diagnostic::new(Code::BoardUnsupported, title).at(&file.device_tree.site, reason)
}

/// The firmware's PSCI must be reached by SMC: HVC would mean that something else is at EL2.
fn psci(tree: &Tree) -> Result<Conduit, String> {
    let node = tree
        .ids()
        .find(|id| {
            tree.node(*id).compatible().iter().any(|kind| matches!(*kind, "arm,psci-1.0" | "arm,psci-0.2"))
        })
        .ok_or("this tree has no PSCI 0.2 or newer, so no other CPU can be started")?;
    match tree.node(node).text("method") {
        Some("smc") => Ok(Conduit::Smc),
        _ => Err("PSCI is not called by SMC in this tree: EL2 is not ours there".to_owned()),
    }
}
