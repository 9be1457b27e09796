//! The registers of a CPU: as of one that has just been reset.
//!
//! Their names and what soils them are in `raw.rs`; which of them a CPU has, its ID registers say.

use crate::raw::{
    self, COMMON, CONTEXT_NUMBERS, ERROR_STATUS, GROUP_0, KEYS, PMU, PROBE, Register, VECTOR_LENGTH,
};
use crate::traces::expect;
use aarch64_cpu::registers::{ID_AA64DFR0_EL1, ID_AA64ISAR1_EL1, ID_AA64PFR0_EL1};
use tock_registers::interfaces::Readable;

/// SCTLR_EL1 with the MMU off: EOS, TSCXT, EIS, SPAN, nTLSMD and LSMAOE, which are one where the feature is
/// missing.
const CONTROL: u64 = 0x30d0_0800;
/// The names of [`raw::Arrival::others`].
const OTHERS: [&str; 5] = ["tcr_el1", "ttbr0_el1", "mair_el1", "vbar_el1", "tpidr_el1"];

/// Looks at all of this CPU's.
pub(crate) fn look() {
    let arrival = raw::arrival();
    (0..).zip(arrival.x).filter(|(number, _)| ![0, 19].contains(number)).for_each(|(number, value)| {
        expect(format_args!("x{number}"), value, 0);
    });
    expect("sctlr_el1", arrival.control, CONTROL);
    OTHERS.iter().zip(arrival.others).for_each(|(name, value)| expect(name, value, 0));
    let (first, rest) = (&COMMON[0], &COMMON[1..]);
    expect(first.name, (first.read)(), first.born);
    (first.write)(first.soil);
    if has_scalable_vectors() {
        expect(VECTOR_LENGTH.name, (VECTOR_LENGTH.read)(), VECTOR_LENGTH.born);
        (VECTOR_LENGTH.write)(VECTOR_LENGTH.soil);
        expect("one of z0 to z31, p0 to p15 and ffr", raw::scalable_bits(), 0);
    }
    expect("one of v0 to v31", raw::vector_bits(), 0);
    rest.iter()
        .chain(optional())
        .for_each(|register| expect(register.name, (register.read)(), register.born));
}

/// Leaves something in all of them.
pub(crate) fn soil() {
    raw::soil_vectors();
    if has_scalable_vectors() {
        raw::soil_scalable();
    }
    COMMON.iter().chain(optional()).for_each(|register| (register.write)(register.soil));
    (PROBE.write)(PROBE.soil);
}

fn has_scalable_vectors() -> bool {
    ID_AA64PFR0_EL1.get() >> 32 & 0xf != 0
}

/// Those that not every CPU has.
fn optional() -> impl Iterator<Item = &'static Register> {
    let isar1 = ID_AA64ISAR1_EL1.get();
    // APA, API, GPA and GPI.
    let has_keys = isar1 & (0xff << 4 | 0xff << 24) != 0;
    let pmu = ID_AA64DFR0_EL1.get() >> 8 & 0xf;
    let groups = [
        (GROUP_0, ID_AA64PFR0_EL1.get() >> 24 & 0xf != 0),
        (PMU, pmu != 0 && pmu != 0xf),
        (KEYS, has_keys),
        (CONTEXT_NUMBERS, ID_AA64PFR0_EL1.get() >> 56 & 0xf >= 2),
        (ERROR_STATUS, ID_AA64PFR0_EL1.get() >> 28 & 0xf != 0),
    ];
    groups.into_iter().filter(|(_, is_there)| *is_there).flat_map(|(registers, _)| registers)
}
