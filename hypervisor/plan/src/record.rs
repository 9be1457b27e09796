//! The records of the plan, byte for byte.
//!
//! Every record is `repr(C)`, little-endian (which AArch64 EL2 is here, and every host of the tool) and
//! has no padding, so the bytes are the value. Enumerations are checked while decoding.

use crate::address::{Ipa, Pa, Span};
use crate::console::Console;
use crate::limits;
use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// In [`Cpu::partition`]: nobody owns this CPU; it stays off. In [`Board::heir`]: the console stays EL2's.
pub const NO_PARTITION: u32 = u32::MAX;

/// A short text, padded with zero bytes.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Name(pub [u8; limits::NAME]);

impl Name {
    /// The name, or `None` if it is longer than [`limits::NAME`] bytes.
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; limits::NAME];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self(bytes))
    }

    /// The text before the padding; empty if it is not UTF-8.
    pub fn as_str(&self) -> &str {
        let text = self.0.split(|&byte| byte == 0).next().unwrap_or_default();
        core::str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Consecutive records of another table that belong to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Range {
    /// Index of the first record.
    pub start: u32,
    /// Number of records.
    pub count: u32,
}

impl Range {
    /// The records of `table` that this range names; `None` if it names one that is not there.
    pub fn of<T>(self, table: &[T]) -> Option<&[T]> {
        let start = usize::try_from(self.start).ok()?;
        let count = usize::try_from(self.count).ok()?;
        table.get(start..start.checked_add(count)?)
    }
}

/// The architecture of the interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u32)]
pub enum GicVersion {
    /// GICv2: the CPU interface is a frame, the same for every CPU and another behind it.
    V2 = 2,
    /// GICv3 or GICv4, CPU interface by system registers.
    V3 = 3,
}

impl GicVersion {
    /// Bytes of the distributor's frame (GICv2 §4.1.2, GICv3 §12.9).
    pub const fn distributor_size(self) -> u64 {
        match self {
            Self::V2 => 0x1000,
            Self::V3 => 0x1_0000,
        }
    }

    /// Bytes of the CPU interface's frame (GICv2 §4.1.3): a page that a partition may have, and one with
    /// GICC_DIR, which none has.
    pub const fn cpu_interface_size(self) -> u64 {
        match self {
            Self::V2 => 0x2000,
            Self::V3 => 0,
        }
    }
}

/// How EL2 reaches the firmware that starts CPUs and turns the board off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u32)]
pub enum Conduit {
    /// There is none: each CPU waits for an address to begin at, in [`Cpu::release`], and nobody turns it off.
    SpinTable = 0,
    /// It has PSCI, called by `SMC`.
    Smc = 1,
}

/// The facts of the board that the hypervisor needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Board {
    /// The board's name.
    pub name: Name,
    /// All that the hypervisor owns of RAM.
    pub window: Span,
    /// The memory of the boot allocator, inside the window.
    pub heap: Span,
    /// The distributor (GICD).
    pub distributor: Span,
    /// The CPU interface (GICC) of a GICv2; a GICv3 has none in memory.
    pub cpu_interface: Span,
    /// Where EL2 speaks.
    pub console: Console,
    /// The interrupt controller's architecture.
    pub gic: GicVersion,
    /// The way to the firmware.
    pub conduit: Conduit,
    /// INTID of the SPI by which EL2 wakes CPUs where there is a GICv2, nobody's; zero where there is a GICv3.
    pub wake: u32,
    /// Index of the partition that has the console once all of them have begun, or [`NO_PARTITION`].
    pub heir: u32,
}

/// A CPU of the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Cpu {
    /// Affinity fields of its MPIDR_EL1, all other bits zero.
    pub mpidr: u64,
    /// Its redistributor's RD_base frame; zero where there is a GICv2.
    pub redistributor: Pa,
    /// Affinity that its guest sees in MPIDR_EL1, [`Cpu::affinity`]; zero if nobody owns it.
    pub virtual_mpidr: u64,
    /// Index of the owner, or [`NO_PARTITION`].
    pub partition: u32,
    /// The number that a GICv2 knows it by, below [`limits::CPU_INTERFACES`]; zero where there is a GICv3.
    pub interface: u32,
    /// Where it waits for the address at which it is to begin (Linux, `Documentation/arch/arm64/booting.rst`);
    /// zero on a board with [`Conduit::Smc`], and if nobody owns it.
    pub release: Pa,
}

impl Cpu {
    /// The affinity of a partition's CPU by its number: 16 to a cluster, as many as an SGI register names
    /// without a range selector, which few interrupt controllers have (GICv3 §12.2.19).
    pub const fn affinity(vcpu: u32) -> u32 {
        (vcpu & 0xff0) << 4 | vcpu & 0xf
    }
}

/// How a partition's interrupts reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u32)]
pub enum InterruptMode {
    /// The CPU interface is the hardware's: no exit.
    Direct = 0,
    /// EL2 looks at every end of an interrupt, so that no foreign one is ended, and at every sleep, so that
    /// the partition can always be woken.
    Guarded = 1,
}

/// Whether a partition may begin again after its end, and when it does so by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u32)]
pub enum Restart {
    /// Never: one of its devices may go on writing into its memory, or its image lies in place and there is no
    /// pristine one.
    Never = 0,
    /// When it asks for a reset, or who controls it does; a fault ends it.
    OnRequest = 1,
    /// After a fault, too.
    OnFault = 2,
}

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Partition {
    /// Its name.
    pub name: Name,
    /// Physical address of its stage-2 root table, inside the tables of the plan.
    pub root: Pa,
    /// VTCR_EL2, whole.
    pub vtcr: u64,
    /// Where its first CPU begins.
    pub entry: Ipa,
    /// What its first CPU finds in x0: by the boot protocol the address of the device tree.
    pub argument: u64,
    /// Where it finds the distributor.
    pub distributor: Ipa,
    /// Where it finds its first redistributor; the next follow every 128 KiB, one per CPU. A GICv2 has none.
    pub redistributors: Ipa,
    /// Where it finds the CPU interface of a GICv2.
    pub cpu_interface: Ipa,
    /// Where it finds a virtual PL011, or zero if it has a UART of its own.
    pub uart: Ipa,
    /// Its CPUs.
    pub cpus: Range,
    /// Its memory and devices.
    pub regions: Range,
    /// What is loaded before it starts.
    pub loads: Range,
    /// Its SPIs.
    pub interrupts: Range,
    /// What stops its devices from writing memory, in this order, before its memory is used again.
    pub silence: Range,
    /// Functions of the firmware that it may call.
    pub functions: Range,
    /// VMID, unique in the plan.
    pub vmid: u32,
    /// Pages of the root table: more than one when roots are concatenated.
    pub root_pages: u32,
    /// How interrupts reach it.
    pub interrupt_mode: InterruptMode,
    /// Whether it begins again.
    pub restart: Restart,
    /// How often it begins again after faults, at the most, until somebody else starts it.
    pub max_restarts: u32,
    /// Milliseconds from the first fault to the new beginning; twice as many after each further fault.
    pub restart_delay: u32,
    /// Bit n: it may start, stop and restart partition n.
    pub controls: u32,
    /// INTID of the interrupt that its virtual PL011 raises, one of its own; zero if it raises none.
    pub uart_interrupt: u32,
}

/// What a region is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u32)]
pub enum RegionKind {
    /// RAM: Normal memory, readable, writable, executable.
    Ram = 1,
    /// Registers of a device: Device-nGnRE, never executable.
    Device = 2,
    /// The first page of one of its CPUs' SGI_base frames.
    SgiFrame = 3,
    /// The first page of GICC: every CPU that reaches it reaches its own registers.
    CpuInterface = 4,
}

/// Physical addresses that a partition reaches by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Region {
    /// Where the partition sees it.
    pub ipa: Ipa,
    /// What it is physically.
    pub span: Span,
    /// What it is.
    pub kind: RegionKind,
    /// Zero.
    pub reserved: u32,
}

/// A piece of a guest image to put into its RAM, or one that lies there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Load {
    /// Where it lies: in the window, pristine, or in place.
    pub source: Pa,
    /// Bytes to copy.
    pub size: u64,
    /// Where it goes.
    pub destination: Ipa,
    /// Bytes it takes there; what goes beyond `size` becomes zero.
    pub memory_size: u64,
    /// SHA-256 of the `size` bytes. EL2 does not check it of what lies in place.
    pub digest: [u8; 32],
}

impl Load {
    /// The bytes to copy, or that lie in place.
    pub const fn bytes(&self) -> Span {
        Span { base: self.source, size: self.size }
    }

    /// Whether the loader of the image has put it where it belongs, as [`crate::verify`] makes sure: everything
    /// else lies in `window`.
    pub fn is_in_place(&self, window: &Span) -> bool {
        !window.contains(&self.bytes())
    }
}

/// When an interrupt line asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u32)]
pub enum Trigger {
    /// While the line is high.
    Level = 0,
    /// When the line rises.
    Edge = 1,
}

/// An SPI that a partition owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Interrupt {
    /// INTID, 32 to 1019.
    pub intid: u32,
    /// Its configuration in GICD_ICFGR.
    pub trigger: Trigger,
}

/// What EL2 does with a register to silence a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u32)]
pub enum StepKind {
    /// The bits of `mask` become those of `value`.
    Write = 1,
    /// Wait until the bits of `mask` are those of `value`.
    Await = 2,
}

/// A step on the way to a device's silence: a 32-bit register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Step {
    /// The register.
    pub address: Pa,
    /// Its value, in the bits of `mask`.
    pub value: u32,
    /// The bits that count; a write of all of them reads nothing.
    pub mask: u32,
    /// What to do with it.
    pub kind: StepKind,
    /// Zero.
    pub reserved: u32,
}

/// A function of the firmware that a partition may call (SMC Calling Convention).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Function {
    /// Function identifier: what the caller has in w0.
    pub id: u32,
    /// Zero.
    pub reserved: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_the_round_trip() {
        assert_eq!(Name::new("linux").unwrap().as_str(), "linux");
        assert_eq!(Name::new(&"x".repeat(33)), None);
        assert_eq!(Name([0xff; limits::NAME]).as_str(), "");
    }

    #[test]
    fn a_range_never_leaves_its_table() {
        let table = [1, 2, 3];
        assert_eq!(Range { start: 1, count: 2 }.of(&table), Some(&[2, 3][..]));
        assert_eq!(Range { start: 2, count: 2 }.of(&table), None);
        assert_eq!(Range { start: u32::MAX, count: u32::MAX }.of(&table), None);
    }
}
