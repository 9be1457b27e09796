//! Carves up a board without building anything.
//!
//! What partitions own and what their device trees say is decided before there are images, and also on boards
//! that the hypervisor cannot run on yet. The trees are those of the image, but for what the images decide:
//! where the initrd lies, and how large the window is.

use crate::allocate::allocate;
use crate::board::Board;
use crate::carve::carve;
use crate::diagnostic::Report;
use crate::expand::expand;
use crate::guest::Layout;
use crate::load::{TreeWish, load};
use crate::rules;
use crate::system::Failure;
use bulkhead_plan::{BLOCK, Span};
use std::path::Path;

/// A board carved up.
#[derive(Debug)]
pub struct Sketch {
    /// Every partition with its flattened device tree.
    pub partitions: Vec<Sketched>,
    /// The board's flattened device tree.
    pub board_tree: Vec<u8>,
    /// How much work it was, in nodes looked at.
    pub steps: u64,
    /// Nodes of the board's tree.
    pub nodes: usize,
}

/// A partition of a sketch.
#[derive(Debug)]
pub struct Sketched {
    /// Its name.
    pub name: String,
    /// Its flattened device tree, if it gets one.
    pub tree: Option<Vec<u8>>,
    /// Nodes that it owns.
    pub devices: usize,
    /// What it asked for as a part of the rest and does not get, with the reason.
    pub left: Vec<(String, String)>,
}

/// Carves up the board of the system file at `path`.
pub fn sketch(path: &Path) -> Result<Sketch, Failure> {
    let mut report = Report::default();
    draw(path, &mut report).ok_or(Failure::Rejected(Box::new(report)))
}

fn draw(path: &Path, report: &mut Report) -> Option<Sketch> {
    let wish = load(path, report)?;
    let board = Board::read(&wish, &[], report)?;
    rules::acceptances(&wish, &board, report);
    let system = expand(&wish, &board, report);
    rules::check(&system, report);
    let window = Span::new(wish.board.window.value, BLOCK);
    let spaces = allocate(&system, window, report).filter(|_| report.is_clean())?;
    let partitions = system.partitions.iter().zip(&spaces).map(|(partition, space)| {
        let bootargs = partition.wish.bootargs.as_ref().map_or("", |bootargs| bootargs.value.as_str());
        let has_tree = partition.wish.tree() != TreeWish::Nowhere;
        Sketched {
            name: partition.name().to_owned(),
            tree: has_tree.then(|| carve(&system, partition, space, &Layout::default(), bootargs)),
            devices: partition.devices.len(),
            left: partition
                .left
                .iter()
                .map(|(id, why)| (board.tree.node(*id).path.clone(), why.clone()))
                .collect(),
        }
    });
    let partitions = partitions.collect();
    let (steps, nodes) = (board.tree.steps(), board.tree.ids().count());
    Some(Sketch { partitions, board_tree: board.tree.to_blob(), steps, nodes })
}
