//! Which other nodes a node names, and which of them it needs.
//!
//! A provider that the board disables is none: an operating system on the bare board would not find it either.

use super::binding::{Arguments, Bond, naming};
use super::{NodeId, Tree};

/// A dependency of a node.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    /// The property that names it.
    pub(crate) property: String,
    /// The node it names.
    pub(crate) provider: NodeId,
}

/// An entry of a property that names nodes.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// The cell that holds the phandle.
    pub(crate) at: usize,
    /// The cells behind it that belong to it.
    pub(crate) arguments: Vec<u32>,
    /// The node; `None` for a gap.
    pub(crate) target: Option<NodeId>,
}

/// How a node needs the device that it is a part of: by lying in it, not by a property.
pub(crate) const WHOLE: &str = "parent";

impl Tree {
    /// The nodes that a node depends on: those that it names, its interrupt controllers, and the device that
    /// it is a part of.
    pub(crate) fn needs(&self, id: NodeId) -> Result<Vec<Need>, String> {
        let mut needs = Vec::new();
        if self.is_table(id) {
            return Ok(needs);
        }
        for (property, _) in &self.node(id).properties {
            if naming(property).is_none_or(|naming| naming.bond == Bond::Link) {
                continue;
            }
            for provider in self.references(id, property)?.iter().filter_map(|entry| entry.target) {
                needs.push(Need { property: property.clone(), provider });
            }
        }
        for controller in self.lines(id)?.into_iter().map(|line| line.controller) {
            needs.push(Need { property: "interrupts".to_owned(), provider: controller });
        }
        if let Some(whole) = self.ancestors(id).find(|id| !self.is_bus(*id)) {
            needs.push(Need { property: WHOLE.to_owned(), provider: whole });
        }
        let is_provider = |id| self.is_enabled(id) && !self.is_wiring(id) && !self.is_of_firmware(id);
        needs.retain(|need| is_provider(need.provider));
        Ok(needs)
    }

    /// The entries of a property that names nodes; none if it does not.
    pub(crate) fn references(&self, id: NodeId, property: &str) -> Result<Vec<Reference>, String> {
        let node = self.node(id);
        let arguments = match naming(property) {
            _ if property == "interrupts-extended" => Arguments::Counted("#interrupt-cells"),
            // A hogged line is one of the controller that the node lies in.
            Some(_) if node.property("gpio-hog").is_some() => return Ok(Vec::new()),
            Some(naming) => naming.arguments,
            None => return Ok(Vec::new()),
        };
        let malformed = || format!("`{property}` of `{}` is malformed", node.path);
        let cells = node.cells(property);
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(&phandle) = cells.get(at) {
            let target = self.by_phandle(phandle);
            let count = match (arguments, target) {
                _ if phandle == 0 || phandle == u32::MAX => 0,
                (_, None) => return Err(malformed()),
                (Arguments::Counted(name), Some(target)) => self.count(target, name),
                (Arguments::Fixed(count), Some(_)) => count,
                (Arguments::Rest, Some(_)) => cells.len() - at - 1,
            };
            let arguments = cells.get(at + 1..at + 1 + count).ok_or_else(malformed)?.to_vec();
            found.push(Reference { at, arguments, target });
            at += 1 + count;
        }
        Ok(found)
    }

    /// The device that a provider is a part of: a pin group belongs to its pin controller.
    pub(crate) fn whole(&self, provider: NodeId) -> NodeId {
        let is_device = |id: &NodeId| self.node(*id).property("compatible").is_some() && *id != self.root();
        std::iter::once(provider).chain(self.ancestors(provider)).find(is_device).unwrap_or(provider)
    }

    /// Whether a node only holds others: a bus that needs no driver, or a folder such as `/clocks`.
    pub(crate) fn is_bus(&self, id: NodeId) -> bool {
        let node = self.node(id);
        let is_folder = || node.property("reg").is_none() && node.compatible().is_empty();
        node.parent.is_none() || node.is_a("simple-bus") || node.is_a("simple-pm-bus") || is_folder()
    }

    /// Whether a node is a table of names, whose properties are called what they name.
    fn is_table(&self, id: NodeId) -> bool {
        matches!(self.node(id).path.as_str(), "/__symbols__" | "/aliases" | "/chosen")
    }

    /// Whether a node is a power domain of PSCI, whose calls the hypervisor answers.
    fn is_of_firmware(&self, id: NodeId) -> bool {
        let is_psci = |id: NodeId| self.node(id).compatible().iter().any(|kind| kind.starts_with("arm,psci"));
        self.ancestors(id).any(is_psci)
    }

    /// Whether a node only says where interrupt lines go.
    pub(crate) fn is_wiring(&self, id: NodeId) -> bool {
        self.node(id).property("interrupt-map").is_some() && self.is_bus(id)
    }

    /// A property that counts cells; absent, it counts none.
    pub(super) fn count(&self, id: NodeId, name: &str) -> usize {
        usize::try_from(self.node(id).cell(name).unwrap_or(0).min(64)).unwrap_or(0)
    }
}
