//! The interrupts that belong to one CPU.
//!
//! The witness sends no SGI, so that one that is pending is somebody else's; and only its timer is enabled.

use core::sync::atomic::{AtomicU64, Ordering};
use guest_rt::{Machine, gic};

/// SGIs, a bit each. Whether those of a GICv2 can be disabled is its own choice (GICv2 §4.3.5).
const SGIS: u32 = 0xffff;

/// What was strange on any CPU.
static STRANGE: AtomicU64 = AtomicU64::new(0);

/// Those of the CPU that has opened them.
pub(crate) struct Private {
    own: gic::Private,
    /// Those that can be disabled, and those that are enabled.
    enables: (u32, u32),
}

impl Private {
    /// Those of which the timer is enabled and nothing else.
    pub(crate) fn new(own: gic::Private, machine: &Machine) -> Self {
        let can_be = if machine.has_gicv2() { !SGIS } else { u32::MAX };
        Self { own, enables: (can_be, 1 << machine.timer) }
    }

    /// Looks at them; gives how often something was strange, on all CPUs together.
    pub(crate) fn look(&mut self) -> u64 {
        let (can_be, are) = self.enables;
        if self.own.pending() & SGIS != 0 || self.own.enabled() & can_be != are {
            STRANGE.fetch_add(1, Ordering::Relaxed);
        }
        STRANGE.load(Ordering::Relaxed)
    }
}
