//! What only the distributor of a GICv3 has: routes by affinity.
//!
//! GICv3 §12.9. EL2 never routes to "any CPU", for that would be any of the board's. No LPIs, no messages, no
//! extended range are shown.

use super::{Access, Distributor, intid, load};
use crate::bits::bit;
use crate::compartment::Compartment;
use crate::mmio::{Mmio, Width};
use bulkhead_plan::Cpu;

/// An access to a register that is not one of those that both kinds have.
pub(super) fn access(
    distributor: &mut Distributor,
    compartment: &Compartment<'_>,
    offset: u64,
    access: &Mmio,
) -> Access {
    match (access.width, offset, access.store) {
        (Width::Word | Width::Double, 0x6100..0x7fe0, _) => route(compartment, offset, access),
        (Width::Word, 0x000, None) => {
            // DS and RWP are the hardware's; affinity routing is always on.
            let own = ARE | if distributor.is_on() { ENABLE_GROUP_1 } else { 0 };
            load(0, RWP | DS, own)
        }
        (Width::Word, 0x000, Some(value)) => distributor.turn(compartment, value & ENABLE_GROUP_1 != 0),
        (Width::Word, 0x004, None) => load(offset, TYPER_SHOWN, NO_1_OF_N),
        (Width::Word, 0x008 | 0xffd0..0x1_0000, None) => load(offset, u64::MAX, 0),
        _ => Access::Value(0),
    }
}

/// What a guest reads in GICD_IROUTER of an interrupt that is physically routed to `physical`.
pub fn route_of_guest(compartment: &Compartment<'_>, physical: u64) -> u64 {
    let target = compartment.cpus.iter().find(|cpu| cpu.mpidr == physical & AFFINITY);
    target.or(compartment.cpus.first()).map_or(0, |cpu| cpu.virtual_mpidr)
}

/// GICD_CTLR bits, as a Non-secure access or one with a single Security state sees them.
pub(super) const ENABLE_GROUP_1: u64 = 1 << 1;
const ARE: u64 = 1 << 4;
const DS: u64 = 1 << 6;
const RWP: u64 = 1 << 31;

/// GICD_TYPER: ITLinesNumber, CPUNumber, SecurityExtn, IDbits, A3V, RSS. No LPIs, no message-based SPIs,
/// no extended range, no NMIs.
const TYPER_SHOWN: u64 = 0x1f | 0x7 << 5 | 1 << 10 | 0x1f << 19 | 1 << 24 | 1 << 26;
/// GICD_TYPER.No1N: an interrupt goes to one CPU.
const NO_1_OF_N: u64 = 1 << 25;

/// GICD_IROUTER<n>: the four affinity fields, and Interrupt_Routing_Mode.
const AFFINITY: u64 = 0xff_00ff_ffff;
pub(super) const IRM: u32 = 31;

/// GICD_IROUTER<n>: 64 bits per INTID, also in two halves.
fn route(compartment: &Compartment<'_>, offset: u64, access: &Mmio) -> Access {
    let intid = intid(offset.wrapping_sub(super::IROUTER) >> 3);
    if !compartment.spis.contains(intid) {
        return Access::Value(0);
    }
    let upper_half = access.width == Width::Word && !offset.is_multiple_of(8);
    match access.store {
        None => Access::LoadRoute { intid, shift: if upper_half { 32 } else { 0 } },
        // Aff3 of every vCPU is zero: a store of zero changes nothing, another names nobody.
        Some(0) if upper_half => Access::Value(0),
        Some(_) if upper_half => Access::StoreRoute { intid, vcpu: 0 },
        Some(value) => Access::StoreRoute { intid, vcpu: target(compartment, value) },
    }
}

/// The vCPU that a route names; the first if it names none of the partition, or any of all.
fn target(compartment: &Compartment<'_>, value: u64) -> usize {
    let is_named = |cpu: &Cpu| cpu.virtual_mpidr == value & AFFINITY && !bit(value, IRM);
    compartment.cpus.iter().position(is_named).unwrap_or(0)
}
