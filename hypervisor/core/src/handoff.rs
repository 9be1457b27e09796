//! Is this the board that the plan was made for? The firmware's device tree says.
//!
//! The tree is read in place with the `fdt` crate, whose constructors trust the header's arithmetic and
//! whose `reg` trusts the cell counts; both are checked here first. A damaged tree is a [`Mismatch`],
//! never a panic: the first error ends the reading.

mod tree;

use bulkhead_plan::{NO_PARTITION, Plan, RegionKind, Span};
use core::fmt;
use tree::Tree;

/// Why the plan is not for this board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// There is a device tree, but it cannot be read.
    Damaged,
    /// RAM of the plan that the board does not have.
    NoRam(Span),
    /// A CPU of the plan, by its affinity, that the board does not have.
    NoCpu(u64),
    /// The interrupt controller of the plan is not where the board has one.
    NoGic(Span),
    /// Memory of the plan that the firmware has reserved for itself.
    Reserved(Span),
}

/// Bytes of a device tree's header (Devicetree Specification 0.4 §5.2).
pub const HEADER: usize = 40;
/// Largest device tree that the boot protocol allows.
pub const LARGEST: usize = 0x20_0000;

/// The size of the device tree whose first bytes these are; `None` if they are not those of one.
pub fn size(header: &[u8]) -> Option<usize> {
    let word = |offset: usize| be32(header.get(offset..offset.checked_add(4)?)?);
    let size = usize::try_from(word(4)?).ok()?;
    (word(0)? == MAGIC && (HEADER..=LARGEST).contains(&size)).then_some(size)
}

/// Compares the plan with the device tree in `blob`, which the firmware has put at `place`.
pub fn compare(plan: &Plan<'_>, blob: &[u8], place: Span) -> Result<(), Mismatch> {
    let tree = Tree::new(blob).ok_or(Mismatch::Damaged)?;
    let wanted = || {
        let ram = plan.regions.iter().filter(|region| region.kind == RegionKind::Ram);
        ram.map(|region| region.span).chain([plan.board.window])
    };
    for span in wanted() {
        if !tree.has_ram(&span).ok_or(Mismatch::Damaged)? {
            return Err(Mismatch::NoRam(span));
        }
        let reserved = tree.is_reserved(&span, &place).ok_or(Mismatch::Damaged)?;
        if reserved {
            return Err(Mismatch::Reserved(span));
        }
    }
    for cpu in plan.cpus.iter().filter(|cpu| cpu.partition != NO_PARTITION) {
        if !tree.has_cpu(cpu.mpidr).ok_or(Mismatch::Damaged)? {
            return Err(Mismatch::NoCpu(cpu.mpidr));
        }
    }
    match tree.has_gic(plan.board.distributor.base).ok_or(Mismatch::Damaged)? {
        true => Ok(()),
        false => Err(Mismatch::NoGic(plan.board.distributor)),
    }
}

const MAGIC: u32 = 0xd00d_feed;

fn be32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the firmware's device tree is damaged"),
            Self::NoRam(span) => write!(f, "wrong board: the plan has RAM at {span}, the board has not"),
            Self::NoCpu(mpidr) => write!(f, "wrong board: the plan has CPU {mpidr:#x}, the board has not"),
            Self::NoGic(span) => write!(f, "wrong board: the plan has its GIC at {span}, the board has not"),
            Self::Reserved(span) => {
                write!(f, "the firmware keeps memory for itself in {span}, which the plan gives away")
            }
        }
    }
}
