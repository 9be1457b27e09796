//! Turns bytes into a plan, whatever the bytes are.
//!
//! Nothing is copied: a [`Plan`] is a handful of slices into the bytes. The digest is not computed here,
//! for this crate knows no hash; [`Plan::digested`] hands out what the caller has to hash.

use crate::address::Span;
use crate::header::{Header, MAGIC, PLAN_VERSION, Section};
use crate::limits;
use crate::record::{Board, Cpu, Function, Interrupt, Load, Partition, Region, Step};
use core::fmt;
use core::mem::size_of;
use zerocopy::{Immutable, KnownLayout, TryFromBytes};

/// A plan, as slices into its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    bytes: &'a [u8],
    /// Its head.
    pub header: &'a Header,
    /// The board.
    pub board: &'a Board,
    /// The board's RAM.
    pub memory: &'a [Span],
    /// The ITSs of the GIC: nobody's, and off.
    pub translators: &'a [Span],
    /// CPUs, grouped by partition in vCPU order, then those that nobody owns.
    pub cpus: &'a [Cpu],
    /// Partitions.
    pub partitions: &'a [Partition],
    /// Regions, grouped by partition, by rising IPA.
    pub regions: &'a [Region],
    /// Pieces to load, grouped by partition.
    pub loads: &'a [Load],
    /// SPIs, grouped by partition, by rising INTID.
    pub interrupts: &'a [Interrupt],
    /// Steps that silence devices, grouped by partition.
    pub steps: &'a [Step],
    /// Functions of the firmware, grouped by partition, by rising identifier.
    pub functions: &'a [Function],
}

/// Why bytes are no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Too few bytes for a header, or the first byte is not 8-byte aligned.
    NoHeader,
    /// The first bytes are not [`MAGIC`].
    Magic,
    /// The plan has another form than [`PLAN_VERSION`].
    Version(u32),
    /// The header's size is not that of the bytes.
    Size,
    /// A table leaves the plan, is misaligned or holds an impossible value.
    Table(Section),
    /// A table has more records than [`limits`] allow.
    Limit(Section),
}

impl<'a> Plan<'a> {
    /// Reads a plan from `bytes`, which must begin at a multiple of 8.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (header, _) = Header::try_ref_from_prefix(bytes).map_err(|_| DecodeError::NoHeader)?;
        if header.magic != MAGIC {
            return Err(DecodeError::Magic);
        }
        if header.version != PLAN_VERSION {
            return Err(DecodeError::Version(header.version));
        }
        if usize::try_from(header.size) != Ok(bytes.len()) {
            return Err(DecodeError::Size);
        }
        let boards: &[Board] = table(bytes, header, Section::Board, 1)?;
        Ok(Self {
            bytes,
            header,
            board: boards.first().ok_or(DecodeError::Table(Section::Board))?,
            memory: table(bytes, header, Section::Memory, limits::MEMORY)?,
            translators: table(bytes, header, Section::Translators, limits::TRANSLATORS)?,
            cpus: table(bytes, header, Section::Cpus, limits::CPUS)?,
            partitions: table(bytes, header, Section::Partitions, limits::PARTITIONS)?,
            regions: table(bytes, header, Section::Regions, limits::REGIONS)?,
            loads: table(bytes, header, Section::Loads, limits::LOADS)?,
            interrupts: table(bytes, header, Section::Interrupts, limits::INTERRUPTS)?,
            steps: table(bytes, header, Section::Steps, limits::STEPS)?,
            functions: table(bytes, header, Section::Functions, limits::FUNCTIONS)?,
        })
    }

    /// The bytes whose SHA-256 must equal the header's digest.
    pub fn digested(&self) -> &'a [u8] {
        self.bytes.get(Header::UNDIGESTED..).unwrap_or_default()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader => f.write_str("there is no plan"),
            Self::Magic => f.write_str("the plan does not begin as a plan does"),
            Self::Version(found) => write!(f, "the plan has version {found}, wanted is {PLAN_VERSION}"),
            Self::Size => f.write_str("the plan has another size than its header says"),
            Self::Table(section) => write!(f, "the plan's {section:?} table is damaged"),
            Self::Limit(section) => write!(f, "the plan's {section:?} table is too long"),
        }
    }
}

impl core::error::Error for DecodeError {}

fn table<'a, T: TryFromBytes + KnownLayout + Immutable>(
    bytes: &'a [u8],
    header: &Header,
    section: Section,
    limit: usize,
) -> Result<&'a [T], DecodeError> {
    let damaged = DecodeError::Table(section);
    let table = header.sections.get(section as usize).ok_or(damaged)?;
    let count = usize::try_from(table.count).map_err(|_| damaged)?;
    if count > limit {
        return Err(DecodeError::Limit(section));
    }
    let start = usize::try_from(table.offset).map_err(|_| damaged)?;
    let end = count.checked_mul(size_of::<T>()).and_then(|size| start.checked_add(size)).ok_or(damaged)?;
    let records = bytes.get(start..end).ok_or(damaged)?;
    <[T]>::try_ref_from_bytes(records).map_err(|_| damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Table;
    use crate::sample::Sample;
    use proptest::prelude::{any, prop};
    use proptest::{prop_assert_eq, prop_assert_ne, proptest};
    use zerocopy::IntoBytes;

    #[test]
    fn the_sample_decodes() {
        let sample = Sample::default().encode();
        let plan = Plan::decode(sample.bytes()).unwrap();
        assert_eq!(plan.partitions.len(), 2);
        assert_eq!(plan.board.name.as_str(), "sample");
    }

    #[test]
    fn a_plan_of_another_version_is_refused() {
        let mut sample = Sample::default().encode();
        sample.bytes_mut()[8] = 9;
        assert_eq!(Plan::decode(sample.bytes()).unwrap_err(), DecodeError::Version(9));
    }

    #[test]
    fn a_cut_plan_is_refused() {
        let sample = Sample::default().encode();
        for length in 0..sample.bytes().len() {
            assert!(Plan::decode(&sample.bytes()[..length]).is_err(), "cut to {length}");
        }
    }

    proptest! {
        #[test]
        fn bytes_that_do_not_begin_as_a_plan_are_none(words in prop::collection::vec(any::<u64>(), 0..400)) {
            let bytes = zerocopy::IntoBytes::as_bytes(words.as_slice());
            prop_assert_ne!(Plan::decode(bytes).err(), None);
        }

        /// The sample, with its tables anywhere and of any length.
        #[test]
        fn tables_that_lie_anywhere_are_answered(
            tables in prop::collection::vec((1_usize..Section::COUNT, 0_u32..1600, 0_u32..12), 1..Section::COUNT),
        ) {
            let mut sample = Sample::default().encode();
            let sections = size_of::<Header>() - size_of::<[Table; Section::COUNT]>();
            for (section, offset, count) in tables {
                let table = Table { offset: offset & !7, count };
                let at = sections + section * size_of::<Table>();
                sample.bytes_mut()[at..at + size_of::<Table>()].copy_from_slice(table.as_bytes());
            }
            if let Ok(plan) = Plan::decode(sample.bytes()) {
                let moved = plan.header.sections.iter().zip([1, plan.memory.len(), plan.translators.len(), plan.cpus.len()]);
                for (table, length) in moved {
                    prop_assert_eq!(usize::try_from(table.count), Ok(length));
                }
                let _ = crate::verify(&plan);
            }
        }

        #[test]
        fn any_damage_is_answered(at in 0usize..4096, value in any::<u8>()) {
            let mut sample = Sample::default().encode();
            let length = sample.bytes().len();
            sample.bytes_mut()[at % length] = value;
            if let Ok(plan) = Plan::decode(sample.bytes()) {
                let _ = crate::verify(&plan);
            }
        }
    }
}
