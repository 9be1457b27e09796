//! What the instructions are about: an interrupt of one's own, one's CPU interface, one's UART.
//!
//! Every trial begins with the same state of them.

use crate::interface::EOI_MODE;
use crate::raw;
use aarch64_cpu::registers::{CPACR_EL1, MDSCR_EL1, OSLAR_EL1};
use guest_rt::gic::Private;
use guest_rt::{Frame, Machine, timer};
use tock_registers::interfaces::{ReadWriteable, Writeable};

/// SGIs of a CPU.
pub(crate) const SGIS: u64 = 16;
/// The SPI that this guest has to own, and has no device for: it is the last of the four that share a word of
/// priorities, so that a signed load of that word shows its sign.
pub(crate) const SPI: u64 = 39;

/// What the instructions are about.
pub(crate) struct Board {
    pub(crate) distributor: Frame,
    /// RD_base of this CPU, and SGI_base behind it.
    pub(crate) redistributor: Frame,
    pub(crate) uart: Frame,
    /// What ICC_BPR1_EL1 holds when zero was written to it.
    pub(crate) least_binary_point: u64,
}

impl Board {
    /// That of `machine`, on whose CPU single steps and vector registers can be used from now on.
    pub(crate) fn open(machine: &Machine) -> Self {
        OSLAR_EL1.write(OSLAR_EL1::OSLK::Unlocked);
        MDSCR_EL1.modify(MDSCR_EL1::SS::SET + MDSCR_EL1::KDE::SET);
        CPACR_EL1.set(FPEN);
        let mut private = Private::open(machine);
        (0..16).chain([machine.timer]).for_each(|intid| private.enable(intid));
        (raw::BINARY_POINT.write)(0);
        Self {
            distributor: Frame::distributor(machine),
            redistributor: Frame::redistributor(machine),
            uart: Frame::uart(machine),
            least_binary_point: (raw::BINARY_POINT.read)(),
        }
    }

    /// Leaves nothing pending, active or masked.
    pub(crate) fn calm(&self) {
        timer::stop();
        self.redistributor.store(ICPENDR0, 0xffff_ffff);
        self.redistributor.store(ICACTIVER0, 0xffff_ffff);
        (raw::ACTIVE_PRIORITIES.write)(0);
        (raw::CONTROL.write)(0);
        (raw::BINARY_POINT.write)(0);
        (raw::PRIORITY_MASK.write)(0xf0);
        (raw::GROUP_ENABLE.write)(1);
        self.distributor.store(ICENABLER + SPI / 32 * 4, 1 << (SPI % 32));
        self.distributor.store(ICPENDR + SPI / 32 * 4, 1 << (SPI % 32));
    }

    /// Has an interrupt come in a while that is long enough to wait for it.
    pub(crate) fn wake_soon() {
        timer::set_deadline(timer::now() + timer::counts(2000));
    }

    /// Has SGI `sgi` pending.
    pub(crate) fn pend(&self, sgi: u64) {
        self.redistributor.store(ISPENDR0, 1 << sgi);
    }

    /// SGIs and PPIs that are pending, a bit each.
    pub(crate) fn pending(&self) -> u64 {
        self.redistributor.load(ISPENDR0).into()
    }

    /// SGIs and PPIs that are active, a bit each.
    pub(crate) fn active(&self) -> u64 {
        self.redistributor.load(ISACTIVER0).into()
    }

    /// Has SGI `sgi` active, and this CPU at its priority.
    pub(crate) fn take(&self, sgi: u64) {
        self.pend(sgi);
        let taken = (raw::ACKNOWLEDGE)();
        assert!(taken == sgi, "SGI {sgi} was to come first, and {taken} did");
    }

    /// Has SGI `sgi` active, and this CPU at no priority any more.
    pub(crate) fn take_and_drop(&self, sgi: u64) {
        (raw::CONTROL.write)(EOI_MODE);
        self.take(sgi);
        (raw::END)(sgi);
    }
}

/// CPACR_EL1.FPEN: nothing is trapped.
const FPEN: u64 = 0b11 << 20;
/// Offsets in the distributor.
const ICENABLER: u64 = 0x180;
const ICPENDR: u64 = 0x280;
/// Offsets from RD_base.
const ISPENDR0: u64 = 0x1_0200;
const ICPENDR0: u64 = 0x1_0280;
const ISACTIVER0: u64 = 0x1_0300;
const ICACTIVER0: u64 = 0x1_0380;
