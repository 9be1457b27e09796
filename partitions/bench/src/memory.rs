//! Memory: what stage 2 could make dearer.
//!
//! Instructions are the same by nature; what a walk costs in time shows on a board only.

use crate::instruction::{Register, Spare};
use crate::row;
use guest_rt::Machine;

const PAGE: u64 = 0x1000;
/// Bytes of a copy.
const COPY: u64 = 0x1_0000;
/// In pages that are mapped as pages: GICR_ISENABLER0, and GICC_PMR where there is a GICv2.
const PRIVATE: u64 = 0x1_0100;
const MASK: u64 = 0x4;

/// Measures.
pub(crate) fn measure(machine: &'static Machine, samples: u64) {
    let spare = Spare::of(machine);
    let mut offset = 0;
    row::measure::<10, _>("first_touch", samples.min(Spare::SIZE / PAGE), || {
        offset += PAGE;
        spare.time_store(offset - PAGE)
    });
    row::measure::<11, _>("walk_block", samples, || spare.time_walk());
    let page = match machine.has_gicv2() {
        true => Register::of_cpu_interface(machine, MASK),
        false => Register::of_redistributor(machine, PRIVATE),
    };
    row::measure::<12, _>("walk_page", samples, || page.time_walk());
    row::measure::<13, _>("copy_64k", samples.min(16), || spare.time_copy(COPY));
}
