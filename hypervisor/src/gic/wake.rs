//! The SPI by which EL2 wakes CPUs where there is a GICv2.
//!
//! It is nobody's: no guest can disable, mask, route or take it. It has the highest priority, goes to all CPUs
//! that have to leave, and is pending until the last of them has left. They do not take it: their partition
//! has no memory to take an interrupt in. What keeps them asleep is what keeps an SGI from waking a CPU of a
//! GICv3: a mask of their own.

use super::distributor::Distributor;
use aarch64_cpu::asm::barrier;
use bulkhead_core::uart::Level;
use core::sync::atomic::{AtomicU8, Ordering};
use spin::mutex::TicketMutex;

/// The SPI, and whom it wakes.
pub(super) struct Wake {
    distributor: Distributor,
    intid: u32,
    /// The CPU interfaces that it goes to, a bit each; changed under the lock.
    called: AtomicU8,
    // The one lock of the GIC that partitions share, so it serves in turn: held for at most four stores.
    turn: TicketMutex<()>,
}

impl Wake {
    /// Makes `intid` the SPI that wakes; `None` if there is no such interrupt.
    pub(super) fn prepare(distributor: Distributor, intid: u32) -> Option<Self> {
        distributor.reserve(intid)?;
        Some(Self { distributor, intid, called: AtomicU8::new(0), turn: TicketMutex::new(()) })
    }

    /// Wakes the CPU with this interface.
    pub(super) fn call(&self, interface: u32) {
        let _turn = self.turn.lock();
        let called = self.called.load(Ordering::Relaxed) | 1_u8.unbounded_shl(interface);
        self.called.store(called, Ordering::Relaxed);
        // Whoever is woken finds that it was called.
        barrier::dsb(barrier::ISHST);
        self.distributor.aim(self.intid, called);
        self.distributor.enable(self.intid);
        self.distributor.drive(self.intid, Level::High);
    }

    /// The CPU with this interface is awake.
    pub(super) fn forget(&self, interface: u32) {
        // A call that comes meanwhile comes after this.
        let own = 1_u8.unbounded_shl(interface);
        if self.called.load(Ordering::Relaxed) & own == 0 {
            return;
        }
        let _turn = self.turn.lock();
        let others = self.called.load(Ordering::Relaxed) & !own;
        self.called.store(others, Ordering::Relaxed);
        self.distributor.aim(self.intid, others);
        if others == 0 {
            self.distributor.disable(self.intid);
            self.distributor.drive(self.intid, Level::Low);
        }
    }

    /// Whether GICC_IAR has said that it is this interrupt.
    pub(super) fn is_this(&self, acknowledged: u32) -> bool {
        acknowledged & 0x3ff == self.intid
    }

    /// It was taken, and goes to the others again: whatever a guest has made of ending interrupts, this one is not
    /// active any more, for then it would wake nobody.
    pub(super) fn repeat(&self) {
        let _turn = self.turn.lock();
        self.distributor.deactivate(self.intid);
        if self.called.load(Ordering::Relaxed) != 0 {
            self.distributor.drive(self.intid, Level::High);
        }
    }
}
