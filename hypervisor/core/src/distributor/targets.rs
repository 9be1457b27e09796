//! What only the distributor of a GICv2 has: targets by number, and SGIs by source.
//!
//! GICv2 §4.3.12, §4.3.15 and §4.3.16. A guest numbers its CPUs from zero; the GIC has numbers of its own for
//! them. A target that the guest does not have is RAZ/WI, as one that a smaller GIC lacks. Who an SGI comes from is
//! what the guest reads in GICC_IAR, which is mapped: there, and so here, sources are the GIC's own numbers.

use super::{Access, Distributor, Owned, load, low_word, spread};
use crate::bits::bit;
use crate::compartment::Compartment;
use crate::mmio::{Mmio, Width};

/// An access to a register that is not one of those that both kinds have.
pub(super) fn access(
    distributor: &mut Distributor,
    compartment: &Compartment<'_>,
    caller: usize,
    offset: u64,
    access: &Mmio,
) -> Access {
    match (access.width, offset, access.store) {
        (Width::Byte | Width::Word, 0x800..0x820, _) => own_target(caller, access),
        (Width::Byte | Width::Word, 0x820..0xc00, _) => target(compartment, offset, access),
        (Width::Byte | Width::Word, 0xf10..0xf30, _) => source(compartment, offset, access),
        (Width::Word, 0x000, None) => Access::Value(u64::from(distributor.is_on())),
        (Width::Word, 0x000, Some(value)) => distributor.turn(compartment, bit(value, 0)),
        (Width::Word, 0x004, None) => load(offset, TYPER_SHOWN, number_of_cpus(compartment)),
        (Width::Word, 0x008 | 0xfd0..0x1000, None) => load(offset, u64::MAX, 0),
        _ => Access::Value(0),
    }
}

/// The CPU interfaces, a bit each, of the vCPUs whose bits are set.
pub fn interfaces(compartment: &Compartment<'_>, vcpus: u64) -> u32 {
    let named = (0..).zip(compartment.cpus).filter(|(vcpu, _)| *vcpu < u64::BITS && bit(vcpus, *vcpu));
    named.fold(0, |interfaces, (_, cpu)| interfaces | 1_u32.wrapping_shl(cpu.interface))
}

/// What a guest reads in GICD_ITARGETSR where the hardware has `physical`: a byte for each interrupt.
pub fn targets_of_guest(compartment: &Compartment<'_>, physical: u64) -> u64 {
    each_byte(physical, |interfaces| {
        let named = (0..).zip(compartment.cpus).filter(|(_, cpu)| bit(interfaces, cpu.interface));
        named.fold(0, |vcpus, (vcpu, _)| vcpus | 1_u64.wrapping_shl(vcpu))
    })
}

/// GICD_TYPER: ITLinesNumber and SecurityExtn.
const TYPER_SHOWN: u64 = 0x1f | 1 << 10;

/// GICD_TYPER.CPUNumber: one less than there are.
fn number_of_cpus(compartment: &Compartment<'_>) -> u64 {
    u64::try_from(compartment.cpus.len()).unwrap_or(0).saturating_sub(1).min(7) << 5
}

/// GICD_ITARGETSR<n> of SGIs and PPIs, which go to the CPU that asks: so a guest learns its number.
fn own_target(caller: usize, access: &Mmio) -> Access {
    let vcpu = u32::try_from(caller).unwrap_or(0);
    match access.store {
        None => Access::Value(1_u64.wrapping_shl(vcpu).wrapping_mul(0x0101_0101) & access.width.mask()),
        Some(_) => Access::Value(0),
    }
}

/// GICD_ITARGETSR<n> of SPIs: one byte per INTID.
fn target(compartment: &Compartment<'_>, offset: u64, access: &Mmio) -> Access {
    let lanes = Owned::of(compartment).lanes(offset.wrapping_sub(0x800), access.width);
    match access.store {
        _ if lanes == 0 => Access::Value(0),
        None => Access::LoadTargets { offset, width: access.width, mask: spread(lanes, 8) },
        Some(value) => {
            let value = each_byte(value, |vcpus| u64::from(interfaces(compartment, vcpus)));
            Access::StoreBytes { offset, value: low_word(value), lanes }
        }
    }
}

/// GICD_CPENDSGIR<n> and GICD_SPENDSGIR<n>: one byte per SGI of the CPU that asks, with a bit for each source. A byte
/// without one changes nothing, and is not stored: in QEMU it makes an SGI pending that nobody has sent, and who takes
/// that ends the machine.
fn source(compartment: &Compartment<'_>, offset: u64, access: &Mmio) -> Access {
    let sources = u64::from(interfaces(compartment, u64::MAX)).wrapping_mul(0x0101_0101);
    match access.store {
        None => Access::Load { offset, width: access.width, mask: sources, set: 0 },
        Some(value) => {
            let value = value & sources;
            let named = (0..4_u32).filter(|lane| value & 0xff_u64.wrapping_shl(lane.wrapping_mul(8)) != 0);
            let lanes = named.fold(0, |lanes, lane| lanes | 1_u32.wrapping_shl(lane));
            Access::StoreBytes { offset, value: low_word(value), lanes }
        }
    }
}

/// Each of the low four bytes by itself.
fn each_byte(value: u64, change: impl Fn(u64) -> u64) -> u64 {
    let byte = |at: u32| (change(value.wrapping_shr(at) & 0xff) & 0xff).wrapping_shl(at);
    byte(0) | byte(8) | byte(16) | byte(24)
}
