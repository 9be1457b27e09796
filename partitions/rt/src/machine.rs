//! What a guest knows about the machine it runs on.
//!
//! All of it comes from the device tree (`tree.rs`), once, before `main`; from then on it does not change.

use crate::cpu;
use crate::list::List;
use core::fmt;
use spin::Once;

/// Most stretches of RAM.
pub(crate) const MOST_MEMORY: usize = 4;
/// Most stretches of addresses, RAM and registers; QEMU's `virt` machine has fewer than 50.
pub(crate) const MOST_CLAIMS: usize = 64;

static MACHINE: Once<Machine> = Once::new();

/// Consecutive addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub base: u64,
    /// How many.
    pub size: u64,
}

impl Span {
    /// Whether `address` is one of them.
    pub const fn contains(&self, address: u64) -> bool {
        address >= self.base && address - self.base < self.size
    }

    /// Whether all of `other` are among them.
    pub(crate) const fn covers(&self, other: &Self) -> bool {
        other.size == 0 || (self.contains(other.base) && self.contains(other.base + (other.size - 1)))
    }

    /// Whether the two have an address in common.
    pub(crate) const fn overlaps(&self, other: &Self) -> bool {
        (self.contains(other.base) && other.size != 0) || (other.contains(self.base) && self.size != 0)
    }
}

impl fmt::Display for Span {
    /// Writes the first and the last, as a data sheet does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..={:#x}", self.base, self.base.saturating_add(self.size.saturating_sub(1)))
    }
}

/// A device with registers, and an interrupt that it shares with no CPU in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its registers.
    pub registers: Span,
    /// The INTID of its interrupt, an SPI.
    pub interrupt: Option<u32>,
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    /// The partition's name, if the tree says that this is a partition of Bulkhead.
    pub partition: Option<&'static str>,
    /// Registers of the PL011 that the tree names as standard output.
    pub uart: Span,
    /// The INTID of that UART's interrupt, if it has one.
    pub uart_interrupt: Option<u32>,
    /// A PL031 real-time clock, if there is one.
    pub clock: Option<Device>,
    /// Registers of the distributor.
    pub distributor: Span,
    /// Registers of the redistributors, those of one CPU after the other; a GICv2 has none.
    pub redistributors: Span,
    /// Registers of the CPU interface of a GICv2; a GICv3 has none in memory.
    pub cpu_interface: Span,
    /// INTID of the virtual timer.
    pub timer: u32,
    /// Where the device tree is.
    pub tree: Span,
    pub(crate) bootargs: &'static str,
    pub(crate) cpus: List<u64, { cpu::MOST }>,
    pub(crate) memory: List<Span, MOST_MEMORY>,
    pub(crate) claims: List<Span, MOST_CLAIMS>,
}

impl Machine {
    /// The affinity of each CPU, in the order of the tree; the position is the CPU's index.
    pub fn cpus(&self) -> &[u64] {
        self.cpus.as_slice()
    }

    /// Whether the interrupt controller is a GICv2, else it is a GICv3.
    pub const fn has_gicv2(&self) -> bool {
        self.cpu_interface.size != 0
    }

    /// RAM.
    pub fn memory(&self) -> &[Span] {
        self.memory.as_slice()
    }

    /// Every stretch of addresses that the tree gives to this machine, as RAM or as registers.
    pub fn claims(&self) -> &[Span] {
        self.claims.as_slice()
    }

    /// Whether the tree gives `address` to this machine, as RAM or as a device's register.
    pub fn owns(&self, address: u64) -> bool {
        self.claims().iter().any(|span| span.contains(address))
    }

    /// The value of the word `key=value` among the boot arguments.
    pub fn argument(&self, key: &str) -> Option<&'static str> {
        let words = self.bootargs.split_ascii_whitespace();
        words.filter_map(|word| word.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The number that the word `key=number` among the boot arguments gives, or else `default`.
    ///
    /// # Panics
    /// If there is such a word but no number in it.
    pub fn number(&self, key: &str, default: u64) -> u64 {
        self.argument(key).map_or(default, |text| match parse(text) {
            Some(number) => number,
            None => panic!("boot argument {key}={text}: expected a number, decimal or with 0x"),
        })
    }
}

/// The number that `text` writes, in decimal or after `0x` in hexadecimal.
pub fn parse(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Keeps what was found for as long as the guest runs.
pub(crate) fn remember(found: Machine) -> &'static Machine {
    MACHINE.call_once(|| found)
}

/// The machine, once `main` has begun.
pub fn known() -> Option<&'static Machine> {
    MACHINE.get()
}
