//! Memory: what stage 2 could make dearer.
//!
//! Instructions are the same by nature; what a walk costs in time shows on a board only.

use crate::instruction::{Register, Spare};
use crate::row;
use guest_rt::Machine;

const PAGE: u64 = 0x1000;
/// Bytes of a copy.
const COPY: u64 = 0x1_0000;
/// GICR_ISENABLER0, in a page that is mapped as a page.
const PRIVATE: u64 = 0x1_0100;

/// Measures.
pub(crate) fn measure(machine: &'static Machine, samples: u64) {
    let spare = Spare::of(machine);
    let mut offset = 0;
    row::measure::<10, _>("first_touch", samples.min(Spare::SIZE / PAGE), || {
        offset += PAGE;
        spare.time_store(offset - PAGE)
    });
    row::measure::<11, _>("walk_block", samples, || spare.time_walk());
    let page = Register::of_redistributor(machine, PRIVATE);
    row::measure::<12, _>("walk_page", samples, || page.time_walk());
    row::measure::<13, _>("copy_64k", samples.min(16), || spare.time_copy(COPY));
}
