//! Decides where everything lies, for one size of the window.
//!
//! The order is that of the file: hypervisor, plan, stage-2 tables, guest images, device trees, and behind
//! them the heap. Each begins on a page of its own, so that each can be mapped as what it is. Images that lie in
//! place are where their partitions have them.

use super::{Files, count};
use crate::allocate::{Space, allocate};
use crate::board::Version;
use crate::bootargs;
use crate::carve::carve;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::{Partition, System};
use crate::guest::{Layout, Placed, TREE, fits, lay_out};
use crate::records::{Own, Placement, records};
use crate::tables::tables;
use crate::wake::{sleepless, wake};
use bulkhead_core::sight::STACK;
use bulkhead_plan::{BLOCK, Ipa, Load, PAGE, Pa, ROOM_FOR_TREE, Span, limits};
use bulkhead_verify::digest;

/// Everything decided.
pub(super) struct Draft<'a> {
    /// What the hypervisor keeps for itself.
    pub(super) own: Own,
    /// Where the plan lies.
    pub(super) plan: Span,
    /// Where the tables lie.
    pub(super) tables_place: Span,
    /// The tables.
    pub(super) tables: Vec<u8>,
    /// What each partition sees.
    pub(super) spaces: Vec<Space>,
    /// What the plan says of each partition; its last load is its device tree, if it has one.
    pub(super) placements: Vec<Placement>,
    /// Each partition's pieces, with what they are.
    pub(super) pieces: Vec<Vec<Placed<'a>>>,
    /// Each partition's device tree, if it has one.
    pub(super) trees: Vec<Option<Vec<u8>>>,
}

impl Draft<'_> {
    /// Bytes of window that this takes.
    pub(super) fn needed(&self) -> Option<u64> {
        (self.own.heap.end()?.checked_add(ROOM_FOR_TREE)? - self.own.window.base.0)
            .checked_next_multiple_of(BLOCK)
    }
}

/// Decides everything; `None` after a fault was filed.
pub(super) fn draft<'a>(
    system: &System<'_>,
    files: Files<'a>,
    window: Span,
    report: &mut Report,
) -> Option<Draft<'a>> {
    let spaces = allocate(system, window, report)?;
    if system.board.gic.version == Version::V2 && wake(system, &spaces).is_none() {
        report.push(sleepless(system));
        return None;
    }
    let layouts = layouts(system, files, &spaces, report)?;
    let mut trees = Vec::new();
    let mut placements = Vec::new();
    for ((partition, space), layout) in system.partitions.iter().zip(&spaces).zip(&layouts) {
        let bootargs = filled(system, &spaces, partition, window);
        let bytes = layout.tree.map(|_| carve(system, partition, space, layout, &bootargs));
        let tree = layout.tree.zip(bytes.as_deref()).map(|(at, bytes)| tree(at, bytes));
        if let Err(fault) = fits(partition, layout, tree, space.ram_seen()) {
            report.push(fault);
        }
        placements.push(placement(partition, space, layout, tree));
        trees.push(bytes);
    }
    if !report.is_clean() {
        return None;
    }
    let own = Own { window, heap: Span::new(0, 0) };
    let empty = Span::new(0, 0);
    let pieces = layouts.into_iter().map(|layout| layout.pieces).collect();
    let tables = Vec::new();
    let mut draft =
        Draft { own, plan: empty, tables_place: empty, tables, spaces, placements, pieces, trees };
    let placed = draft.place(system, files.hypervisor.len());
    placed.map_err(|why| report.push(Diagnostic::new(Code::AddressTooHigh, why))).ok()?;
    Some(draft)
}

impl Draft<'_> {
    /// Gives everything its place in the window.
    fn place(&mut self, system: &System<'_>, hypervisor: usize) -> Result<(), String> {
        let mut free = Cursor(self.own.window.base.0);
        free.take(hypervisor);
        let unplaced = records(system, &self.spaces, &self.placements, self.own);
        self.plan = free.take(unplaced.encode(&[], self.tables_place, [0; 32]).len());
        self.tables_place.base = Pa(free.0);
        for (space, placement) in self.spaces.iter().zip(&mut self.placements) {
            placement.root = free.0;
            let bytes = tables(free.0, &space.regions)?;
            free.take(bytes.len());
            self.tables.extend(bytes);
        }
        self.tables_place.size = count(self.tables.len());
        let copied = self.placements.iter_mut().zip(&self.pieces).zip(&system.partitions);
        for ((placement, pieces), _) in copied.filter(|(_, partition)| !partition.in_place) {
            for (load, piece) in placement.loads.iter_mut().zip(pieces) {
                load.source = free.take(piece.bytes.len()).base;
            }
        }
        for (placement, tree) in self.placements.iter_mut().zip(&self.trees) {
            let Some(tree) = tree else { continue };
            let source = free.take(tree.len()).base;
            placement.loads.iter_mut().rev().take(1).for_each(|load| load.source = source);
        }
        self.own.heap = Span::new(free.0, heap_need(system));
        Ok(())
    }
}

/// Bytes of memory that the hypervisor takes while it boots, in the order in which it takes them.
fn heap_need(system: &System<'_>) -> u64 {
    /// Tables that are in use until EL2's own are built.
    const BOOT_TABLES: u64 = 5;
    /// Root, image, devices and stacks, on a board whose devices lie far apart.
    const TABLES: u64 = 16;
    /// To see a partition's memory: a root and at most three tables of blocks.
    const TABLES_OF_PARTITION: u64 = 4;
    /// To see the registers that silence its devices: a table of each lower level, twice.
    const TABLES_OF_SILENCE: u64 = 4;
    /// To look at the firmware's device tree for a while.
    const GLANCE: u64 = 10;
    let (cpus, partitions) = (count(system.board.cpus.len()), count(system.partitions.len()));
    let silenced = count(system.partitions.iter().filter(|it| !it.life.silence.is_empty()).count());
    let stacks = cpus * STACK / PAGE;
    let roots = partitions;
    let tables = TABLES + cpus / 8 + partitions * TABLES_OF_PARTITION + silenced * TABLES_OF_SILENCE;
    // A page for each partition and a few for the CPUs, in blocks whose size is a power of two.
    let state = 2 * (partitions + cpus / 8 + 1).next_power_of_two();
    (BOOT_TABLES + stacks + roots + tables + state.max(GLANCE)) * PAGE
}

fn layouts<'a>(
    system: &System<'_>,
    files: Files<'a>,
    spaces: &[Space],
    report: &mut Report,
) -> Option<Vec<Layout<'a>>> {
    let mut layouts = Vec::new();
    for ((partition, space), guest) in system.partitions.iter().zip(spaces).zip(files.guests) {
        match lay_out(partition, guest, space.ram_seen()) {
            Ok(layout) => layouts.push(layout),
            Err(fault) => report.push(fault),
        }
    }
    let loads: usize = layouts.iter().map(|layout| layout.pieces.len() + 1).sum();
    if loads > limits::LOADS {
        let title = format!("there are {loads} pieces to load, and a plan can hold {}", limits::LOADS);
        let site = &system.wish.system.site;
        report.push(Diagnostic::new(Code::LimitExceeded, title).at(site, "of this system"));
    }
    report.is_clean().then_some(layouts)
}

/// What the plan says of a partition, before it is known where its pieces lie in the window.
fn placement(
    partition: &Partition<'_>,
    space: &Space,
    layout: &Layout<'_>,
    tree: Option<Placed<'_>>,
) -> Placement {
    let copied = |piece: &Placed<'_>| Load {
        source: Pa(0),
        size: count(piece.bytes.len()),
        destination: Ipa(piece.at),
        memory_size: piece.memory_size,
        digest: digest(piece.bytes),
    };
    let standing = |piece: &Placed<'_>| Load {
        source: Pa(piece.at.wrapping_sub(space.ram.ipa.0).wrapping_add(space.ram.span.base.0)),
        size: piece.memory_size,
        digest: digest(&piece.whole()),
        ..copied(piece)
    };
    let piece = |piece| if partition.in_place { standing(piece) } else { copied(piece) };
    let loads = layout.pieces.iter().map(piece).chain(tree.as_ref().map(copied)).collect();
    let argument = partition.wish.x0.as_ref().map(|x0| x0.value).or(layout.tree).unwrap_or(0);
    Placement { root: 0, entry: layout.entry, argument, loads }
}

/// A device tree as a piece.
fn tree(at: u64, bytes: &[u8]) -> Placed<'_> {
    Placed { what: TREE, bytes, at, memory_size: count(bytes.len()) }
}

/// A partition's command line with addresses in the place of placeholders.
fn filled(system: &System<'_>, spaces: &[Space], partition: &Partition<'_>, window: Span) -> String {
    let text = partition.wish.bootargs.as_ref().map_or("", |bootargs| bootargs.value.as_str());
    bootargs::fill(text, |name| {
        let home = system.partitions.iter().zip(spaces).find(|(partition, _)| partition.name() == name);
        home.map_or(window.base.0, |(_, space)| space.ram.span.base.0)
    })
}

/// The first free page.
struct Cursor(u64);

impl Cursor {
    /// Takes whole pages for `bytes` and says where these are.
    fn take(&mut self, bytes: usize) -> Span {
        let span = Span::new(self.0, count(bytes));
        self.0 = self.0.saturating_add(span.size).checked_next_multiple_of(PAGE).unwrap_or(u64::MAX);
        span
    }
}
