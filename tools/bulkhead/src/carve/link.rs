//! Rewrites what names other nodes, so that no name leads to a node that is not there.
//!
//! Where the place in a list has a meaning, an entry that is lost leaves a gap, a phandle of zero; a property
//! of which nothing is left goes away, and what names its entries goes with it.

use super::clock::Clocks;
use super::role::Role;
use crate::tree::{NodeId, Reference, Tree, names_of, naming};
use std::collections::HashMap;

/// What a copy makes of a property.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// All of it.
    Whole,
    /// These cells.
    Cells(Vec<u32>),
    /// Nothing.
    Nothing,
}

/// The nodes of a guest's tree.
#[derive(Clone, Copy)]
pub(super) struct Links<'a> {
    pub(super) tree: &'a Tree,
    pub(super) roles: &'a HashMap<NodeId, Role>,
    pub(super) clocks: &'a Clocks,
}

impl Links<'_> {
    /// What is left of a property of the node `id`.
    pub(super) fn of(&self, id: NodeId, property: &str) -> Kept {
        let is_there = |found: bool| if found { Kept::Whole } else { Kept::Nothing };
        match property {
            "interrupt-parent" => {
                let parent = self.tree.node(id).cell(property).and_then(|it| self.tree.by_phandle(it));
                is_there(parent.is_some_and(|parent| self.has(parent)))
            }
            "interrupts" => is_there(self.tree.interrupt_parent(id).is_ok_and(|parent| self.has(parent))),
            "interrupt-map" => {
                is_there(self.tree.mapped_lines(id).iter().all(|line| self.has(line.controller)))
            }
            name if self.lost_what_it_names(id, name) => Kept::Nothing,
            name => self.listed(id, name),
        }
    }

    fn has(&self, id: NodeId) -> bool {
        self.roles.contains_key(&id)
    }

    /// Whether a property such as `clock-names` names the entries of one that is gone.
    fn lost_what_it_names(&self, id: NodeId, name: &str) -> bool {
        name.ends_with("-names")
            && self.tree.node(id).properties.iter().any(|(property, _)| {
                names_of(property).as_deref() == Some(name) && self.listed(id, property) == Kept::Nothing
            })
    }

    fn listed(&self, id: NodeId, property: &str) -> Kept {
        let entries = self.tree.references(id, property).unwrap_or_default();
        let is_lost = |entry: &Reference| entry.target.is_some_and(|target| !self.has(target));
        if !entries.iter().any(is_lost) {
            return Kept::Whole;
        }
        let cells = self.tree.node(id).cells(property);
        if let Some(clock) = self.clocks.of(id).filter(|_| property == "clocks") {
            let kept = entries.iter().flat_map(|entry| match is_lost(entry) {
                true => vec![clock],
                false => entry_cells(&cells, entry),
            });
            return Kept::Cells(kept.collect());
        }
        let keeps_places = naming(property).is_none_or(|naming| naming.keeps_places());
        let is_one = property == "interconnects";
        let left = entries.iter().filter(|entry| entry.target.is_some() && !is_lost(entry)).count();
        if left == 0 || is_one {
            return Kept::Nothing;
        }
        let kept = entries.iter().filter(|entry| keeps_places || !is_lost(entry));
        Kept::Cells(
            kept.flat_map(|entry| match is_lost(entry) {
                true => vec![0],
                false => entry_cells(&cells, entry),
            })
            .collect(),
        )
    }
}

/// What an entry of a list is written in.
fn entry_cells(cells: &[u32], entry: &Reference) -> Vec<u32> {
    cells[entry.at..=entry.at + entry.arguments.len()].to_vec()
}
