//! What a device depends on goes with it or is missed aloud, whichever property says so.
//!
//! Real boards show that all of this comes together; here each way to depend stands alone: a provider and a
//! device that names it, on a board that is otherwise plain.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bulkhead::boards::{Import, describe};
use bulkhead::sketch::sketch;
use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use dtoolkit::{Node, Property, ToPropertyValue};
use std::fs;
use support::{board_folder, tests};

/// Properties that name a provider, what counts the cells behind its phandle, and what the tool calls that.
const REFERENCES: &[(&str, Option<&str>, &str)] = &[
    ("assigned-clocks", Some("#clock-cells"), "assigned-clocks"),
    ("clocks", Some("#clock-cells"), "clocks"),
    ("dmas", Some("#dma-cells"), "dmas"),
    ("hwlocks", Some("#hwlock-cells"), "hwlocks"),
    ("interrupts-extended", Some("#interrupt-cells"), "interrupts"),
    ("io-channels", Some("#io-channel-cells"), "io-channels"),
    ("mboxes", Some("#mbox-cells"), "mboxes"),
    ("nvmem-cells", None, "nvmem-cells"),
    ("phy-handle", None, "phy-handle"),
    ("phys", Some("#phy-cells"), "phys"),
    ("pinctrl-0", None, "pinctrl-0"),
    ("power-domains", Some("#power-domain-cells"), "power-domains"),
    ("pwms", Some("#pwm-cells"), "pwms"),
    ("reset-gpios", Some("#gpio-cells"), "reset-gpios"),
    ("resets", Some("#reset-cells"), "resets"),
    ("syscon", None, "syscon"),
    ("thermal-sensors", Some("#thermal-sensor-cells"), "thermal-sensors"),
    ("vdd-supply", None, "vdd-supply"),
];

const PROVIDER: &str = "/provider@a100000";
const DEVICE: &str = "/device@a200000";
const PHANDLE: u32 = 0x9100;

fn with<T: ToPropertyValue>(mut node: DeviceTreeNode, name: &str, value: T) -> DeviceTreeNode {
    node.add_property(DeviceTreeProperty::new_unchecked(name, value));
    node
}

fn node(name: &str, kind: &str) -> DeviceTreeNode {
    with(DeviceTreeNode::new_unchecked(name), "compatible", kind)
}

fn device(path: &str, kind: &str) -> DeviceTreeNode {
    let address = path.split_once('@').map(|(_, address)| u32::from_str_radix(address, 16).unwrap());
    with(node(&path[1..], kind), "reg", [0, address.unwrap(), 0, 0x1000_u32])
}

fn plain() -> DeviceTree {
    let bytes = fs::read(tests().join("board/extra.dtb")).unwrap();
    DeviceTree::from_fdt(&Fdt::new(&bytes).unwrap())
}

/// A board on which a device names a provider.
fn board(property: &str, counter: Option<&str>) -> DeviceTree {
    let mut tree = plain();
    let provider = with(device(PROVIDER, "vendor,provider"), "phandle", PHANDLE);
    let provider = with(with(provider, "interrupts", [0_u32, 200, 4]), "interrupt-controller", [0_u32; 0]);
    let device = device(DEVICE, "vendor,device");
    let (provider, device) = match counter {
        Some(counter) => (with(provider, counter, 1_u32), with(device, property, [PHANDLE, 7])),
        None => (provider, with(device, property, PHANDLE)),
    };
    tree.root.add_child(provider);
    tree.root.add_child(device);
    tree
}

/// What each partition gets, each given as its devices, or what the tool says against it.
fn carved(tree: &DeviceTree, partitions: &[&[&str]], more: &str) -> Result<Vec<DeviceTree>, String> {
    carved_on((tree, ""), partitions, more)
}

/// The same on a board whose file says more than an import does.
fn carved_on(
    (tree, also): (&DeviceTree, &str),
    partitions: &[&[&str]],
    more: &str,
) -> Result<Vec<DeviceTree>, String> {
    let (_outer, folder) = board_folder();
    let wish = Import { name: "board".to_owned(), dtb: "board.dtb".into(), memory: Vec::new() };
    let board = describe(&wish, &tree.to_dtb()).unwrap();
    fs::write(folder.join("board.toml"), board.file + also).unwrap();
    fs::write(folder.join("board.dtb"), &board.device_tree).unwrap();
    let mut system = String::new();
    for (number, devices) in partitions.iter().enumerate() {
        system += &format!("[[partition]]\nname = \"p{number}\"\nimage = \"none\"\ncpus = [{number}]\n");
        system += &format!("memory = \"4M\"\ndevices = {devices:?}\n");
        for device in *devices {
            system += &format!("[[partition.declare]]\ndevice = {device:?}\n");
            system += "bus-master = false\nreason = \"a test\"\n";
        }
    }
    let file = folder.join("system.toml");
    fs::write(&file, system + more).unwrap();
    let sketch = sketch(&file).map_err(|failure| failure.to_string())?;
    let tree = |blob: &Option<Vec<u8>>| DeviceTree::from_fdt(&Fdt::new(blob.as_deref().unwrap()).unwrap());
    Ok(sketch.partitions.iter().map(|partition| tree(&partition.tree)).collect())
}

fn value(tree: &DeviceTree, path: &str, property: &str) -> Option<Vec<u8>> {
    let found = tree.find_node(path)?;
    let value = found.properties().find(|it| it.name() == property)?.value().to_vec();
    Some(value)
}

#[test]
fn a_provider_of_the_same_partition_goes_along() {
    for (property, counter, _) in REFERENCES {
        let tree = board(property, *counter);
        let guests = carved(&tree, &[&[DEVICE, PROVIDER]], "").unwrap();
        assert!(guests[0].find_node(PROVIDER).is_some(), "{property}");
        assert_eq!(value(&guests[0], DEVICE, property), value(&tree, DEVICE, property), "{property}");
    }
}

#[test]
fn a_provider_that_nobody_has_is_missed() {
    for (property, counter, name) in REFERENCES {
        let said = carved(&board(property, *counter), &[&[DEVICE]], "").unwrap_err();
        let title = format!("error[P0207]: `{DEVICE}` of `p0` depends on `{PROVIDER}`, which nobody owns");
        assert!(said.starts_with(&title) && said.contains(&format!("needs it as `{name}`")), "{said}");
    }
}

#[test]
fn a_provider_of_another_partition_is_told_with_its_owner() {
    for (property, counter, _) in REFERENCES {
        let said = carved(&board(property, *counter), &[&[DEVICE], &[PROVIDER]], "").unwrap_err();
        assert!(said.starts_with("error[P0206]") && said.contains("`p1` owns it"), "{property}: {said}");
        assert!(said.contains("help: give both devices to one partition"), "{said}");
    }
}

#[test]
fn a_provider_that_is_done_without_is_not_named() {
    let accepted = format!("[[accept]]\ncode = \"P0207\"\ndevice = \"{DEVICE}\"\nreason = \"a test\"\n");
    for (property, counter, _) in REFERENCES {
        let guests = carved(&board(property, *counter), &[&[DEVICE]], &accepted).unwrap();
        assert!(guests[0].find_node(PROVIDER).is_none(), "{property}");
        assert_eq!(value(&guests[0], DEVICE, property), None, "{property}");
    }
}

/// Two clocks of a provider, by their numbers, and what names them.
fn clocked(device: DeviceTreeNode) -> DeviceTreeNode {
    with(with(device, "clocks", [PHANDLE, 7, PHANDLE, 8]), "clock-names", "one\0two")
}

fn with_clocks() -> DeviceTree {
    let mut tree = plain();
    let provider = with(device(PROVIDER, "vendor,provider"), "phandle", PHANDLE);
    tree.root.add_child(with(provider, "#clock-cells", 1_u32));
    tree
}

/// Every cell of `clocks` leads to a fixed clock of that rate.
fn assert_runs_at(guest: &DeviceTree, path: &str, rate: u32) {
    let clock = format!("/bulkhead-clock-{rate}");
    assert_eq!(value(guest, &clock, "clock-frequency"), Some(rate.to_be_bytes().to_vec()));
    let phandle = value(guest, &clock, "phandle").unwrap();
    assert_eq!(value(guest, path, "clocks"), Some([phandle.clone(), phandle].concat()));
    assert!(value(guest, path, "clock-names").is_some());
}

#[test]
fn clocks_that_the_firmware_leaves_on_become_fixed_ones() {
    let mut tree = with_clocks();
    tree.root.add_child(clocked(device(DEVICE, "vendor,device")));
    let accepted = format!("[[accept]]\ncode = \"P0207\"\ndevice = \"{DEVICE}\"\nreason = \"a test\"\n");
    let clock = format!("\n[[clock]]\ndevices = [\"{DEVICE}\"]\nrate = 8_000_000\n");
    let guests = carved_on((&tree, &clock), &[&[DEVICE], &[]], &accepted).unwrap();
    assert_runs_at(&guests[0], DEVICE, 8_000_000);
    assert!(guests[1].find_node("/bulkhead-clock-8000000").is_none(), "only who has the device");
    let own = carved_on((&tree, &clock), &[&[DEVICE, PROVIDER]], "").unwrap();
    assert_eq!(
        value(&own[0], DEVICE, "clocks"),
        value(&tree, DEVICE, "clocks"),
        "who has the provider uses it"
    );
    let said = carved_on((&tree, &clock), &[&[DEVICE]], "").unwrap_err();
    assert!(said.starts_with("error[P0207]"), "that they run does not make them the partition's: {said}");
}

#[test]
fn clocks_of_a_device_that_there_is_not_are_refused() {
    let clock = "\n[[clock]]\ndevices = [\"/device@a200001\"]\nrate = 8_000_000\n";
    let mut tree = plain();
    tree.root.add_child(device(DEVICE, "vendor,device"));
    let said = carved_on((&tree, clock), &[&[]], "").unwrap_err();
    assert!(said.starts_with("error[P0201]: board `board` has no device `/device@a200001`"), "{said}");
    assert!(said.contains("did you mean `/device@a200000`?"), "{said}");
}

#[test]
fn a_virtual_uart_is_a_pl011_whatever_the_console_is() {
    let path = "/serial@a400000";
    let mut tree = with_clocks();
    tree.root.add_child(clocked(device(path, "fsl,imx6q-uart")));
    tree.find_node_mut("/chosen").unwrap().remove_property("stdout-path");
    tree.find_node_mut("/chosen")
        .unwrap()
        .add_property(DeviceTreeProperty::new_unchecked("stdout-path", path));
    let guests = carved(&tree, &[&[]], "").unwrap();
    let uart = "/pl011@a400000";
    assert!(guests[0].find_node(path).is_none());
    assert_eq!(value(&guests[0], uart, "compatible"), Some(b"arm,pl011\0arm,primecell\0".to_vec()));
    let reg = [0, 0x0a40_0000, 0, 0x1000_u32];
    assert_eq!(value(&guests[0], uart, "reg"), Some(reg.into_iter().flat_map(u32::to_be_bytes).collect()));
    assert_eq!(value(&guests[0], "/chosen", "stdout-path"), Some([uart.as_bytes(), b"\0"].concat()));
    assert_runs_at(&guests[0], uart, 24_000_000);
}

#[test]
fn a_provider_without_a_state_is_everybodys() {
    let mut tree = plain();
    let clock = with(with(node("clock", "fixed-clock"), "#clock-cells", 0_u32), "phandle", PHANDLE);
    tree.root.add_child(with(clock, "clock-frequency", 24_000_000_u32));
    let devices = ["/device@a200000", "/device@a300000"];
    for path in devices {
        tree.root.add_child(with(device(path, "vendor,device"), "clocks", PHANDLE));
    }
    let guests = carved(&tree, &[&devices[..1], &devices[1..]], "").unwrap();
    for (guest, path) in guests.iter().zip(devices) {
        assert!(guest.find_node("/clock").is_some());
        assert_eq!(value(guest, path, "clocks"), Some(PHANDLE.to_be_bytes().to_vec()));
    }
}

#[test]
fn reserved_memory_goes_along_only_if_it_can_lie_anywhere() {
    let reserved = |place: Option<u32>| {
        let mut tree = board("memory-region", None);
        tree.root.remove_child(&PROVIDER[1..]);
        let pool = with(node("pool", "shared-dma-pool"), "phandle", PHANDLE);
        let pool = match place {
            Some(base) => with(pool, "reg", [0, base, 0, 0x10_0000]),
            None => with(pool, "size", [0, 0x10_0000_u32]),
        };
        let folder = DeviceTreeNode::new_unchecked("reserved-memory");
        let folder = with(with(folder, "#address-cells", 2_u32), "#size-cells", 2_u32);
        let mut folder = with(folder, "ranges", [0_u32; 0]);
        folder.add_child(pool);
        tree.root.add_child(folder);
        carved(&tree, &[&[DEVICE]], "")
    };
    assert!(reserved(None).unwrap()[0].find_node("/reserved-memory/pool").is_some());
    assert!(reserved(Some(0x4800_0000)).unwrap_err().starts_with("error[P0207]"));
}

#[test]
fn what_leads_to_an_iommu_or_to_messages_is_left_out() {
    for property in ["iommus", "iommu-map", "msi-map", "msi-parent"] {
        let tree = board(property, None);
        let guests = carved(&tree, &[&[DEVICE]], "").unwrap();
        assert_eq!(value(&guests[0], DEVICE, property), None, "{property}");
        assert!(guests[0].find_node(DEVICE).is_some());
    }
}

#[test]
fn a_thermal_zone_goes_with_its_sensor() {
    let mut tree = board("resets", Some("#thermal-sensor-cells"));
    let mut zones = DeviceTreeNode::new_unchecked("thermal-zones");
    zones.add_child(with(DeviceTreeNode::new_unchecked("zone"), "thermal-sensors", [PHANDLE, 7]));
    tree.root.add_child(zones);
    tree.find_node_mut(DEVICE).unwrap().remove_property("resets");
    let guests = carved(&tree, &[&[DEVICE], &[PROVIDER]], "").unwrap();
    assert!(guests[0].find_node("/thermal-zones").is_none());
    assert!(guests[1].find_node("/thermal-zones/zone").is_some());
}

#[test]
fn what_the_board_disables_and_names_of_what_is_not_there_are_left_out() {
    let mut tree = plain();
    let mut parent = device(DEVICE, "vendor,device");
    parent.add_child(with(node("dead", "vendor,part"), "status", "disabled"));
    parent.add_child(node("alive", "vendor,part"));
    tree.root.add_child(parent);
    tree.root.add_child(device(PROVIDER, "vendor,other"));
    tree.root.remove_child("aliases");
    let aliases = with(DeviceTreeNode::new_unchecked("aliases"), "mine", DEVICE);
    tree.root.add_child(with(aliases, "others", PROVIDER));
    let guest = carved(&tree, &[&[DEVICE]], "").unwrap().remove(0);
    assert!(guest.find_node(&format!("{DEVICE}/alive")).is_some());
    assert!(guest.find_node(&format!("{DEVICE}/dead")).is_none());
    assert!(value(&guest, "/aliases", "mine").is_some());
    assert_eq!(value(&guest, "/aliases", "others"), None);
}
