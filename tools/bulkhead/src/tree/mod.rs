//! The board's device tree, validated once, read without surprises.
//!
//! A blob is taken apart into an arena: parents, paths and phandles are what the planner asks for all the
//! time, and an arena answers without walking. Whatever the bytes are, [`Tree::parse`] returns a tree or
//! says what is wrong with them; nothing after it can fail on their form. (Devicetree Specification 0.4,
//! chapters 2 and 5.)

mod address;
mod binding;
mod blob;
mod interrupt;
mod provider;
mod write;

use bulkhead_plan::Span;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use binding::{matches, names_of, naming};
pub(crate) use interrupt::Line;
pub(crate) use provider::{Reference, WHOLE};

/// Nodes deeper than this are no board's.
const DEEPEST: usize = 32;

/// A device tree.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    paths: HashMap<String, NodeId>,
    phandles: HashMap<u32, NodeId>,
    /// The memory reservation block.
    pub(crate) reservations: Vec<Span>,
    /// Nodes looked at since it was read.
    steps: AtomicU64,
}

/// A node of one [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(usize);

/// A node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its name with the unit address.
    pub(crate) name: String,
    /// Its full path.
    pub(crate) path: String,
    /// The node it lies in; the root has none.
    pub(crate) parent: Option<NodeId>,
    /// The nodes that lie in it.
    pub(crate) children: Vec<NodeId>,
    /// Its properties in order.
    pub(crate) properties: Vec<(String, Vec<u8>)>,
}

impl Tree {
    /// Reads a flattened device tree; bytes behind its end are ignored, as firmware pads.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let contents = blob::read(bytes)?;
        let mut tree = Self {
            paths: HashMap::new(),
            phandles: HashMap::new(),
            nodes: contents.nodes,
            reservations: contents.reservations,
            steps: AtomicU64::new(0),
        };
        for id in tree.ids() {
            let node = &tree.nodes[id.0];
            if tree.paths.insert(node.path.clone(), id).is_some() {
                return Err(format!("two nodes are called `{}`", node.path));
            }
            if let Some(phandle) = node.cell("phandle").or(node.cell("linux,phandle"))
                && tree.phandles.insert(phandle, id).is_some()
            {
                return Err(format!("the phandle {phandle:#x} of `{}` is another node's, too", node.path));
            }
        }
        Ok(tree)
    }

    /// The root.
    pub(crate) fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// The node `id`.
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.steps.fetch_add(1, Ordering::Relaxed);
        &self.nodes[id.0]
    }

    /// How much work was done with it, in nodes looked at.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Every node, parents before children.
    pub(crate) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The node at a full path.
    pub(crate) fn at(&self, path: &str) -> Option<NodeId> {
        self.paths.get(path).copied()
    }

    /// The node that a person means by a path, a label of `/__symbols__`, or an alias.
    pub(crate) fn find(&self, name: &str) -> Option<NodeId> {
        if name.starts_with('/') {
            return self.at(name);
        }
        let tables = ["/__symbols__", "/aliases"].into_iter().filter_map(|path| self.at(path));
        tables.filter_map(|table| self.node(table).text(name)).find_map(|path| self.at(path))
    }

    /// The node that carries a phandle.
    pub(crate) fn by_phandle(&self, phandle: u32) -> Option<NodeId> {
        self.phandles.get(&phandle).copied()
    }

    /// The nodes around `id`, the nearest first.
    pub(crate) fn ancestors(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(self.node(id).parent, |id| self.node(*id).parent)
    }

    /// `id` and all that lies in it.
    pub(crate) fn subtree(&self, id: NodeId) -> Vec<NodeId> {
        let mut found = vec![id];
        let mut next = 0;
        while let Some(id) = found.get(next) {
            found.extend(&self.node(*id).children);
            next += 1;
        }
        found
    }

    /// Whether neither the node nor a node around it is disabled.
    pub(crate) fn is_enabled(&self, id: NodeId) -> bool {
        let okay = |id| matches!(self.node(id).text("status"), None | Some("okay" | "ok"));
        okay(id) && self.ancestors(id).all(okay)
    }

    /// Makes a node one that does not work.
    pub(crate) fn disable(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(id.0) {
            node.properties.retain(|(name, _)| name != "status");
            node.properties.push(("status".to_owned(), b"disabled\0".to_vec()));
        }
    }
}

impl Node {
    /// The bytes of a property.
    pub(crate) fn property(&self, name: &str) -> Option<&[u8]> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// The cells of a property; empty if it is not there.
    pub(crate) fn cells(&self, name: &str) -> Vec<u32> {
        let value = self.property(name).unwrap_or_default();
        value.chunks_exact(4).map(|cell| u32::from_be_bytes([cell[0], cell[1], cell[2], cell[3]])).collect()
    }

    /// The first cell of a property.
    pub(crate) fn cell(&self, name: &str) -> Option<u32> {
        self.cells(name).first().copied()
    }

    /// The first text of a property.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).into_iter().next()
    }

    /// The texts of a property; empty if it is not there or holds anything else.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        let value = self.property(name).and_then(|value| std::str::from_utf8(value).ok());
        value
            .and_then(|value| value.strip_suffix('\0'))
            .map_or_else(Vec::new, |value| value.split('\0').collect())
    }

    /// What it is compatible with, the most specific first.
    pub(crate) fn compatible(&self) -> Vec<&str> {
        self.texts("compatible")
    }

    /// Whether it is compatible with `kind`.
    pub(crate) fn is_a(&self, kind: &str) -> bool {
        self.compatible().contains(&kind)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use dtoolkit::ToPropertyValue;
    use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

    /// A node to build a tree of.
    pub(crate) fn node(name: &str) -> DeviceTreeNode {
        DeviceTreeNode::new_unchecked(name)
    }

    /// The node with one property more.
    pub(crate) fn with<T: ToPropertyValue>(mut node: DeviceTreeNode, name: &str, value: T) -> DeviceTreeNode {
        node.add_property(DeviceTreeProperty::new_unchecked(name, value));
        node
    }

    /// A tree as it is read back from a blob.
    pub(crate) fn tree(root: DeviceTreeNode) -> Tree {
        let mut tree = DeviceTree::new();
        tree.root = root;
        Tree::parse(&tree.to_dtb()).unwrap()
    }

    #[test]
    fn names_of_any_length_are_read() {
        let name = "a-name-that-is-longer-than-the-specification-allows";
        let mut root = node("");
        root.add_child(with(node(name), name, 7_u32));
        let tree = tree(root);
        let id = tree.at(&format!("/{name}")).unwrap();
        assert_eq!(tree.node(id).cell(name), Some(7));
    }

    #[test]
    fn names_that_cannot_stand_in_a_path_are_refused() {
        for name in ["a/b", "a b", "\u{e4}"] {
            let mut root = node("");
            root.add_child(node(name));
            let mut tree = DeviceTree::new();
            tree.root = root;
            assert!(Tree::parse(&tree.to_dtb()).unwrap_err().contains("is no name"), "{name}");
        }
    }

    #[test]
    fn a_root_that_ends_early_hides_nothing() {
        let mut root = node("");
        root.add_child(node("first"));
        root.add_child(node("second"));
        let mut tree = DeviceTree::new();
        tree.root = root;
        let mut blob = tree.to_dtb();
        let second = blob.windows(8).position(|it| it == b"second\0\0").unwrap();
        blob[second - 1] = 2;
        assert!(Tree::parse(&blob).is_err());
    }
}
