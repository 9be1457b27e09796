//! Function identifiers of the SMC Calling Convention: whose they are.
//!
//! DEN 0028 §2.5 and §6: bits 29 to 24 name the owning entity, bits 15 to 0 the function.

/// Whether EL2 answers a function itself, so that it never reaches the firmware: the architecture's,
/// PSCI's, and those of hypervisors, whether fast or yielding, with 32 or 64 bits.
pub const fn is_answered_by_el2(id: u32) -> bool {
    let (owner, number) = (id >> 24 & 0x3f, id & 0xffff);
    let is_power = owner == STANDARD && number < AFTER_POWER;
    is_power || matches!(owner, ARCHITECTURE | STANDARD_HYPERVISOR | VENDOR_HYPERVISOR)
}

/// Owning entities, and the first number of the standard's functions that is not PSCI's.
const ARCHITECTURE: u32 = 0;
const STANDARD: u32 = 4;
const STANDARD_HYPERVISOR: u32 = 5;
const VENDOR_HYPERVISOR: u32 = 6;
const AFTER_POWER: u32 = 0x20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_el2s_and_random_numbers_are_the_firmwares() {
        for id in [0x8400_0003, 0xc400_0012, 0x0400_0003, 0x8000_0001, 0x8500_0020, 0xc600_0001] {
            assert!(is_answered_by_el2(id), "{id:#x}");
        }
        for id in [0x8400_0050, 0xc400_0053, 0x8200_0000, 0xb200_0000] {
            assert!(!is_answered_by_el2(id), "{id:#x}");
        }
    }
}
