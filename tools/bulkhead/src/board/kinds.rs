//! What the planner knows about kinds of devices, by their `compatible`.
//!
//! Everything that is not in a table gets the careful answer: it masters the bus, it has a state, it is
//! no UART.

use crate::tree::{NodeId, Tree, matches};

/// Devices that belong to no partition, with the reason. A `*` at the end stands for any ending.
const NEVER_ASSIGNABLE: &[(&str, &str)] = &[
    ("arm,gic-v3-its", "message-signalled interrupts are off: their tables are memory that the GIC writes"),
    ("arm,gic*", "the interrupt controller is the hypervisor's"),
    ("arm,cortex-a*-gic", "the interrupt controller is the hypervisor's"),
    ("arm,pl390", "the interrupt controller is the hypervisor's"),
    ("qcom,msm-qgic2", "the interrupt controller is the hypervisor's"),
    ("arm,armv8-timer", "every partition has the timers of its own CPUs"),
    ("arm,armv7-timer*", "the frame controls every CPU's counter"),
    ("arm,armv8-pmuv3*", "every partition has the counters of its own CPUs"),
    ("arm,cortex-a*-pmu", "every partition has the counters of its own CPUs"),
    ("arm,psci*", "every partition has a PSCI of its own"),
    ("arm,coresight*", "CoreSight can stop and read every CPU"),
    ("arm,primecell-coresight*", "CoreSight can stop and read every CPU"),
    ("arm,embedded-trace-*", "trace is off for every partition"),
    ("arm,trace-buffer-*", "trace buffers are written by the CPU behind the partition's back"),
    ("arm,statistical-profiling-*", "profiling buffers are written by the CPU behind the partition's back"),
    ("arm,smmu*", "an SMMU decides which memory devices reach"),
    ("arm,mmu-*", "an SMMU decides which memory devices reach"),
    ("arm,tzc-*", "it decides which memory is secure"),
    ("arm,tzc400", "it decides which memory is secure"),
    ("arm,cci-*", "the interconnect is everybody's"),
    ("arm,ccn-*", "the interconnect is everybody's"),
    ("arm,cmn-*", "the interconnect is everybody's"),
    ("arm,dsu*", "the cluster's control registers are everybody's"),
    ("arm,ras*", "error records are those of every CPU"),
    ("arm,sdei-*", "the firmware is the hypervisor's"),
    ("arm,scmi*", "the firmware behind it switches everybody's clocks"),
    ("arm,scpi*", "the firmware behind it switches everybody's clocks"),
    ("arm,ffa*", "the secure world is nobody's"),
    ("linaro,optee-tz", "the secure world is nobody's"),
    ("pci-host-ecam-generic", "PCI host bridges cannot be given to a partition yet"),
];

/// Nodes that are no devices.
const NO_DEVICES: &[(&str, &str)] = &[
    ("/aliases", "it is no device"),
    ("/chosen", "every partition has one of its own"),
    ("/cpus", "CPUs are given by `cpus`"),
    ("/reserved-memory", "memory is given by `memory`"),
    ("/thermal-zones", "a thermal zone goes with its sensor"),
    ("/__symbols__", "it is no device"),
];

/// Devices that are known never to write memory by themselves.
const NEVER_MASTERS: &[&str] = &[
    "arm,pl011",
    "arm,pl022",
    "arm,pl031",
    "arm,pl061",
    "arm,sbsa-uart",
    "arm,sp804",
    "arm,sp805",
    "cdns,uart-r1p12",
    "cdns,uart-r1p8",
    "cfi-flash",
    "fixed-clock",
    "fixed-factor-clock",
    "fsl,imx21-uart",
    "fsl,imx53-uart",
    "fsl,imx6q-uart",
    "gpio-keys",
    "gpio-leds",
    "ns16550a",
    "regulator-fixed",
    "simple-bus",
    "snps,dw-apb-gpio",
    "snps,dw-wdt",
    "syscon",
    "xlnx,xuartps",
];

/// Devices that reset or switch off the whole board. A `*` at the end stands for any ending.
const RESETS_BOARD: &[&str] = &[
    "arm,sbsa-gwdt",
    "arm,sp805",
    "brcm,bcm2835-pm*",
    "cdns,wdt-*",
    "gpio-poweroff",
    "gpio-restart",
    "qcom,pshold",
    "syscon-poweroff",
    "syscon-reboot",
    "xlnx,versal-wwdt*",
];
/// What the name of such a device says.
const WATCHDOGS: &[&str] = &["-wdt", "-watchdog", "-wdog"];

/// UARTs that a partition can have as its console.
const UARTS: &[&str] = &[
    "arm,pl011",
    "arm,sbsa-uart",
    "brcm,bcm2835-aux-uart",
    "cdns,uart-r1p12",
    "cdns,uart-r1p8",
    "fsl,imx21-uart",
    "fsl,imx53-uart",
    "fsl,imx6q-uart",
    "ns16550a",
    "snps,dw-apb-uart",
    "xlnx,xuartps",
];

/// What disks are called in Linux, the kinds of devices behind them, and how their nodes are called.
const DISKS: &[(&str, &[&str], &[&str])] = &[
    ("/dev/vd", &["virtio,mmio", "pci-host-*"], &["pci"]),
    ("/dev/mmcblk", &[], &["mmc", "sdhci", "sdmmc", "sdio"]),
    ("/dev/nvme", &[], &["pci"]),
    ("/dev/mtdblock", &["cfi-flash", "jedec,spi-nor"], &["flash", "nand", "spi", "qspi"]),
];

/// Providers without a state of their own: a copy of the node serves as well as the node.
const STATELESS: &[&str] = &["fixed-clock", "fixed-factor-clock", "operating-points-v2", "regulator-fixed"];

/// Why a node can belong to no partition, if so.
pub(crate) fn why_never_assignable(tree: &Tree, id: NodeId) -> Option<&'static str> {
    if id == tree.root() {
        return Some("it is the whole board");
    }
    let path = &tree.node(id).path;
    let inside =
        |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some((_, why)) = NO_DEVICES.iter().find(|(root, _)| inside(root)) {
        return Some(why);
    }
    if tree.node(id).text("device_type") == Some("memory") {
        return Some("memory is given by `memory`");
    }
    let kinds = tree.node(id).compatible();
    let listed = |pattern: &str| kinds.iter().any(|kind| matches(pattern, kind));
    NEVER_ASSIGNABLE.iter().find(|(pattern, _)| listed(pattern)).map(|(_, why)| *why)
}

/// Whether a node is known never to write memory by itself.
pub(crate) fn never_masters(tree: &Tree, id: NodeId) -> bool {
    is_one_of(tree, id, NEVER_MASTERS)
}

/// Whether a node can reset or switch off the whole board.
pub(crate) fn resets_board(tree: &Tree, id: NodeId) -> bool {
    tree.node(id).compatible().iter().any(|kind| {
        RESETS_BOARD.iter().any(|pattern| matches(pattern, kind))
            || WATCHDOGS.iter().any(|word| kind.contains(word))
    })
}

/// Whether a node is the performance counters of CPUs.
pub(crate) fn is_counter(tree: &Tree, id: NodeId) -> bool {
    let is_kind = |kind: &&str| matches("arm,armv8-pmuv3*", kind) || matches("arm,cortex-a*-pmu", kind);
    tree.node(id).compatible().iter().any(is_kind)
}

/// Whether a node is a UART: by its kind, or by the name that the Devicetree Specification (2.2.2) gives it.
pub(crate) fn is_uart(tree: &Tree, id: NodeId) -> bool {
    let node = tree.node(id);
    let is_named = node.name.split('@').next() == Some("serial") && node.property("reg").is_some();
    is_named || is_one_of(tree, id, UARTS)
}

/// Whether a node could be, or lead to, the disk that Linux calls `name`; `None` if the name says nothing of that.
pub(crate) fn counts_as_disk(tree: &Tree, id: NodeId, name: &str) -> Option<bool> {
    let (_, kinds, names) = DISKS.iter().find(|(start, ..)| name.starts_with(start))?;
    let node = tree.node(id);
    let is_kind = |kind: &&str| kinds.iter().any(|pattern| matches(pattern, kind));
    Some(node.compatible().iter().any(is_kind) || names.iter().any(|start| node.name.starts_with(start)))
}

/// Whether a provider may be copied into any number of partitions: it has no state, nor has what it needs.
pub(crate) fn is_stateless(tree: &Tree, id: NodeId) -> bool {
    let mut seen = vec![id];
    let mut next = 0;
    while let Some(id) = seen.get(next).copied() {
        let Ok(needs) = tree.needs(id) else { return false };
        if !is_one_of(tree, id, STATELESS) && !is_movable_memory(tree, id) {
            return false;
        }
        for provider in needs.into_iter().map(|need| need.provider) {
            if !seen.contains(&provider) {
                seen.push(provider);
            }
        }
        next += 1;
    }
    true
}

/// Reserved memory without an address: whoever needs it takes it from memory of its own.
fn is_movable_memory(tree: &Tree, id: NodeId) -> bool {
    let node = tree.node(id);
    node.parent.is_some_and(|parent| tree.node(parent).path == "/reserved-memory")
        && node.property("reg").is_none()
}

fn is_one_of(tree: &Tree, id: NodeId, kinds: &[&str]) -> bool {
    tree.node(id).compatible().iter().any(|kind| kinds.contains(kind))
}
