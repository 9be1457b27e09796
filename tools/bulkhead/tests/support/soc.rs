//! A board with more of what a real one has than QEMU's `virt`.
//!
//! Threads and two kinds of cores, a watchdog, a controller with devices behind it, counters with shared
//! interrupts, a console and a GIC with a clock that is somebody's, a CPU with such a power domain,
//! a bus that carries a part of memory.

use super::{device, extra, property, with};
use dtoolkit::model::{DeviceTree, DeviceTreeNode};

pub(crate) fn soc() -> DeviceTree {
    let mut tree = extra();
    tree.find_node_mut("/memory@40000000").unwrap().add_property(property("reg", [0_u32, 0x4000_0000, 1, 0]));
    let console = tree.find_node_mut("/pl011@9000000").unwrap();
    console.add_property(property("clocks", [0x9001_u32, 2, 0x8000]));
    tree.find_node_mut("/intc@8000000").unwrap().add_property(property("clocks", [0x9001_u32, 3]));
    tree.find_node_mut("/cpus/cpu@2").unwrap().add_property(property("power-domains", 0x9003_u32));
    let small = tree.find_node_mut("/cpus/cpu@3").unwrap();
    small.add_property(property("compatible", "arm,cortex-a53"));
    let cluster = tree.find_node_mut("/cpus/cpu-map/socket0/cluster0").unwrap();
    for core in ["core0", "core1", "core2", "core3"] {
        cluster.remove_child(core);
    }
    let mut threads = node("core0");
    threads.add_child(with(node("thread0"), "cpu", 0x8004_u32));
    threads.add_child(with(node("thread1"), "cpu", 0x8003_u32));
    cluster.add_child(threads);
    cluster.add_child(with(node("core1"), "cpu", 0x8002_u32));
    cluster.add_child(with(node("core2"), "cpu", 0x8001_u32));
    let root = &mut tree.root;
    root.add_child(device("watchdog", "snps,dw-wdt", 0x918_0000, None));
    root.add_child(controller());
    let counters = with(node("counters"), "compatible", "arm,cortex-a72-pmu");
    root.add_child(with(counters, "interrupts", [0_u32, 100, 4, 0, 101, 4, 0, 102, 4, 0, 103, 4]));
    root.add_child(device("timer", "arm,sp804", 0x91a_0000, Some(110)));
    let edge = device("timer", "arm,sp804", 0x91a_1000, None);
    root.add_child(with(edge, "interrupts", [0_u32, 110, 1]));
    root.add_child(narrow_bus());
    let power = device("power-controller", "vendor,power", 0x91b_0000, None);
    root.add_child(with(with(power, "#power-domain-cells", 0_u32), "phandle", 0x9002_u32));
    let domain = with(with(node("cpu-domain"), "compatible", "vendor,domain"), "power-domains", 0x9002_u32);
    root.add_child(with(with(domain, "#power-domain-cells", 0_u32), "phandle", 0x9003_u32));
    tree
}

fn node(name: &str) -> DeviceTreeNode {
    DeviceTreeNode::new(name).unwrap()
}

/// An I2C controller with a clock behind it.
fn controller() -> DeviceTreeNode {
    let controller = device("i2c", "snps,designware-i2c", 0x919_0000, Some(90));
    let mut controller = with(with(controller, "#address-cells", 1_u32), "#size-cells", 0_u32);
    controller.add_child(with(with(node("rtc@68"), "compatible", "dallas,ds1307"), "reg", 0x68_u32));
    controller
}

/// A bus whose masters reach the first gigabyte only.
fn narrow_bus() -> DeviceTreeNode {
    let bus = with(node("bus@9300000"), "compatible", "simple-bus");
    let bus = with(with(bus, "#address-cells", 1_u32), "#size-cells", 1_u32);
    let bus = with(bus, "ranges", [0_u32, 0, 0x930_0000, 0x1_0000]);
    let mut bus = with(bus, "dma-ranges", [0_u32, 0, 0x4000_0000, 0x4000_0000]);
    let master = with(with(node("dma@0"), "compatible", "vendor,dma"), "reg", [0_u32, 0x1000]);
    bus.add_child(with(master, "interrupts", [0_u32, 120, 4]));
    bus
}
