//! The firmware's device tree: any bytes behind a sound header.
//!
//! A tree that fits the sample is damaged in some places; comparing it with the plan gives an answer.

use arbitrary::{Result, Unstructured};
use bulkhead_core::handoff;
use bulkhead_plan::sample::Sample;
use bulkhead_plan::{Plan, Span};
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use std::sync::OnceLock;

/// A damaged tree.
pub(crate) fn check(case: &mut Unstructured<'_>) -> Result<()> {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    let mut tree = SOUND.get_or_init(sound).clone();
    let changes = case.int_in_range(0..=12)?;
    for _ in 0..changes {
        let at = case.choose_index(tree.len() / 4)? * 4;
        let word = match case.int_in_range(0..=3)? {
            0 => case.arbitrary::<u32>()?,
            1 => u32::from(case.arbitrary::<u8>()?),
            2 => u32::MAX,
            _ => u32::from(case.int_in_range(0..=9_u8)?),
        };
        tree[at..at + 4].copy_from_slice(&word.to_be_bytes());
    }
    let bytes = Sample::default().encode();
    let plan = Plan::decode(bytes.bytes()).unwrap_or_else(|error| panic!("the sample: {error}"));
    if let Some(size) = handoff::size(&tree) {
        let place = Span::new(0x4800_0000, size as u64);
        let verdict = handoff::compare(&plan, tree.get(..size).unwrap_or(&tree), place);
        assert!(changes != 0 || verdict == Ok(()), "{verdict:?}");
    }
    Ok(())
}

/// A tree with what the sample's plan wants of a board.
fn sound() -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let cells = [("#address-cells", words(&[2])), ("#size-cells", words(&[2]))];
    let mut tree = DeviceTree::new();
    cells.iter().for_each(|(name, value)| set(&mut tree.root, name, value));
    let mut memory = node("memory@40000000");
    set(&mut memory, "device_type", b"memory\0");
    set(&mut memory, "reg", &words(&[0, 0x4000_0000, 0, 0x4000_0000]));
    let mut cpus = node("cpus");
    set(&mut cpus, "#address-cells", &words(&[1]));
    set(&mut cpus, "#size-cells", &words(&[0]));
    for number in 0..4 {
        let mut cpu = node(&format!("cpu@{number}"));
        set(&mut cpu, "device_type", b"cpu\0");
        set(&mut cpu, "reg", &words(&[number]));
        cpus.add_child(cpu);
    }
    let mut gic = node("intc@8000000");
    set(&mut gic, "interrupt-controller", b"");
    set(&mut gic, "reg", &words(&[0, 0x0800_0000, 0, 0x1_0000, 0, 0x080a_0000, 0, 0xf6_0000]));
    [memory, cpus, gic].into_iter().for_each(|child| tree.root.add_child(child));
    tree.to_dtb()
}

fn node(name: &str) -> DeviceTreeNode {
    DeviceTreeNode::new(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn set(node: &mut DeviceTreeNode, name: &str, value: &[u8]) {
    node.add_property(DeviceTreeProperty::new(name, value).unwrap_or_else(|error| panic!("{name}: {error}")));
}
