//! A device's registers at large, for guests that try what no driver does.
//!
//! Each access is one plain load or store of the width that is asked for. Drivers name their registers and
//! reach them through `safe-mmio`.

#![allow(unsafe_code)]

use crate::gic;
use crate::machine::{Machine, Span};
use core::arch::asm;

/// Bytes of a redistributor's RD_base and SGI_base.
const REDISTRIBUTOR: u64 = 0x2_0000;
/// Where SGI_base begins in them.
const SGI_BASE: u64 = 0x1_0000;

/// Registers in memory: a frame that the device tree gives to this guest, mapped as Device memory.
#[derive(Clone, Copy)]
pub struct Frame(Span);

impl Frame {
    /// The distributor.
    pub const fn distributor(machine: &Machine) -> Self {
        Self(machine.distributor)
    }

    /// RD_base of the redistributor of the CPU that asks, with SGI_base behind it.
    pub fn redistributor(machine: &Machine) -> Self {
        Self(Span { base: gic::own_frame(machine), size: REDISTRIBUTOR })
    }

    /// SGI_base of the redistributor of CPU `index`: a partition's lie in the order of its CPUs. Of a GICv2 the
    /// distributor, where the CPU that asks finds its own.
    pub fn private(machine: &Machine, index: usize) -> Self {
        if machine.has_gicv2() {
            return Self::distributor(machine);
        }
        let base = machine.redistributors.base + REDISTRIBUTOR * index as u64 + SGI_BASE;
        Self(Span { base, size: REDISTRIBUTOR - SGI_BASE })
    }

    /// The CPU interface of a GICv2.
    pub const fn cpu_interface(machine: &Machine) -> Self {
        Self(machine.cpu_interface)
    }

    /// The UART.
    pub const fn uart(machine: &Machine) -> Self {
        Self(machine.uart)
    }

    /// The address `offset` bytes behind its first one, in the frame or not.
    pub const fn address(self, offset: u64) -> u64 {
        self.0.base + offset
    }

    /// Loads 32 bits from `offset`.
    ///
    /// # Panics
    /// As all accesses do: if `offset` is not in the frame.
    pub fn load(self, offset: u64) -> u32 {
        let value;
        // SAFETY: inside of a frame that the device tree gives to this guest.
        unsafe { asm!("ldr {:w}, [{}]", out(reg) value, in(reg) self.inside(offset), options(nostack)) };
        value
    }

    /// Stores 32 bits at `offset`.
    pub fn store(self, offset: u64, value: u32) {
        // SAFETY: as for `load`; neither GIC nor UART writes memory.
        unsafe {
            asm!("str {:w}, [{}]", "dsb sy", in(reg) value, in(reg) self.inside(offset), options(nostack));
        };
    }

    /// Loads 64 bits from `offset`.
    pub fn load_double(self, offset: u64) -> u64 {
        let value;
        // SAFETY: as for `load`.
        unsafe { asm!("ldr {}, [{}]", out(reg) value, in(reg) self.inside(offset), options(nostack)) };
        value
    }

    /// Stores 64 bits at `offset`.
    pub fn store_double(self, offset: u64, value: u64) {
        // SAFETY: as for `store`.
        unsafe {
            asm!("str {}, [{}]", "dsb sy", in(reg) value, in(reg) self.inside(offset), options(nostack));
        };
    }

    fn inside(self, offset: u64) -> u64 {
        assert!(offset < self.0.size, "{offset:#x} is not in the frame");
        self.address(offset)
    }
}
