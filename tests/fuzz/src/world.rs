//! The plan that the targets play on, and numbers that are likely to matter.
//!
//! A uniformly random address or register hits nothing that anybody owns; half of the time a case takes one
//! from near an edge.

use arbitrary::{Result, Unstructured};
use bulkhead_core::{Compartment, IdRegisters, Nature, Registers, Workarounds};
use bulkhead_plan::sample::Sample;
use bulkhead_plan::{Ipa, Plan};

/// Plays with the compartment of the sample's partition `index` of two; the second has a virtual UART.
pub(crate) fn with<T>(index: usize, play: impl FnOnce(&Compartment<'_>) -> T) -> T {
    of(Sample::default(), index, play)
}

/// The same on a board with a GICv2, which knows the CPUs by other numbers than the partitions.
pub(crate) fn with_gicv2<T>(index: usize, play: impl FnOnce(&Compartment<'_>) -> T) -> T {
    let mut sample = Sample::with_gicv2();
    for (cpu, interface) in sample.cpus.iter_mut().zip([3, 1, 2, 7]) {
        cpu.interface = interface;
    }
    of(sample, index, play)
}

fn of<T>(mut sample: Sample, index: usize, play: impl FnOnce(&Compartment<'_>) -> T) -> T {
    sample.partitions[1].uart = Ipa(0x0900_0000);
    let bytes = sample.encode();
    let plan = Plan::decode(bytes.bytes()).unwrap_or_else(|error| panic!("the sample: {error}"));
    play(&Compartment::new(&plan, &plan.partitions[index % 2]))
}

/// A CPU whose guest sees what it has.
pub(crate) fn nature() -> Nature {
    let ids = IdRegisters::sanitise(&[u64::MAX; bulkhead_core::ID_REGISTERS]);
    Nature { ids, workarounds: Workarounds { first: 0, second: -1, third: 1 }, preemption_bits: 5 }
}

/// Where something begins or ends in the sample, and numbers at which arithmetic ends.
const EDGES: [u64; 16] = [
    0,
    0x0800_0000,
    0x0801_0000,
    0x080a_0000,
    0x080b_0000,
    0x080c_0000,
    0x080e_0000,
    0x0900_0000,
    0x0904_0000,
    0x4000_0000,
    0x4100_0000,
    0x4200_0000,
    1 << 31,
    1 << 32,
    1 << 48,
    u64::MAX,
];

/// A number: any, a small one, or one near an edge.
pub(crate) fn number(case: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match case.int_in_range(0..=3)? {
        0 => case.arbitrary()?,
        1 => u64::from(case.arbitrary::<u16>()?),
        _ => {
            let edge = *case.choose(&EDGES)?;
            edge.wrapping_add_signed(i64::from(case.arbitrary::<i16>()?))
        }
    })
}

/// The registers of a guest.
pub(crate) fn registers(case: &mut Unstructured<'_>) -> Result<Registers> {
    let (pc, pstate, shared) = (number(case)?, case.arbitrary()?, number(case)?);
    let mut registers = Registers::new([shared; 31], pc, pstate);
    for register in &mut registers.x[..8] {
        *register = number(case)?;
    }
    Ok(registers)
}
