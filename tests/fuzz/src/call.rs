//! Function calls: any number, any arguments.
//!
//! Who answers is told here a second time, by the ranges of the SMC Calling Convention.

use crate::world::{nature, number, registers, with};
use arbitrary::{Result, Unstructured};
use bulkhead_core::{Call, Return};

/// One call by one of two partitions.
pub(crate) fn check(case: &mut Unstructured<'_>) -> Result<()> {
    let mut registers = registers(case)?;
    registers.x[0] = function(case)?;
    registers.x[1] = number(case)?;
    with(case.choose_index(2)?, |compartment| {
        let function = registers.x[0] & 0xffff_ffff;
        let (owner, number) = (function >> 24 & 0x3f, function & 0xffff);
        match Call::decode(compartment, &nature().workarounds, &registers) {
            Call::Answer(Return(value)) => assert!((-9..=0x1_0001).contains(&value), "{value}"),
            Call::Words(_) => assert!(matches!(function, 0x8600_ff01 | 0x8600_ff03), "{function:#x}"),
            Call::Psci(_) => assert!(owner == 4 && number < 0x20, "{function:#x}"),
            Call::Order(order) => {
                assert_eq!(owner, 6, "{function:#x}");
                assert_ne!(compartment.partition.controls >> order.target & 1, 0, "{order:?}");
            }
            Call::Firmware => {
                let is_workaround = matches!(function, 0x8000_8000 | 0x8000_3fff);
                let is_allowed = function == 0x8400_0050 && compartment.partition.functions.count != 0;
                assert!(is_workaround || is_allowed, "{function:#x} reaches the firmware");
            }
        }
        Ok(())
    })
}

/// A number whose parts are likely to mean something.
fn function(case: &mut Unstructured<'_>) -> Result<u64> {
    if case.ratio(1, 4)? {
        return case.arbitrary();
    }
    let kind = u64::from(case.int_in_range(0..=3_u8)?) << 30;
    let owner = u64::from(case.int_in_range(0..=7_u8)?) << 24;
    let numbers = [0, 0x10, 0x50, 0x3ff0, 0x7ff0, 0x8000, 0xff00];
    let number = case.choose(&numbers)? + u64::from(case.int_in_range(0..=0x1f_u8)?);
    let above = if case.ratio(1, 8)? { case.arbitrary::<u64>()? << 32 } else { 0 };
    Ok(above | kind | owner | number)
}
