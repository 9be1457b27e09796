//! The registers of the GIC CPU interface that EL2 forwards to the hardware.
//!
//! `ICH_HCR_EL2.TC` traps what the two interrupt groups share (GICv3 §12.4). With `HCR_EL2.FMO` set a
//! guest's own access would reach virtual twins that mask nothing, so EL2 makes the access for it.

/// A forwarded register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// ICC_PMR_EL1.
    PriorityMask,
    /// ICC_CTLR_EL1, through [`control_of_guest`].
    Control,
    /// ICC_RPR_EL1.
    RunningPriority,
    /// ICC_DIR_EL1.
    Deactivate,
}

/// ICC_CTLR_EL1.EOImode: all that a guest may change.
const EOI_MODE: u64 = 1 << 1;
/// ICC_CTLR_EL1.CBPR and PMHE: a binary point of group 0 and a hint for the whole board, not the guest's.
const NOT_THE_GUESTS: u64 = 1 << 6 | 1;

/// What a guest reads where the hardware holds `physical`, and what the hardware holds once the guest has
/// written `written`.
pub const fn control_of_guest(physical: u64, written: Option<u64>) -> u64 {
    match written {
        None => physical & !NOT_THE_GUESTS,
        Some(value) => physical & !EOI_MODE | value & EOI_MODE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_changes_eoimode_only() {
        assert_eq!(control_of_guest(0x8400, Some(u64::MAX)), 0x8402);
        assert_eq!(control_of_guest(0x8443, Some(0)), 0x8441);
        assert_eq!(control_of_guest(0x8443, None), 0x8402);
    }
}
