//! The SPI by which EL2 wakes CPUs where there is a GICv2.
//!
//! It is nobody's: no guest can disable, mask, route or take it. It has the highest priority, goes to all CPUs
//! that have to leave, and is pending until the last of them has left. They do not take it: their partition
//! has no memory to take an interrupt in. What keeps them asleep is what keeps an SGI from waking a CPU of a
//! GICv3: a mask of their own.

use super::distributor::Distributor;
use bulkhead_core::uart::Level;
use spin::mutex::TicketMutex;

/// The SPI, and the CPU interfaces that it goes to, a bit each.
pub(super) struct Wake {
    distributor: Distributor,
    intid: u32,
    // The one lock of the GIC that partitions share, so it serves in turn: held for at most three stores.
    called: TicketMutex<u8>,
}

impl Wake {
    /// Makes `intid` the SPI that wakes; `None` if there is no such interrupt.
    pub(super) fn prepare(distributor: Distributor, intid: u32) -> Option<Self> {
        distributor.reserve(intid)?;
        Some(Self { distributor, intid, called: TicketMutex::new(0) })
    }

    /// Wakes the CPU with this interface.
    pub(super) fn call(&self, interface: u32) {
        let mut called = self.called.lock();
        *called |= 1_u8.unbounded_shl(interface);
        self.distributor.aim(self.intid, *called);
        self.distributor.enable(self.intid);
        self.distributor.drive(self.intid, Level::High);
    }

    /// The CPU with this interface is awake.
    pub(super) fn forget(&self, interface: u32) {
        let mut called = self.called.lock();
        let others = *called & !1_u8.unbounded_shl(interface);
        if others == *called {
            return;
        }
        *called = others;
        self.distributor.aim(self.intid, others);
        if others == 0 {
            self.distributor.disable(self.intid);
            self.distributor.drive(self.intid, Level::Low);
        }
    }

    /// Whether GICC_IAR has said that it is this interrupt.
    pub(super) fn is_this(&self, acknowledged: u64) -> bool {
        acknowledged & 0x3ff == u64::from(self.intid)
    }

    /// It was taken, and goes to the others again.
    pub(super) fn repeat(&self) {
        let called = self.called.lock();
        if *called != 0 {
            self.distributor.drive(self.intid, Level::High);
        }
    }
}
