//! The interrupts that belong to one CPU.
//!
//! The witness sends no SGI, so that one that is pending is somebody else's; and only its timer is enabled.

use core::sync::atomic::{AtomicU64, Ordering};
use guest_rt::gic;

/// SGIs, a bit each.
const SGIS: u32 = 0xffff;

/// What was strange on any CPU.
static STRANGE: AtomicU64 = AtomicU64::new(0);

/// Those of the CPU that has opened them.
pub(crate) struct Private {
    own: gic::Private,
    enabled: u32,
}

impl Private {
    /// Those of which `timer` is enabled and nothing else.
    pub(crate) fn new(own: gic::Private, timer: u32) -> Self {
        Self { own, enabled: 1 << timer }
    }

    /// Looks at them; gives how often something was strange, on all CPUs together.
    pub(crate) fn look(&mut self) -> u64 {
        if self.own.pending() & SGIS != 0 || self.own.enabled() != self.enabled {
            STRANGE.fetch_add(1, Ordering::Relaxed);
        }
        STRANGE.load(Ordering::Relaxed)
    }
}
