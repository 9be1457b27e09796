//! The registers of the GIC CPU interface that EL2 forwards to the hardware.
//!
//! `ICH_HCR_EL2.TC` traps what the two interrupt groups share (GICv3 §12.4). With `HCR_EL2.FMO` set a
//! guest's own access would reach virtual twins that mask nothing, so EL2 makes the access for it. Of a
//! guarded partition `TALL1` traps those of group 1 as well.

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
    /// ICC_IAR1_EL1.
    Acknowledge,
    /// ICC_EOIR1_EL1.
    End,
    /// ICC_HPPIR1_EL1.
    HighestPending,
    /// ICC_BPR1_EL1.
    BinaryPoint,
    /// ICC_IGRPEN1_EL1.
    GroupEnable,
    /// ICC_AP1R<n>_EL1.
    Active(ActivePriorities),
}

/// One of the registers of active priorities of group 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivePriorities(pub u8);

impl ActivePriorities {
    /// How many of them a GIC with so many bits of preemption has (GICv3 §12.2.2).
    pub const fn count(preemption_bits: u32) -> u8 {
        match preemption_bits {
            0..=5 => 1,
            6 => 2,
            _ => 4,
        }
    }
}

/// Whether an interrupt could end a wait of this CPU: group 1 is enabled, some priority passes the mask, and
/// nothing active holds the rest back. If not, a guest that waits could not be woken to be stopped.
pub fn may_sleep(group_enable: u64, priority_mask: u64, active: &[u64]) -> bool {
    group_enable & 1 != 0 && priority_mask != 0 && active.iter().all(|priorities| *priorities == 0)
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
    fn who_could_not_be_woken_does_not_sleep() {
        assert!(may_sleep(1, 0xf8, &[0, 0]));
        assert!(!may_sleep(0, 0xf8, &[0]) && !may_sleep(1, 0, &[0]) && !may_sleep(1, 0xf8, &[0, 1]));
    }

    #[test]
    fn the_gic_has_as_many_registers_as_its_priorities_need() {
        assert_eq!([4, 5, 6, 7, 8].map(ActivePriorities::count), [1, 1, 2, 4, 4]);
    }

    #[test]
    fn a_guest_changes_eoimode_only() {
        assert_eq!(control_of_guest(0x8400, Some(u64::MAX)), 0x8402);
        assert_eq!(control_of_guest(0x8443, Some(0)), 0x8441);
        assert_eq!(control_of_guest(0x8443, None), 0x8402);
    }
}
