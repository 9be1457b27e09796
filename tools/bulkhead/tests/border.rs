//! Whatever bytes a device tree is made of, it becomes a board or a sentence, within a bound of work.
//!
//! Device trees come from vendors, boot loaders and QEMU. Bytes are damaged at random, and trees are grown at
//! random: sound in form, full of cells that mean nothing, on a board that is otherwise good.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::boards::{Import, describe};
use bulkhead::sketch::sketch;
use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::{prop_assert, proptest, sample};
use std::fs;
use std::sync::LazyLock;
use support::tests;

/// A sound tree.
static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| fs::read(tests().join("board/extra.dtb")).unwrap());

/// Nodes that may be looked at for each node of a tree.
const WORK: u64 = 10_000;

/// Properties that lead somewhere, or count what leads somewhere.
const PROPERTIES: &[&str] = &[
    "#address-cells",
    "#clock-cells",
    "#interrupt-cells",
    "#size-cells",
    "assigned-clocks",
    "clocks",
    "dma-ranges",
    "gpio-ranges",
    "interconnects",
    "interrupt-map",
    "interrupt-map-mask",
    "interrupt-parent",
    "interrupts",
    "interrupts-extended",
    "iommus",
    "memory-region",
    "phandle",
    "phys",
    "pinctrl-0",
    "power-domains",
    "ranges",
    "reg",
    "remote-endpoint",
    "reset-gpios",
    "rockchip,grf",
    "thermal-sensors",
    "vdd-supply",
];

/// What nodes may be.
const KINDS: &[&str] = &[
    "fixed-clock",
    "fixed-factor-clock",
    "mediatek,mt6577-sysirq",
    "ns16550a",
    "operating-points-v2",
    "simple-bus",
    "simple-framebuffer",
    "vendor,device",
];

/// A node to be grown: which earlier one it grows on, what it is, its properties.
type Growth = (usize, Option<usize>, Vec<(usize, Vec<u32>)>);

fn growth() -> impl Strategy<Value = Growth> {
    // Small numbers are counts, addresses and phandles of the nodes below; 0x8005 is the GIC of the board.
    let cell = sample::select(vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 40, 0x8005, 0x1000, 0x0b00_0000, u32::MAX]);
    let property = (0..PROPERTIES.len(), vec(cell, 0..9));
    (any::<usize>(), proptest::option::of(0..KINDS.len()), vec(property, 0..8))
}

/// The sound tree with more nodes.
fn grown(growths: &[Growth]) -> Vec<u8> {
    let mut tree = DeviceTree::from_fdt(&Fdt::new(&SOUND).unwrap());
    let mut paths = vec![String::new(), "/thermal-zones".to_owned(), "/reserved-memory".to_owned()];
    for folder in ["thermal-zones", "reserved-memory"] {
        tree.root.add_child(DeviceTreeNode::new_unchecked(folder));
    }
    for (number, (parent, kind, properties)) in growths.iter().enumerate() {
        let name = format!("node@{number:x}");
        let mut node = DeviceTreeNode::new_unchecked(name.as_str());
        if let Some(kind) = kind {
            node.add_property(DeviceTreeProperty::new_unchecked("compatible", KINDS[*kind]));
        }
        for (property, cells) in properties {
            node.add_property(DeviceTreeProperty::new_unchecked(PROPERTIES[*property], cells.clone()));
        }
        let parent = paths[parent % paths.len()].clone();
        paths.push(format!("{parent}/{name}"));
        let parent = if parent.is_empty() { "/" } else { &parent };
        tree.find_node_mut(parent).unwrap().add_child(node);
    }
    tree.to_dtb()
}

fn wish() -> Import {
    Import { name: "grown".to_owned(), dtb: "grown.dtb".into(), memory: Vec::new() }
}

const SYSTEM: &str = r#"
[[partition]]
name = "small"
image = "none"
cpus = [1]
memory = "64M"

[[partition]]
name = "rest"
image = "none"
rest = true

[[accept]]
code = "P0401"
device = "*"
partition = "rest"
reason = "nothing is booted"
"#;

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(describe(&wish(), &bytes).is_err());
    }

    #[test]
    fn any_bytes_behind_a_sound_header_are_answered(bytes in vec(any::<u8>(), 0..400)) {
        let blob = [&SOUND[..40], &bytes].concat();
        prop_assert!(describe(&wish(), &blob).is_err());
    }

    #[test]
    fn a_damaged_tree_becomes_a_board_or_a_sentence(
        damage in vec((any::<usize>(), sample::select(vec![0, 1, 2, 3, 4, 9, 0x40, 0x7f, 0x80, 0xff_u8])), 1..6),
        length in any::<usize>(),
    ) {
        let mut blob = SOUND.clone();
        for (at, value) in damage {
            let at = at % blob.len();
            blob[at] = value;
        }
        blob.truncate(blob.len() - if length % 4 == 0 { length % 64 } else { 0 });
        match describe(&wish(), &blob) {
            Ok(board) => prop_assert!(board.file.contains("[hypervisor]")),
            Err(failure) => prop_assert!(!failure.to_string().is_empty()),
        }
    }

    #[test]
    fn a_grown_tree_is_carved_up_or_refused_within_bounds(growths in vec(growth(), 1..24)) {
        let Ok(board) = describe(&wish(), &grown(&growths)) else { return Ok(()) };
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("board.toml"), &board.file).unwrap();
        fs::write(folder.path().join("board.dtb"), &board.device_tree).unwrap();
        let system = folder.path().join("two.toml");
        fs::write(&system, SYSTEM).unwrap();
        match sketch(&system) {
            Err(failure) => prop_assert!(failure.to_string().contains("error[P"), "{failure}"),
            Ok(sketch) => {
                let nodes = u64::try_from(sketch.nodes).unwrap();
                prop_assert!(sketch.steps.max(board.steps) <= nodes * WORK, "{} {nodes}", sketch.steps);
                for partition in &sketch.partitions {
                    prop_assert!(partition.tree.as_deref().is_some_and(|tree| Fdt::new(tree).is_ok()), "{}", partition.name);
                }
            }
        }
    }
}
