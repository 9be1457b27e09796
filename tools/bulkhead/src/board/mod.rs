//! The facts of a board, all of them from its device tree.
//!
//! What a person wrote about the board is only where the tree is, where the hypervisor runs and through
//! which UART it speaks.

mod clocks;
mod console;
mod cpus;
mod disabled;
mod gic;
mod kinds;
mod memory;
mod source;
mod stated;
mod uart;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::load::{BoardFile, SystemFile, Wish};
use crate::tree::{NodeId, Tree};
use bulkhead_plan::{BLOCK, Conduit, Span};
use std::collections::HashMap;
use std::path::PathBuf;

pub(crate) use console::{Console, stdout, unusable as console_unusable};
pub(crate) use cpus::{BoardCpu, cores};
pub(crate) use gic::{Gic, STRIDE, Version, Wire, wire_text};
use kinds::why_never_assignable;
pub(crate) use kinds::{counts_as_disk, is_counter, is_stateless, is_uart, never_masters, resets_board};
pub(crate) use memory::{joined, outer_pages, without};
pub(crate) use source::{FETCHED, QEMU, QEMU_TREE, machine_arguments, machine_size, tree_file};
pub(crate) use stated::{covered, is_memory};
pub(crate) use uart::{console as sender, kind as uart_kind};

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
    /// The way to its firmware, if it is one that the hypervisor can go.
    pub(crate) conduit: Option<Conduit>,
    /// Where the hypervisor speaks.
    pub(crate) console: Option<Console>,
    /// Whether a partition may have that UART, once the last one has begun.
    pub(crate) hands_over: bool,
    /// The rate in Hz at which the firmware leaves a device's clocks, as far as the board file says.
    pub(crate) clock_rates: HashMap<NodeId, u32>,
    /// Why the hypervisor cannot run on it today. It can be described and carved up all the same.
    pub(crate) obstacles: Vec<String>,
}

impl Board {
    /// Gets the board's tree, out of the folders of images if it was fetched, and reads the facts from it; `None` after a fault that leaves no board.
    pub(crate) fn read(wish: &Wish, images: &[PathBuf], report: &mut Report) -> Option<Self> {
        Self::of(&wish.board, Some(&wish.system), images, report)
    }

    /// The same for a board, with the machine in QEMU that a system asks for, if there is a system.
    pub(crate) fn of(
        file: &BoardFile,
        system: Option<&SystemFile>,
        images: &[PathBuf],
        report: &mut Report,
    ) -> Option<Self> {
        let mut tree = source::tree(file, system, images, report)?;
        disabled::disable(&mut tree, file, report);
        let stated = stated::memory(&tree, file, report)?;
        match Self::from_tree(tree, &file.name, &stated) {
            Ok(mut board) => {
                board.console = console::console(&board.tree, file, report);
                board.hands_over = file.hand_over.as_ref().is_some_and(|hand_over| hand_over.value);
                board.clock_rates = clocks::rates(&board.tree, file, report);
                if let Some(address) = &file.cpu_interface {
                    board.gic.move_cpu_interface(address.value);
                }
                Some(board)
            }
            Err(reason) => {
                report.push(unsupported(file, &reason));
                None
            }
        }
    }

    /// The facts of a tree, the console left out; memory that is `stated` counts instead of the tree's.
    pub(crate) fn from_tree(tree: Tree, name: &str, stated: &[Span]) -> Result<Self, String> {
        let ram = memory::ram(&tree, stated)?;
        let memory = memory::usable(&tree, &ram)?;
        let gic = gic::gic(&tree)?;
        let conduit = cpus::conduit(&tree);
        let mut obstacles: Vec<String> = conduit.as_ref().err().cloned().into_iter().collect();
        obstacles.extend(memory::over_frames(&memory, &gic.frames));
        let (name, conduit) = (name.to_owned(), conduit.ok());
        let cpus = cpus::cpus(&tree, &gic, conduit)?;
        Ok(Self {
            name,
            tree,
            ram,
            memory,
            cpus,
            gic,
            conduit,
            console: None,
            hands_over: false,
            clock_rates: HashMap::new(),
            obstacles,
        })
    }

    /// The memory that a tree says there is.
    pub(crate) fn memory_of(tree: &Tree) -> Result<Vec<Span>, String> {
        memory::ram(tree, &[])
    }

    /// Where a tree says that memory begins, though perhaps not how much there is.
    pub(crate) fn memory_base(tree: &Tree) -> Option<u64> {
        memory::base(tree)
    }

    /// Lowest address of RAM: where an operating system expects it.
    pub(crate) fn ram_base(&self) -> u64 {
        let lowest = self.ram.first().map_or(0, |span| span.base.0);
        lowest.checked_next_multiple_of(BLOCK).unwrap_or(0)
    }

    /// Why a node can belong to no partition, if so.
    pub(crate) fn why_reserved(&self, id: NodeId) -> Option<&'static str> {
        let console = || self.keeps_console(id).then_some("it is the hypervisor's console");
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

    /// What the tree's `stdout-path` says of the UART at `path` behind the path itself.
    pub(crate) fn stdout_options(&self, path: &str) -> &str {
        let known = stdout(&self.tree).filter(|(node, _)| self.tree.node(*node).path == path);
        known.map_or("", |(_, options)| options)
    }

    /// Whether a node is the UART that the hypervisor speaks through as long as the board is on.
    pub(crate) fn keeps_console(&self, id: NodeId) -> bool {
        self.is_console(id) && !self.hands_over
    }

    /// Whether a node is the UART that the hypervisor speaks through.
    pub(crate) fn is_console(&self, id: NodeId) -> bool {
        self.console.as_ref().is_some_and(|console| console.node == id)
    }
}

/// What is wrong with a board that the hypervisor cannot run on.
pub(crate) fn unsupported(file: &BoardFile, reason: &str) -> Diagnostic {
    let title = format!("the hypervisor cannot run on board `{}`", file.name);
    Diagnostic::new(Code::BoardUnsupported, title).at(&file.device_tree.site, reason)
}
