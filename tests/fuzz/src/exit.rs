//! Exits: any syndrome, with any registers.
//!
//! An exit is answered; what the answer reaches is the partition's; the guest goes on behind the instruction
//! or finds its registers as they were.

use crate::world::{nature, number, registers, with, with_gicv2};
use arbitrary::{Result, Unstructured};
use bulkhead_core::{Action, Compartment, Reason, Registers, Syndrome};
use bulkhead_plan::GicVersion;

/// One exit of one of two partitions, on either kind of board.
pub(crate) fn check(case: &mut Unstructured<'_>) -> Result<()> {
    let index = case.choose_index(2)?;
    if case.arbitrary()? {
        with(index, |compartment| exit(case, compartment))
    } else {
        with_gicv2(index, |compartment| exit(case, compartment))
    }
}

fn exit(case: &mut Unstructured<'_>, compartment: &Compartment<'_>) -> Result<()> {
    let before = registers(case)?;
    let syndrome = syndrome(case)?;
    let caller = case.choose_index(compartment.cpus.len())?;
    let mut after = before;
    let (reason, action) = compartment.on_exit(caller, &nature(), &mut after, &syndrome);
    assert!((reason as usize) < Reason::ALL.len());
    check_reach(compartment, &action);
    check_flow(&before, &after, &action);
    Ok(())
}

/// A syndrome whose class is one that occurs, most of the time.
fn syndrome(case: &mut Unstructured<'_>) -> Result<Syndrome> {
    const CLASSES: [u64; 8] = [0x01, 0x07, 0x16, 0x17, 0x18, 0x20, 0x24, 0x2f];
    let class = if case.ratio(7, 8)? { *case.choose(&CLASSES)? } else { case.int_in_range(0..=0x3f)? };
    let mut iss = u64::from(case.arbitrary::<u32>()?) & 0x1ff_ffff;
    if matches!(class, 0x20 | 0x24) && case.ratio(3, 4)? {
        // A translation fault with a syndrome of the access.
        iss = iss & !0x3f & !(1 << 7) | 1 << 24 | 0b000_111;
    }
    let address = number(case)?;
    let il = u64::from(case.arbitrary::<bool>()?) << 25;
    Ok(Syndrome { esr: class << 26 | il | iss, far: address, hpfar: (address >> 12 << 4) & 0xfff_ffff_fff0 })
}

fn check_reach(compartment: &Compartment<'_>, action: &Action) {
    let vcpus = compartment.cpus.len();
    match *action {
        Action::SendSgi { intid, targets } => {
            assert!(intid < 16 && targets != 0 && targets >> vcpus == 0, "an SGI beyond the partition");
        }
        Action::Redistributor { vcpu, offset, .. } => {
            assert!(vcpu < vcpus && offset < 0x2_0000 && compartment.gic == GicVersion::V3);
        }
        Action::Distributor { offset, .. } => assert!(offset < compartment.gic.distributor_size()),
        Action::CpuInterface { offset, .. } => assert!(offset < compartment.gic.cpu_interface_size()),
        Action::ReadInterface { .. } | Action::WriteInterface { .. } => {
            assert_eq!(compartment.gic, GicVersion::V3, "a register that is not there");
        }
        Action::Uart { offset, .. } => {
            assert!(offset < 0x1000 && compartment.partition.uart.0 != 0, "a UART that is not there");
        }
        Action::Order(order) => {
            assert_ne!(compartment.partition.controls >> order.target & 1, 0, "an order to a stranger");
        }
        _ => {}
    }
}

fn check_flow(before: &Registers, after: &Registers, action: &Action) {
    if let Action::Inject(_) = action {
        assert_eq!(after, before, "an exception finds the registers as they were");
    }
    let step = after.pc.wrapping_sub(before.pc);
    assert!(matches!(step, 0 | 2 | 4), "a step of {step}");
}
