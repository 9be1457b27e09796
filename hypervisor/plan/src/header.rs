//! Where to find what: the boot header of the image, then the plan's own header.
//!
//! The boot header sits at a fixed place in the image, right behind the arm64 `Image` header of Linux's
//! `Documentation/arch/arm64/booting.rst`. It is all that the entry code reads before its MMU is on.

use crate::address::{BLOCK, Span};
use crate::console::Console;
use crate::record::Conduit;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// Bytes from the start of the image to the boot header: right behind the 64 bytes of the `Image` header.
pub const BOOT_HEADER_OFFSET: usize = 64;

/// Bytes at the end of what the image takes ([`BootHeader::extent`]), where the firmware's device tree is kept
/// while the image moves to its window.
pub const ROOM_FOR_TREE: u64 = 0x4_0000;

/// The first bytes of every plan.
pub const MAGIC: [u8; 8] = *b"BULKHEAD";

/// The form of the plan that this crate reads and writes; there is no second one.
pub const PLAN_VERSION: u32 = 4;

/// What entry has to know: filled in by the tool, zero in the bare binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BootHeader {
    /// Where the image runs: all that the hypervisor owns, 2 MiB aligned.
    pub window: Span,
    /// Bytes of the image file that stay in the window, from its start.
    pub image_size: u64,
    /// Bytes of the whole file: more, if pieces of it lie in place behind the window ([`crate::Load::is_in_place`]).
    pub file_size: u64,
    /// Where the plan begins, in bytes from the start of the window.
    pub plan_offset: u64,
    /// Bytes of the plan.
    pub plan_size: u64,
    /// Memory of the boot allocator, inside the window, behind the image.
    pub heap: Span,
    /// The UART for words spoken before the plan is read.
    pub console: Console,
    /// The way to the firmware, which can turn off a board whose plan is none.
    pub conduit: Conduit,
    /// Zero.
    pub reserved: u32,
}

impl BootHeader {
    /// Bytes from the start of the window that nobody else uses until partitions begin: the window, and all of
    /// the file with [`ROOM_FOR_TREE`] behind it. It is what the `Image` header says. `None` if it has no end.
    pub fn extent(&self) -> Option<u64> {
        let file = self.file_size.checked_add(ROOM_FOR_TREE)?.checked_next_multiple_of(BLOCK)?;
        Some(file.max(self.window.size))
    }
}

/// A part of the plan: `count` records that begin `offset` bytes from the plan's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Table {
    /// Bytes from the start of the plan.
    pub offset: u32,
    /// Records in the table.
    pub count: u32,
}

/// The tables of a plan, in the order in which the header lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Section {
    /// One [`crate::Board`].
    Board,
    /// The board's RAM, one [`Span`] each.
    Memory,
    /// The ITSs of the GIC, one [`Span`] each.
    Translators,
    /// [`crate::Cpu`] records, grouped by partition, in the order of the partition's vCPUs.
    Cpus,
    /// [`crate::Partition`] records.
    Partitions,
    /// [`crate::Region`] records, grouped by partition, by rising IPA.
    Regions,
    /// [`crate::Load`] records, grouped by partition.
    Loads,
    /// [`crate::Interrupt`] records, grouped by partition, by rising INTID.
    Interrupts,
    /// [`crate::Step`] records, grouped by partition.
    Steps,
    /// [`crate::Function`] records, grouped by partition, by rising identifier.
    Functions,
}

impl Section {
    /// How many tables a plan has.
    pub const COUNT: usize = 10;
}

/// The head of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// Bytes of the whole plan, header included.
    pub size: u32,
    /// SHA-256 of everything behind this field, up to `size`.
    pub digest: [u8; 32],
    /// SHA-256 of the stage-2 tables.
    pub tables_digest: [u8; 32],
    /// SHA-256 of the image before the plan, the fields that differ from board to board as zero: the
    /// [`BootHeader`], and the image's size in the `Image` header. It is that of the hypervisor's binary,
    /// whatever the system. EL2 does not check it: who would?
    pub hypervisor_digest: [u8; 32],
    /// The stage-2 tables, at the physical address where they lie in the window.
    pub tables: Span,
    /// Where each [`Section`] lies.
    pub sections: [Table; Section::COUNT],
}

impl Header {
    /// Bytes of the plan that the digest does not cover: all up to and including the digest itself.
    pub const UNDIGESTED: usize = 48;
}
