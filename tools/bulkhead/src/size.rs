//! What a system costs: memory that EL2 keeps, memory that holds pristine images, code.

use bulkhead_plan::{PAGE, Plan};
use object::{Object, ObjectSection};
use std::fs;
use std::path::Path;

/// Bytes of the board's RAM that the hypervisor's window takes, in whole pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// All that EL2 keeps after boot: code, data, heap, stacks, its own tables, stage-2 tables, plan.
    pub el2_ram: u64,
    /// Guest images and device trees as they were built, kept for restarts.
    pub image_store: u64,
}

impl Size {
    /// The sizes that a plan says, whose window begins with `hypervisor` bytes of binary.
    pub(crate) fn of(plan: &Plan<'_>, hypervisor: u64) -> Self {
        let pages = |bytes: u64| bytes.next_multiple_of(PAGE);
        let own = [hypervisor, u64::from(plan.header.size), plan.header.tables.size, plan.board.heap.size];
        let store = plan.loads.iter().filter(|load| !load.is_in_place(&plan.board.window));
        Self {
            el2_ram: own.into_iter().map(pages).sum(),
            image_store: store.map(|load| pages(load.size)).sum(),
        }
    }
}

/// Bytes of code in the hypervisor's binary at `path`; `None` if it cannot be read.
pub fn text(path: &Path) -> Option<u64> {
    let bytes = fs::read(path).ok()?;
    let elf = object::File::parse(&*bytes).ok()?;
    Some(elf.section_by_name(".text")?.size())
}
