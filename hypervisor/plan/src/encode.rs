//! Turns a plan into bytes, the mirror of decoding.
//!
//! The hash is the caller's: this crate has none, and the digest covers everything behind itself.

use crate::address::Span;
use crate::header::{Header, MAGIC, PLAN_VERSION, Section, Table};
use crate::record::{Board, Cpu, Function, Interrupt, Load, Partition, Region, Step};
use core::mem::size_of_val;
use zerocopy::{Immutable, IntoBytes};

/// All that a plan says, before it has a form.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The stage-2 tables, where they lie in the window.
    pub tables: Span,
    /// SHA-256 of the stage-2 tables.
    pub tables_digest: [u8; 32],
    /// SHA-256 of the hypervisor, as [`Header::hypervisor_digest`] counts it.
    pub hypervisor_digest: [u8; 32],
    /// The board.
    pub board: &'a Board,
    /// The board's RAM.
    pub memory: &'a [Span],
    /// The ITSs of the GIC.
    pub translators: &'a [Span],
    /// CPUs, as [`Section::Cpus`] orders them.
    pub cpus: &'a [Cpu],
    /// Partitions.
    pub partitions: &'a [Partition],
    /// Regions, as [`Section::Regions`] orders them.
    pub regions: &'a [Region],
    /// Pieces to load, as [`Section::Loads`] orders them.
    pub loads: &'a [Load],
    /// SPIs, as [`Section::Interrupts`] orders them.
    pub interrupts: &'a [Interrupt],
    /// Steps that silence devices, as [`Section::Steps`] orders them.
    pub steps: &'a [Step],
    /// Functions of the firmware, as [`Section::Functions`] orders them.
    pub functions: &'a [Function],
}

impl Draft<'_> {
    /// Bytes that the encoded plan takes; `None` for a draft beyond 4 GiB.
    pub fn size(&self) -> Option<usize> {
        self.sections().map(|(_, size)| size)
    }

    /// Writes the plan into `out`, which must have exactly [`Draft::size`] bytes, and sets its digest by
    /// `sha256`. Returns `None`, and writes nothing of use, if the size is another.
    pub fn encode(&self, out: &mut [u8], sha256: impl FnOnce(&[u8]) -> [u8; 32]) -> Option<()> {
        let (sections, size) = self.sections().filter(|(_, size)| *size == out.len())?;
        let mut header = Header {
            magic: MAGIC,
            version: PLAN_VERSION,
            size: u32::try_from(size).ok()?,
            digest: [0; 32],
            tables_digest: self.tables_digest,
            hypervisor_digest: self.hypervisor_digest,
            tables: self.tables,
            sections,
        };
        for (bytes, table) in self.contents().into_iter().zip(sections) {
            let start = usize::try_from(table.offset).ok()?;
            out.get_mut(start..start.checked_add(bytes.len())?)?.copy_from_slice(bytes);
        }
        header.write_to_prefix(out).ok()?;
        header.digest = sha256(out.get(Header::UNDIGESTED..)?);
        header.write_to_prefix(out).ok()
    }

    fn contents(&self) -> [&[u8]; Section::COUNT] {
        [
            self.board.as_bytes(),
            self.memory.as_bytes(),
            self.translators.as_bytes(),
            self.cpus.as_bytes(),
            self.partitions.as_bytes(),
            self.regions.as_bytes(),
            self.loads.as_bytes(),
            self.interrupts.as_bytes(),
            self.steps.as_bytes(),
            self.functions.as_bytes(),
        ]
    }

    fn sections(&self) -> Option<([Table; Section::COUNT], usize)> {
        let counts = [
            1,
            self.memory.len(),
            self.translators.len(),
            self.cpus.len(),
            self.partitions.len(),
            self.regions.len(),
            self.loads.len(),
            self.interrupts.len(),
            self.steps.len(),
            self.functions.len(),
        ];
        let mut sections = [Table::default(); Section::COUNT];
        let mut end = size_of::<Header>();
        for ((table, count), bytes) in sections.iter_mut().zip(counts).zip(self.contents()) {
            *table = Table { offset: u32::try_from(end).ok()?, count: u32::try_from(count).ok()? };
            end = end.checked_add(size_of_val(bytes))?;
        }
        Some((sections, end))
    }
}

/// Every record is a multiple of 8 bytes long, so every table begins aligned.
const fn keeps_alignment<T: Immutable>() -> bool {
    size_of::<T>().is_multiple_of(8)
}

const _: () = {
    assert!(keeps_alignment::<Header>() && keeps_alignment::<Board>() && keeps_alignment::<Span>());
    assert!(keeps_alignment::<Cpu>() && keeps_alignment::<Partition>() && keeps_alignment::<Region>());
    assert!(keeps_alignment::<Load>() && keeps_alignment::<Interrupt>());
    assert!(keeps_alignment::<Step>() && keeps_alignment::<Function>());
};
