//! The CPU interface of a GICv2 where it is trapped: all of it for a guarded partition, else its second page.
//!
//! GICv2 §4.4. The second page holds GICC_DIR and nothing else. An interrupt is ended or deactivated only if it
//! is the partition's: its state lies in the distributor, and GICC_EOIR asks nobody whose it is. What a guest
//! reads or writes besides concerns the CPU that it has.

use crate::compartment::Compartment;
use crate::distributor::Access;
use crate::mmio::{Mmio, Width};

/// What an access at `offset` from GICC becomes.
pub fn access(compartment: &Compartment<'_>, offset: u64, access: &Mmio) -> Access {
    if access.width != Width::Word || !offset.is_multiple_of(4) {
        return Access::Value(0);
    }
    match (offset, access.store) {
        (CTLR, Some(value)) => store(offset, value & !FIQ_ENABLE),
        (PMR | BPR | ABPR | APR..NO_PRIORITIES, Some(value)) => store(offset, value),
        (EOIR | AEOIR | DIR, Some(value)) if may_end(compartment, value) => store(offset, value),
        (CTLR..EOIR | RPR..AEOIR | AHPPIR | APR..NO_PRIORITIES | IIDR, None) => load(offset),
        _ => Access::Value(0),
    }
}

/// Whether the partition may end or deactivate the interrupt that it has written to GICC_EOIR or GICC_DIR.
#[inline]
pub(crate) fn may_end(compartment: &Compartment<'_>, value: u64) -> bool {
    compartment.may_deactivate(value & INTID)
}

const fn load(offset: u64) -> Access {
    Access::Load { offset, width: Width::Word, mask: u64::MAX, set: 0 }
}

const fn store(offset: u64, value: u64) -> Access {
    Access::Store { offset, width: Width::Word, value }
}

const CTLR: u64 = 0x0;
const PMR: u64 = 0x4;
const BPR: u64 = 0x8;
/// Acknowledges an interrupt.
pub(crate) const IAR: u64 = 0xc;
/// Ends one.
pub(crate) const EOIR: u64 = 0x10;
const RPR: u64 = 0x14;
const ABPR: u64 = 0x1c;
const AEOIR: u64 = 0x24;
const AHPPIR: u64 = 0x28;
/// GICC_APR<n>, then GICC_NSAPR<n>, and the first offset behind them.
const APR: u64 = 0xd0;
const NO_PRIORITIES: u64 = 0xf0;
const IIDR: u64 = 0xfc;
const DIR: u64 = 0x1000;

/// GICC_EOIR and GICC_DIR: the INTID, without the source of an SGI.
const INTID: u64 = 0x3ff;
/// GICC_CTLR.FIQEn: an FIQ would come to EL2, which has no use for it.
const FIQ_ENABLE: u64 = 1 << 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compartment::tests::with_first;
    use crate::registers::Registers;
    use proptest::prelude::any;
    use proptest::{prop_assert, proptest};

    fn loaded(log2: u64) -> Mmio {
        Mmio::decode(1 << 24 | log2 << 22, &Registers::default()).unwrap()
    }

    fn stored(value: u64) -> Mmio {
        Mmio::decode(1 << 24 | 2 << 22 | 1 << 6, &Registers::new([value; 31], 0, 0)).unwrap()
    }

    #[test]
    fn only_interrupts_of_ones_own_are_ended() {
        with_first(|first| {
            for offset in [EOIR, AEOIR, DIR] {
                for own in [3 | 5 << 10, 27, 33, 79] {
                    assert_eq!(access(first, offset, &stored(own)), store(offset, own));
                }
                for foreign in [34, 40, 1020, 1023] {
                    assert_eq!(access(first, offset, &stored(foreign)), Access::Value(0), "{foreign}");
                }
            }
        });
    }

    #[test]
    fn an_fiq_is_never_asked_for() {
        with_first(|first| {
            assert_eq!(access(first, CTLR, &stored(u64::MAX)), store(CTLR, 0xffff_fff7));
        });
    }

    #[test]
    fn registers_are_words_and_what_can_only_be_written_reads_as_zero() {
        with_first(|first| {
            for offset in [CTLR, PMR, BPR, 0xc, RPR, 0x18, ABPR, 0x20, AHPPIR, APR, 0xec, IIDR] {
                assert!(matches!(access(first, offset, &loaded(2)), Access::Load { .. }), "{offset:#x}");
                assert_eq!(access(first, offset, &loaded(0)), Access::Value(0));
            }
            for offset in [EOIR, AEOIR, DIR, 0x40, 0x1004] {
                assert_eq!(access(first, offset, &loaded(2)), Access::Value(0), "{offset:#x}");
            }
        });
    }

    proptest! {
        #[test]
        fn no_foreign_interrupt_is_ended(offset in 0_u64..0x2000, value in any::<u64>()) {
            with_first(|first| {
                if let Access::Store { offset: EOIR | AEOIR | DIR, value, .. } = access(first, offset, &stored(value)) {
                    let intid = u32::try_from(value & INTID).unwrap();
                    prop_assert!(intid < 32 || first.spis.contains(intid));
                }
                Ok(())
            })?;
        }
    }
}
