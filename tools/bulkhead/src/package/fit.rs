//! A flat image tree: the image, its digest, and where it goes, as one device tree.
//!
//! The format is the Flat Image Tree Specification's. The load address is the window itself: where U-Boot puts the image
//! there, it need not move. The node `timestamp` is mandatory, and counts from 1970; it is 0, for a build has no
//! date.

use super::Payload;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use sha2::{Digest, Sha256};

/// The FIT of an image.
pub(super) fn fit(payload: &Payload<'_>) -> Vec<u8> {
    let mut tree = DeviceTree::new();
    let title = format!("Bulkhead for {}", payload.board);
    text(&mut tree.root, "description", &title);
    bytes(&mut tree.root, "timestamp", &0_u32.to_be_bytes());
    bytes(&mut tree.root, "#address-cells", &2_u32.to_be_bytes());
    let mut images = DeviceTreeNode::new_unchecked("images");
    let mut configuration = DeviceTreeNode::new_unchecked(IMAGE);
    text(&mut configuration, "description", &title);
    text(&mut configuration, "kernel", IMAGE);
    images.add_child(image(payload));
    if let Some(tree) = payload.tree {
        images.add_child(part(TREE, "flat_dt", tree));
        text(&mut configuration, "fdt", TREE);
    }
    let mut configurations = DeviceTreeNode::new_unchecked("configurations");
    text(&mut configurations, "default", IMAGE);
    configurations.add_child(configuration);
    tree.root.add_child(images);
    tree.root.add_child(configurations);
    tree.to_dtb()
}

/// Names of nodes.
const IMAGE: &str = "bulkhead";
const TREE: &str = "board";

fn image(payload: &Payload<'_>) -> DeviceTreeNode {
    let mut node = part(IMAGE, "kernel", payload.image);
    // To U-Boot what it starts by Linux's boot protocol is Linux.
    text(&mut node, "os", "linux");
    for name in ["load", "entry"] {
        bytes(&mut node, name, &payload.place.base.0.to_be_bytes());
    }
    node
}

fn part(name: &str, kind: &str, data: &[u8]) -> DeviceTreeNode {
    let mut node = DeviceTreeNode::new_unchecked(name);
    text(&mut node, "description", name);
    text(&mut node, "type", kind);
    text(&mut node, "arch", "arm64");
    text(&mut node, "compression", "none");
    bytes(&mut node, "data", data);
    let mut hash = DeviceTreeNode::new_unchecked("hash-1");
    text(&mut hash, "algo", "sha256");
    bytes(&mut hash, "value", &Sha256::digest(data));
    node.add_child(hash);
    node
}

fn text(node: &mut DeviceTreeNode, name: &str, value: &str) {
    bytes(node, name, format!("{value}\0").as_bytes());
}

fn bytes(node: &mut DeviceTreeNode, name: &str, value: &[u8]) {
    node.add_property(DeviceTreeProperty::new_unchecked(name, value));
}
