//! The guest's identity map.
//!
//! Exclusives and caches need Normal memory, and everything that is not the guest's own RAM must not be
//! Normal: speculation may read such memory at any time, and on a board an unwanted read can be a bus error.
//! So RAM of the device tree is Normal, every other address below 512 GiB is Device and never executable.
//! The last two pages below 512 GiB are a window: a probe that wants to see foreign memory as another kind, or
//! to execute it, sees it there, and only while it tries. The GiB before last is one that a probe may have
//! translated as it likes. The tables are atomics because they are changed while other CPUs walk them.

use crate::machine::Span;
use aarch64_cpu::registers::{MAIR_EL1, TCR_EL1};
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};
use tock_registers::register_bitfields;

/// The attributes that [`DESCRIPTOR`] numbers.
pub(crate) const MAIR: u64 = MAIR_EL1::Attr0_Device::nonGathering_nonReordering_noEarlyWriteAck.value
    | MAIR_EL1::Attr1_Normal_Outer::WriteBack_NonTransient_ReadWriteAlloc.value
    | MAIR_EL1::Attr1_Normal_Inner::WriteBack_NonTransient_ReadWriteAlloc.value
    | MAIR_EL1::Attr2_Normal_Outer::NonCacheable.value
    | MAIR_EL1::Attr2_Normal_Inner::NonCacheable.value;

/// 39 bits of virtual address through TTBR0 by the 4 KiB granule, walked through the caches; entry adds
/// the size of physical addresses.
pub(crate) const TCR: u64 = TCR_EL1::T0SZ.val(64 - VIRTUAL_BITS).value
    | TCR_EL1::TG0::KiB_4.value
    | TCR_EL1::SH0::Inner.value
    | TCR_EL1::ORGN0::WriteBack_ReadAlloc_WriteAlloc_Cacheable.value
    | TCR_EL1::IRGN0::WriteBack_ReadAlloc_WriteAlloc_Cacheable.value
    | TCR_EL1::EPD1::DisableTTBR1Walks.value;

const VIRTUAL_BITS: u64 = 39;
const ENTRIES: usize = 512;
const PAGE: u64 = 0x1000;
/// Bytes that an entry of a table spans: levels 1 to 3 of the walk.
const SPAN: [u64; 3] = [PAGE << 18, PAGE << 9, PAGE];
/// The last of them.
const LAST: usize = SPAN.len() - 1;
/// Tables beyond the root: two for the window, two for each ragged end of RAM.
const TABLES_BELOW: usize = 10;
/// The pages behind which foreign memory is made visible.
const WINDOW: Span = Span { base: (1 << VIRTUAL_BITS) - 2 * PAGE, size: 2 * PAGE };
/// The entry of the root that may be lent.
const LENT: usize = ENTRIES - 2;

/// Its level-3 table among [`TABLES`]: the window is the first that [`build`] divides a block for.
const WINDOW_TABLE: usize = 2;
/// The address in a descriptor.
const ADDRESS: u64 = DESCRIPTOR::ADDRESS.mask << DESCRIPTOR::ADDRESS.shift;
/// A descriptor that points to a table.
const POINTER: u64 = DESCRIPTOR::VALID::SET.value | DESCRIPTOR::TABLE::SET.value;

register_bitfields![u64,
    /// A stage-1 descriptor (Arm ARM D8.3).
    DESCRIPTOR [
        UXN OFFSET(54) NUMBITS(1) [],
        PXN OFFSET(53) NUMBITS(1) [],
        ADDRESS OFFSET(12) NUMBITS(36) [],
        AF OFFSET(10) NUMBITS(1) [],
        SH OFFSET(8) NUMBITS(2) [Outer = 0b10, Inner = 0b11],
        ATTRIBUTES OFFSET(2) NUMBITS(3) [Device = 0, Normal = 1, NonCacheable = 2],
        /// A table, or at level 3 a page; zero is a block.
        TABLE OFFSET(1) NUMBITS(1) [],
        VALID OFFSET(0) NUMBITS(1) [],
    ]
];

const DEVICE: u64 = DESCRIPTOR::VALID::SET.value
    | DESCRIPTOR::AF::SET.value
    | DESCRIPTOR::ATTRIBUTES::Device.value
    | DESCRIPTOR::UXN::SET.value
    | DESCRIPTOR::PXN::SET.value;
const RAM: u64 = DESCRIPTOR::VALID::SET.value
    | DESCRIPTOR::AF::SET.value
    | DESCRIPTOR::SH::Inner.value
    | DESCRIPTOR::ATTRIBUTES::Normal.value
    | DESCRIPTOR::UXN::SET.value;
const NON_CACHEABLE: u64 = DESCRIPTOR::VALID::SET.value
    | DESCRIPTOR::AF::SET.value
    | DESCRIPTOR::SH::Outer.value
    | DESCRIPTOR::ATTRIBUTES::NonCacheable.value
    | DESCRIPTOR::UXN::SET.value;

/// As what kind of memory a probe sees something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Device-nGnRnE, never executable.
    Device,
    /// Normal, not cacheable, executable.
    NonCacheable,
    /// Normal, write-back, executable.
    WriteBack,
}

impl Memory {
    const fn attributes(self) -> u64 {
        match self {
            Self::Device => DEVICE,
            Self::NonCacheable => NON_CACHEABLE,
            Self::WriteBack => RAM,
        }
    }
}

/// A table of the walk.
#[repr(C, align(4096))]
pub(crate) struct Table([AtomicU64; ENTRIES]);

impl Table {
    const fn empty() -> Self {
        Self([const { AtomicU64::new(0) }; ENTRIES])
    }

    fn address(&self) -> u64 {
        core::ptr::from_ref(self).addr() as u64
    }
}

/// The root, then the others.
pub(crate) static TABLES: [Table; 1 + TABLES_BELOW] = [const { Table::empty() }; 1 + TABLES_BELOW];

/// Builds the map; `None` if RAM has more ragged ends than there are tables.
///
/// Called once, with the MMU off.
pub(crate) fn build(memory: &[Span]) -> Option<()> {
    let mut builder = Builder { free: TABLES[1..].iter() };
    let everything = Span { base: 0, size: 1 << VIRTUAL_BITS };
    builder.map(&TABLES[0], 0, 0, &everything, DEVICE)?;
    builder.map(&TABLES[0], 0, 0, &WINDOW, 0)?;
    memory.iter().try_for_each(|ram| builder.map(&TABLES[0], 0, 0, ram, RAM))
}

/// Makes the page of `address` and the next visible through the window, which nobody else may be using;
/// returns where `address` is seen.
pub(crate) fn open_window(address: u64, memory: Memory) -> u64 {
    let page = |address: u64| leaf(LAST, address & ADDRESS, memory.attributes());
    set_window([page(address), page(address.wrapping_add(PAGE))]);
    WINDOW.base + (address & (PAGE - 1))
}

/// Takes away what [`open_window`] showed.
pub(crate) fn close_window() {
    set_window([0; 2]);
}

/// Puts the descriptor that `choose` makes of the root's address and its own position there into the entry
/// that may be lent, which nobody else may be using; returns the first address that it translates.
pub(crate) fn lend_entry(choose: impl FnOnce(u64, u64) -> u64) -> u64 {
    set_lent(choose(TABLES[0].address(), LENT as u64));
    LENT as u64 * SPAN[0]
}

/// Makes the entry what [`build`] made it.
pub(crate) fn restore_entry() {
    set_lent(leaf(0, LENT as u64 * SPAN[0], DEVICE));
}

struct Builder {
    free: core::slice::Iter<'static, Table>,
}

impl Builder {
    /// Maps `span` to itself with `attributes`, as far as `table`, whose first entry is for `base`, goes. A
    /// page that is only partly in `span` is left out.
    fn map(&mut self, table: &Table, level: usize, base: u64, span: &Span, attributes: u64) -> Option<()> {
        for (entry, index) in table.0.iter().zip(0..) {
            let whole = Span { base: base + index * SPAN[level], size: SPAN[level] };
            if span.covers(&whole) {
                entry.store(leaf(level, whole.base, attributes), Ordering::Relaxed);
            } else if level < LAST && span.overlaps(&whole) {
                let below = self.table_below(entry, level, whole.base)?;
                self.map(below, level + 1, whole.base, span, attributes)?;
            }
        }
        Some(())
    }

    /// The table that `entry` of `level` points to; if it is a block, first divides it into one.
    fn table_below(&mut self, entry: &AtomicU64, level: usize, base: u64) -> Option<&'static Table> {
        let old = entry.load(Ordering::Relaxed);
        if DESCRIPTOR::TABLE.is_set(old) {
            return TABLES.iter().find(|table| table.address() == old & ADDRESS);
        }
        let table = self.free.next()?;
        for (part, index) in table.0.iter().zip(0..) {
            part.store(leaf(level + 1, base + index * SPAN[level + 1], old & !ADDRESS), Ordering::Relaxed);
        }
        entry.store(table.address() | POINTER, Ordering::Relaxed);
        Some(table)
    }
}

/// The entry of a table of `level` that maps `base` to itself; invalid if `attributes` say so.
fn leaf(level: usize, base: u64, attributes: u64) -> u64 {
    let page = if level == LAST { DESCRIPTOR::TABLE::SET.value } else { 0 };
    if DESCRIPTOR::VALID.is_set(attributes) { base | attributes | page } else { 0 }
}

/// Puts the descriptors into the window's entries and makes every CPU see them.
fn set_window(descriptors: [u64; 2]) {
    for (entry, descriptor) in TABLES[WINDOW_TABLE].0[ENTRIES - 2..].iter().zip(descriptors) {
        entry.store(descriptor, Ordering::Relaxed);
    }
    forget_translations();
}

/// Puts `descriptor` into the entry that may be lent, by way of none at all (Arm ARM, break-before-make).
fn set_lent(descriptor: u64) {
    for value in [0, descriptor] {
        TABLES[0].0[LENT].store(value, Ordering::Relaxed);
        forget_translations();
    }
}

fn forget_translations() {
    // SAFETY: invalidating translations is always allowed.
    unsafe { asm!("dsb ishst", "tlbi vmalle1is", "dsb ish", "isb", options(nostack)) };
}
