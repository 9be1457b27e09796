//! Where a guest begins: its first steps in Rust, around those of `entry.S`.
//!
//! `entry.S` calls three functions: [`map_memory`] while the MMU is still off, [`start`] when it is on,
//! and [`start_secondary`] on every further CPU. Exclusives need cacheable memory (Arm
//! ARM, Synchronization and semaphores), so `map_memory` takes no lock and prints nothing.

use crate::machine::{self, Machine};
use crate::paging::{self, TABLES};
use crate::tree::Tree;
use crate::{console, cpu, interrupt, psci};
use aarch64_cpu::registers::{
    CNTHCTL_EL2, CurrentEL, HCR_EL2, ICC_SRE_EL2, ID_AA64MMFR0_EL1, SCTLR_EL1, SPSR_EL2, TCR_EL1,
};
use core::arch::global_asm;

/// Bytes of the stack of one CPU.
const STACK_SIZE: usize = 0x4000;

/// Flags of the arm64 `Image` header: place anywhere (bit 3), 4 KiB pages (bits 2:1), little-endian (bit 0).
const IMAGE_FLAGS: u64 = 0b1010;

/// The one relocation of a static position-independent image (AAELF64, dynamic relocations).
const R_AARCH64_RELATIVE: u64 = 1027;

/// Bits of SCTLR_EL1 that are one where the feature that names them is missing: EOS, TSCXT, EIS, SPAN,
/// nTLSMD, LSMAOE.
const SCTLR_OFF: u64 = 0x30d0_0800;

/// What entry switches on: MMU, caches, stack alignment check.
const SCTLR_ON: u64 = SCTLR_OFF
    | SCTLR_EL1::M::Enable.value
    | SCTLR_EL1::C::Cacheable.value
    | SCTLR_EL1::I::Cacheable.value
    | SCTLR_EL1::SA::Enable.value;

/// Bits of CPTR_EL2 that are one when E2H is zero; all traps are off.
const CPTR_NO_TRAPS: u64 = 0x33ff;

/// ID_AA64PFR0_EL1.GIC: not zero where the GIC's CPU interface has system registers.
const PFR0_GIC: u64 = 0xf << 24;

/// EL1 with everything masked, on its own stack pointer.
const SPSR_EL1H: u64 = SPSR_EL2::D::Masked.value
    | SPSR_EL2::A::Masked.value
    | SPSR_EL2::I::Masked.value
    | SPSR_EL2::F::Masked.value
    | SPSR_EL2::M::EL1h.value;

global_asm!(
    include_str!("entry.S"),
    CNTHCTL_EL1_TIMERS = const CNTHCTL_EL2::EL1PCEN::SET.value | CNTHCTL_EL2::EL1PCTEN::SET.value,
    CPTR_NO_TRAPS = const CPTR_NO_TRAPS,
    CPUS = const cpu::MOST,
    EL2 = const CurrentEL::EL::EL2.value,
    HCR_EL1_IS_AARCH64 = const HCR_EL2::RW::EL1IsAarch64.value,
    ICC_SRE_FOR_EL1 = const ICC_SRE_EL2::SRE::SET.value | ICC_SRE_EL2::ENABLE::SET.value,
    IMAGE_FLAGS = const IMAGE_FLAGS,
    MAIR = const paging::MAIR,
    PARANGE_48 = const ID_AA64MMFR0_EL1::PARange::Bits_48.value,
    PFR0_GIC = const PFR0_GIC,
    R_AARCH64_RELATIVE = const R_AARCH64_RELATIVE,
    SCTLR_OFF = const SCTLR_OFF,
    SCTLR_ON = const SCTLR_ON,
    SPSR_EL1H = const SPSR_EL1H,
    STACK_SIZE = const STACK_SIZE,
    TABLES = sym TABLES,
    TCR = const paging::TCR,
    TCR_IPS_SHIFT = const TCR_EL1::IPS.shift,
    map_memory = sym map_memory,
    start = sym start,
    start_secondary = sym start_secondary,
);

unsafe extern "Rust" {
    /// The guest's own `main`, which [`crate::entry!`] exports.
    safe fn guest_main(machine: &'static Machine);
}

/// Builds the identity map; says whether there is one.
extern "C" fn map_memory(tree: *const u32) -> bool {
    // SAFETY: the boot protocol puts the address of the device tree into x0, from where entry.S brings it
    // here unchanged; nobody writes the tree after that.
    let tree = unsafe { Tree::at(tree) };
    tree.and_then(|tree| tree.memory()).is_ok_and(|memory| paging::build(memory.as_slice()).is_some())
}

/// Runs the guest on its first CPU and switches the machine off when it is done.
extern "C" fn start(tree: *const u32) -> ! {
    // SAFETY: as in `map_memory`, which has read the same tree already.
    let tree = unsafe { Tree::at(tree) };
    if let Ok(tree) = &tree {
        // Without a UART or PSCI there is nobody to complain to: what is missing is missed below.
        let _ = tree.psci().map(psci::choose);
        let _ = tree.uart().map(|uart| console::open(uart.registers));
    }
    interrupt::unmask_serror();
    match tree.and_then(|tree| tree.machine()) {
        Ok(found) => guest_main(machine::remember(found)),
        Err(error) => panic!("device tree: {error}"),
    }
    psci::system_off()
}

/// Runs on a further CPU what [`cpu::start`] left for it.
extern "C" fn start_secondary(index: usize) -> ! {
    interrupt::unmask_serror();
    cpu::run(index);
    psci::cpu_off()
}
