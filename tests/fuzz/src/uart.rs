//! Sequences of accesses to the virtual UART.
//!
//! Every byte that a guest stores to the data register comes out, in order, and nothing else does; the line is
//! high exactly while something was transmitted since it was cleared last, and is not masked.

use arbitrary::{Result, Unstructured};
use bulkhead_core::uart::{Level, Uart, UartAccess};
use bulkhead_core::{Mmio, Registers};

/// A sequence of accesses.
pub(crate) fn check(case: &mut Unstructured<'_>) -> Result<()> {
    let mut uart = Uart::new();
    let (mut mask, mut has_transmitted) = (0, false);
    while !case.is_empty() {
        let offset = if case.arbitrary()? { 0 } else { u64::from(case.int_in_range(0..=0xfff_u16)?) };
        let log2 = u64::from(case.int_in_range(0..=3_u8)?);
        let is_store = case.arbitrary::<bool>()?;
        let value: u64 = case.arbitrary()?;
        let registers = Registers::new([value; 31], 0, 0);
        let esr = 1 << 24 | log2 << 22 | u64::from(is_store) << 6;
        let Some(access) = Mmio::decode(esr, &registers) else { panic!("the syndrome is valid") };
        match (offset, is_store) {
            (0x38, true) => mask = access.store.unwrap_or_default(),
            (0x44, true) => has_transmitted &= access.store.unwrap_or_default() & TRANSMIT == 0,
            _ => {}
        }
        match uart.access(offset, &access) {
            UartAccess::Transmit(byte) => {
                assert!(is_store && offset == 0, "{offset:#x} transmits");
                assert_eq!(byte, value.to_le_bytes()[0]);
                uart.transmitted();
                has_transmitted = true;
            }
            UartAccess::Flags => assert!(!is_store && offset == 0x18),
            UartAccess::Value(value) => {
                assert!(!is_store || offset != 0, "a byte is lost");
                assert!(value <= 0xffff, "the registers of a PL011 have 16 bits: {value:#x}");
            }
        }
        let asks = has_transmitted && mask & TRANSMIT != 0;
        assert_eq!(uart.line(), if asks { Level::High } else { Level::Low });
    }
    Ok(())
}

/// The bit of the interrupt for transmission.
const TRANSMIT: u64 = 1 << 5;
