//! Writes a tree as a flattened device tree.
//!
//! What a boot loader adds anew at each start is left out, so that one board gives the same bytes every time.

use super::{NodeId, Tree};
use dtoolkit::memreserve::MemoryReservation;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

/// Random numbers in `/chosen`.
const SEEDS: &[&str] = &["kaslr-seed", "rng-seed"];

impl Tree {
    /// The tree as a blob, without seeds.
    pub(crate) fn to_blob(&self) -> Vec<u8> {
        let mut tree = DeviceTree::new();
        tree.root = self.copy(self.root());
        let reserved = self.reservations.iter();
        tree.memory_reservations = reserved.map(|it| MemoryReservation::new(it.base.0, it.size)).collect();
        tree.to_dtb()
    }

    /// Whether it has random numbers that [`Tree::to_blob`] leaves out.
    pub(crate) fn has_seeds(&self) -> bool {
        self.at("/chosen").is_some_and(|id| SEEDS.iter().any(|seed| self.node(id).property(seed).is_some()))
    }

    fn copy(&self, id: NodeId) -> DeviceTreeNode {
        let node = self.node(id);
        let mut copy = DeviceTreeNode::new_unchecked(node.name.as_str());
        let is_kept = |name: &str| node.path != "/chosen" || !SEEDS.contains(&name);
        for (name, value) in node.properties.iter().filter(|(name, _)| is_kept(name)) {
            copy.add_property(DeviceTreeProperty::new_unchecked(name.as_str(), value.as_slice()));
        }
        for child in &node.children {
            copy.add_child(self.copy(*child));
        }
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{node, tree, with};
    use super::*;

    #[test]
    fn a_tree_is_written_as_it_was_read_without_seeds() {
        let chosen = with(with(node("chosen"), "kaslr-seed", vec![1_u32, 2]), "bootargs", "quiet");
        let mut root = with(node(""), "#address-cells", 1_u32);
        root.add_child(chosen);
        root.add_child(with(node("device"), "phandle", 7_u32));
        let before = tree(root);
        let after = Tree::parse(&before.to_blob()).unwrap();
        assert!(before.has_seeds() && !after.has_seeds());
        let chosen = |tree: &Tree| tree.at("/chosen").map(|id| tree.node(id).properties.len());
        assert_eq!((chosen(&before), chosen(&after)), (Some(2), Some(1)));
        assert_eq!(after.by_phandle(7), after.at("/device"));
        assert_eq!(after.to_blob(), before.to_blob());
    }
}
