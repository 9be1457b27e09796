//! Facts from the flattened device tree.
//!
//! Only the fallible half of the crate `fdt` is used, and reading stops at the first error: its iterators
//! may repeat one for ever.

use crate::bus;
use crate::cpu;
use crate::list::List;
use crate::machine::{Device, MOST_CLAIMS, MOST_MEMORY, Machine, Span};
use crate::psci::Conduit;
use core::fmt;
use core::ops::Range;
use fdt::nodes::Node;
use fdt::parsing::{NoPanic, aligned::AlignedParser};
use fdt::properties::values::U32List;
use fdt::{Fdt, FdtError};

type Parser = (AlignedParser<'static>, NoPanic);
pub(crate) type TreeNode = Node<'static, Parser>;
/// A tree as it lies in memory.
pub(crate) type Flat = Fdt<'static, Parser>;

/// Cells of an interrupt of a GIC: its kind, its number, its flags.
const INTERRUPT_CELLS: usize = 3;
/// Which of the timer's interrupts is that of the virtual one (binding `arm,armv8-timer`).
const VIRTUAL_TIMER: usize = 2;
/// The kind of interrupt that is private to a CPU.
const PPI: u32 = 1;
/// The kind of interrupt that any CPU can take, and its first INTID.
const SPI: u32 = 0;
const FIRST_SPI: u32 = 32;
/// The interrupt controllers (binding `arm,gic`, `arm,gic-v3`).
const GICV3: &[&str] = &["arm,gic-v3"];
const GICV2: &[&str] = &["arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a7-gic"];
/// INTIDs of PPIs.
const PPI_INTIDS: Range<u32> = 16..32;

/// Why the tree is of no use.
#[derive(Debug)]
pub(crate) enum TreeError {
    /// It is damaged.
    Damaged(FdtError),
    /// Something that every guest needs is not in it.
    Missing(&'static str),
    /// There is more of something than a guest can remember.
    TooMany(&'static str),
}

impl From<FdtError> for TreeError {
    fn from(error: FdtError) -> Self {
        Self::Damaged(error)
    }
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(error) => write!(f, "damaged: {error}"),
            Self::Missing(what) => write!(f, "it has no {what}"),
            Self::TooMany(what) => write!(f, "more {what} than a guest can remember"),
        }
    }
}

/// A device tree that has at least a sound header, and its address.
pub(crate) struct Tree(Flat, u64);

impl Tree {
    /// The tree at `address`.
    ///
    /// # Safety
    /// The boot protocol must hold: at `address` is a device tree, which nobody writes from now on.
    pub(crate) unsafe fn at(address: *const u32) -> Result<Self, TreeError> {
        if !address.is_aligned() {
            return Err(TreeError::Missing("address that is a multiple of 8"));
        }
        // SAFETY: aligned; that there is a tree and that it stays as it is, the caller promises.
        let tree = unsafe { Fdt::from_ptr_fallible(address) }?;
        Ok(Self(tree, address.addr() as u64))
    }

    /// RAM.
    pub(crate) fn memory(&self) -> Result<List<Span, MOST_MEMORY>, TreeError> {
        let mut memory = List::new();
        for node in self.0.root()?.all_nodes()? {
            let (_, node) = node?;
            if text(&node, "device_type")? == Some("memory") {
                add_registers(&self.0, &mut memory, &node, "stretches of RAM")?;
            }
        }
        Ok(memory)
    }

    /// How to reach the PSCI.
    pub(crate) fn psci(&self) -> Result<Conduit, TreeError> {
        let node = self.compatible(&["arm,psci-1.0", "arm,psci-0.2"], "node compatible with arm,psci-0.2")?;
        match text(&node, "method")? {
            Some("hvc") => Ok(Conduit::Hvc),
            Some("smc") => Ok(Conduit::Smc),
            _ => Err(TreeError::Missing("PSCI method hvc or smc")),
        }
    }

    /// The UART that is standard output.
    pub(crate) fn uart(&self) -> Result<Device, TreeError> {
        let stdout = self.0.root()?.chosen()?.stdout()?.ok_or(TreeError::Missing("/chosen/stdout-path"))?;
        device(&self.0, &stdout.node, "registers of the UART that /chosen/stdout-path names")
    }

    /// Everything.
    pub(crate) fn machine(&self) -> Result<Machine, TreeError> {
        let uart = self.uart()?;
        let [distributor, redistributors, cpu_interface] = self.gic()?;
        Ok(Machine {
            partition: self.partition()?,
            uart: uart.registers,
            uart_interrupt: uart.interrupt,
            clock: self.clock()?,
            distributor,
            redistributors,
            cpu_interface,
            timer: self.timer()?,
            bootargs: self.bootargs()?,
            cpus: self.cpus()?,
            memory: self.memory()?,
            tree: Span { base: self.1, size: self.0.total_size() as u64 },
            claims: self.claims()?,
        })
    }

    /// The distributor; the redistributors of a GICv3; the CPU interface of a GICv2.
    fn gic(&self) -> Result<[Span; 3], TreeError> {
        let none = Span::default();
        if let Some(gic) = self.0.root()?.all_compatible(GICV3)?.next().transpose()? {
            let distributor = register(&self.0, &gic, 0, "distributor registers")?;
            return Ok([distributor, register(&self.0, &gic, 1, "redistributor registers")?, none]);
        }
        let gic = self.compatible(GICV2, "node compatible with arm,gic-v3 or arm,gic-400")?;
        let distributor = register(&self.0, &gic, 0, "distributor registers")?;
        Ok([distributor, none, register(&self.0, &gic, 1, "CPU interface registers")?])
    }

    fn clock(&self) -> Result<Option<Device>, TreeError> {
        match self.0.root()?.all_compatible(&["arm,pl031"])?.next() {
            Some(node) => device(&self.0, &node?, "registers of the clock").map(Some),
            None => Ok(None),
        }
    }

    fn partition(&self) -> Result<Option<&'static str>, TreeError> {
        match self.0.find_node("/hypervisor")? {
            Some(node) => text(&node, "bulkhead,partition"),
            None => Ok(None),
        }
    }

    fn bootargs(&self) -> Result<&'static str, TreeError> {
        match self.0.find_node("/chosen")? {
            Some(node) => Ok(text(&node, "bootargs")?.unwrap_or_default()),
            None => Ok(""),
        }
    }

    fn timer(&self) -> Result<u32, TreeError> {
        const WHAT: &str = "private interrupt of the virtual timer";
        let node = self.compatible(&["arm,armv8-timer"], "node compatible with arm,armv8-timer")?;
        let interrupts = node.raw_property("interrupts")?.ok_or(TreeError::Missing(WHAT))?;
        let mut cells = interrupts.as_value::<U32List<'_>>().map_err(FdtError::from)?.iter();
        let kind = cells.nth(VIRTUAL_TIMER * INTERRUPT_CELLS);
        let intid = cells.next().and_then(|number| number.checked_add(PPI_INTIDS.start));
        match (kind, intid) {
            (Some(PPI), Some(intid)) if PPI_INTIDS.contains(&intid) => Ok(intid),
            _ => Err(TreeError::Missing(WHAT)),
        }
    }

    fn cpus(&self) -> Result<List<u64, { cpu::MOST }>, TreeError> {
        let mut cpus = List::new();
        for node in self.0.root()?.all_nodes()? {
            let (_, node) = node?;
            if text(&node, "device_type")? == Some("cpu") {
                let affinity = register(&self.0, &node, 0, "affinity of a CPU")?.base;
                cpus.push(affinity).ok_or(TreeError::TooMany("CPUs"))?;
            }
        }
        Ok(cpus)
    }

    /// Every address that a node has a `reg` for.
    fn claims(&self) -> Result<List<Span, MOST_CLAIMS>, TreeError> {
        let mut claims = List::new();
        for node in self.0.root()?.all_nodes()? {
            add_registers(&self.0, &mut claims, &node?.1, "stretches of registers")?;
        }
        Ok(claims)
    }

    fn compatible(&self, with: &[&'static str], what: &'static str) -> Result<TreeNode, TreeError> {
        let node = self.0.root()?.all_compatible(with)?.next();
        Ok(node.ok_or(TreeError::Missing(what))??)
    }
}

/// The property `name`, if `node` has it, as text.
fn text(node: &TreeNode, name: &str) -> Result<Option<&'static str>, TreeError> {
    let property = node.raw_property(name)?;
    Ok(property.map(|property| property.as_value()).transpose().map_err(FdtError::from)?)
}

/// The device that `node` describes.
fn device(tree: &Flat, node: &TreeNode, what: &'static str) -> Result<Device, TreeError> {
    let mut interrupt = None;
    if let Some(interrupts) = node.raw_property("interrupts")? {
        let mut cells = interrupts.as_value::<U32List<'_>>().map_err(FdtError::from)?.iter();
        if let (Some(SPI), Some(number)) = (cells.next(), cells.next()) {
            interrupt = number.checked_add(FIRST_SPI);
        }
    }
    Ok(Device { registers: register(tree, node, 0, what)?, interrupt })
}

/// Entry `index` of the `reg` of `node`.
fn register(tree: &Flat, node: &TreeNode, index: usize, what: &'static str) -> Result<Span, TreeError> {
    let entry = node.reg()?.and_then(|reg| reg.iter::<u64, u64>().nth(index));
    let entry = entry.ok_or(TreeError::Missing(what))?.map_err(FdtError::from)?;
    bus::seen_by_cpus(tree, node, Span { base: entry.address, size: entry.len })
}

/// Adds every stretch of addresses in the `reg` of `node`; a `reg` of another kind (a CPU, a device on a
/// PCI bus) has none.
fn add_registers<const N: usize>(
    tree: &Flat,
    list: &mut List<Span, N>,
    node: &TreeNode,
    what: &'static str,
) -> Result<(), TreeError> {
    let Some(reg) = node.reg()? else { return Ok(()) };
    for entry in reg.iter::<u64, u64>().map_while(Result::ok).filter(|entry| entry.len != 0) {
        let span = bus::seen_by_cpus(tree, node, Span { base: entry.address, size: entry.len })?;
        list.push(span).ok_or(TreeError::TooMany(what))?;
    }
    Ok(())
}
