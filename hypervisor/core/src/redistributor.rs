//! A redistributor as its partition sees it: who it belongs to, and that it is awake.
//!
//! GICv3 §12.10. The first page of SGI_base is mapped through by stage 2 and never comes here. RD_base
//! stays trapped because PROPBASER and PENDBASER are addresses that the GIC writes to: a partition that
//! could set them would write anywhere.

use crate::compartment::Compartment;
use crate::distributor::Access;
use crate::mmio::{Mmio, Width};

/// What an access at `offset` from the RD_base of vCPU `vcpu` becomes in that CPU's physical frame.
pub fn access(compartment: &Compartment<'_>, vcpu: usize, offset: u64, access: &Mmio) -> Access {
    if access.store.is_some() || !offset.is_multiple_of(access.width.bytes()) {
        return Access::Value(0);
    }
    let load = |mask| Access::Load { offset, width: Width::Word, mask, set: 0 };
    match (offset, access.width) {
        (CTLR, Width::Word) => load(WRITES_PENDING),
        (IIDR | 0xffd0..0x1_0000, Width::Word) => load(u64::MAX),
        (TYPER, Width::Double) => Access::Value(kind(compartment, vcpu)),
        (TYPER, Width::Word) => Access::Value(kind(compartment, vcpu) & 0xffff_ffff),
        (TYPER_HIGH, Width::Word) => Access::Value(kind(compartment, vcpu) >> 32),
        _ => Access::Value(0),
    }
}

const CTLR: u64 = 0x0;
const IIDR: u64 = 0x4;
const TYPER: u64 = 0x8;
const TYPER_HIGH: u64 = 0xc;

/// GICR_CTLR.RWP and UWP.
const WRITES_PENDING: u64 = 1 << 31 | 1 << 3;

/// GICR_TYPER: affinity, processor number and whether it is the last; no LPIs of any kind.
fn kind(compartment: &Compartment<'_>, vcpu: usize) -> u64 {
    let Some(cpu) = compartment.cpus.get(vcpu) else { return 0 };
    let number = u64::try_from(vcpu).unwrap_or(0);
    let affinity = (cpu.virtual_mpidr >> 32 & 0xff) << 24 | cpu.virtual_mpidr & 0xff_ffff;
    let last = if vcpu.checked_add(1) == Some(compartment.cpus.len()) { 1 << 4 } else { 0 };
    affinity << 32 | number << 8 | last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compartment::tests::with_first;
    use crate::registers::Registers;
    use proptest::prelude::any;
    use proptest::{prop_assert, proptest};

    fn load(width: u64) -> Mmio {
        Mmio::decode(1 << 24 | width << 22, &Registers::default()).unwrap()
    }

    fn store(value: u64) -> Mmio {
        Mmio::decode(1 << 24 | 2 << 22 | 1 << 6, &Registers::new([value; 31], 0, 0)).unwrap()
    }

    #[test]
    fn the_type_names_the_vcpu_and_ends_the_list() {
        with_first(|first| {
            assert_eq!(access(first, 0, TYPER, &load(3)), Access::Value(0));
            assert_eq!(access(first, 1, TYPER, &load(3)), Access::Value(1 << 32 | 1 << 8 | 1 << 4));
            assert_eq!(access(first, 1, TYPER, &load(2)), Access::Value(1 << 8 | 1 << 4));
            assert_eq!(access(first, 1, TYPER_HIGH, &load(2)), Access::Value(1));
        });
    }

    #[test]
    fn the_redistributor_is_awake_and_has_no_lpis() {
        with_first(|first| {
            assert_eq!(access(first, 0, 0x14, &load(2)), Access::Value(0), "GICR_WAKER");
            assert_eq!(access(first, 0, 0x70, &load(3)), Access::Value(0), "GICR_PROPBASER");
        });
    }

    proptest! {
        #[test]
        fn nothing_is_ever_stored(offset in 0u64..0x2_0000, value in any::<u64>()) {
            with_first(|first| {
                prop_assert!(matches!(access(first, 0, offset, &store(value)), Access::Value(_)));
                Ok(())
            })?;
        }
    }
}
