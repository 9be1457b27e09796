//! What the instructions are about: an interrupt of one's own, one's CPU interface, one's UART.
//!
//! Every trial begins with the same state of them.

use crate::interface::{self, Interface, low_word};
use aarch64_cpu::registers::{CPACR_EL1, MDSCR_EL1, OSLAR_EL1};
use guest_rt::gic::{self, Private, Signal};
use guest_rt::{Frame, Machine, cpu, timer};
use tock_registers::interfaces::{ReadWriteable, Writeable};

/// SGIs of a CPU.
pub(crate) const SGIS: u64 = 16;
/// A PPI that nothing of this guest raises, and the SPI that it has to own, and has no device for: each is the last of
/// the four that share a word of priorities, so that a signed load of that word shows its sign.
pub(crate) const PPI: u64 = 31;
/// See [`PPI`].
pub(crate) const SPI: u64 = 39;

/// What the instructions are about.
pub(crate) struct Board {
    pub(crate) machine: &'static Machine,
    pub(crate) interface: Interface,
    pub(crate) distributor: Frame,
    /// What a CPU has for itself: RD_base, and SGI_base behind it; of a GICv2 the distributor, which is banked.
    pub(crate) own: Frame,
    /// Where in it the registers of SGIs and PPIs begin.
    bank: u64,
    pub(crate) uart: Frame,
    /// Of a GICv2 the lowest and the highest number of a CPU that can send SGIs to this one.
    senders: [u64; 2],
    /// What the binary point is when zero was written to it.
    pub(crate) least_binary_point: u64,
}

impl Board {
    /// That of `machine`, on whose CPU single steps and vector registers can be used from now on.
    pub(crate) fn open(machine: &'static Machine) -> Self {
        OSLAR_EL1.write(OSLAR_EL1::OSLK::Unlocked);
        MDSCR_EL1.modify(MDSCR_EL1::SS::SET + MDSCR_EL1::KDE::SET);
        CPACR_EL1.set(FPEN);
        let mut private = Private::open(machine);
        (0..16).chain([machine.timer]).for_each(|intid| private.enable(intid));
        let distributor = Frame::distributor(machine);
        let (own, bank, senders) = match machine.has_gicv2() {
            true => (distributor, 0, senders(distributor)),
            false => (Frame::redistributor(machine), SGI_BASE, [0; 2]),
        };
        let interface = Interface::of(machine);
        interface.write(interface::BINARY_POINT, 0);
        let least_binary_point = interface.read(interface::BINARY_POINT);
        let uart = Frame::uart(machine);
        Self { machine, interface, distributor, own, bank, uart, senders, least_binary_point }
    }

    /// Whether its interrupt controller is a GICv2.
    pub(crate) const fn has_gicv2(&self) -> bool {
        self.machine.has_gicv2()
    }

    /// Leaves nothing pending, active or masked.
    pub(crate) fn calm(&self) {
        timer::stop();
        self.own.store(self.bank + ICENABLER, 1 << PPI);
        self.own.store(self.bank + ICPENDR, 0xffff_ffff);
        self.own.store(self.bank + ICACTIVER, 0xffff_ffff);
        if self.has_gicv2() {
            (0..SGIS).step_by(4).for_each(|sgi| self.distributor.store(CPENDSGIR + sgi, 0xffff_ffff));
        }
        self.interface.calm();
        self.distributor.store(ICENABLER + SPI / 32 * 4, 1 << (SPI % 32));
        self.distributor.store(ICPENDR + SPI / 32 * 4, 1 << (SPI % 32));
    }

    /// Has an interrupt come in a while that is long enough to wait for it.
    pub(crate) fn wake_soon() {
        timer::set_deadline(timer::now() + timer::counts(2000));
    }

    /// The SGI of a turn, as the CPU interface hands it out: that of a GICv2 says who has sent it.
    pub(crate) const fn interrupt(&self, turn: u64) -> u64 {
        let [lowest, highest] = self.senders;
        let sender = if turn & 1 << 1 == 0 { lowest } else { highest };
        (turn % SGIS) | (sender << SENDER)
    }

    /// Has `interrupt` pending, which is such a one.
    pub(crate) fn pend(&self, interrupt: u64) {
        let (sgi, sender) = (interrupt % SGIS, interrupt >> SENDER);
        if self.has_gicv2() {
            self.distributor.store(SPENDSGIR + (sgi & !3), 1 << (sgi % 4 * 8 + sender));
        } else {
            self.own.store(self.bank + ISPENDR, 1 << sgi);
        }
    }

    /// SGIs and PPIs that are pending, a bit each.
    pub(crate) fn pending(&self) -> u64 {
        self.own.load(self.bank + ISPENDR).into()
    }

    /// SGIs and PPIs that are active, a bit each.
    pub(crate) fn active(&self) -> u64 {
        self.own.load(self.bank + ISACTIVER).into()
    }

    /// Has `interrupt` active, and this CPU at its priority.
    pub(crate) fn take(&self, interrupt: u64) {
        self.pend(interrupt);
        let taken = self.interface.acknowledge();
        assert!(taken == interrupt, "{interrupt:#x} was to come first, and {taken:#x} did");
    }

    /// Has `interrupt` active, and this CPU at no priority any more.
    pub(crate) fn take_and_drop(&self, interrupt: u64) {
        self.interface.write(interface::CONTROL, self.interface.enable | self.interface.only_drop);
        self.take(interrupt);
        self.interface.end(interrupt);
    }

    /// What sends SGI `sgi` to this CPU.
    pub(crate) fn signal(&self, sgi: u64) -> u64 {
        match gic::signal(self.machine, low_word(sgi), cpu::affinity()) {
            Signal::Register(value) => value,
            Signal::Store { value, .. } => value.into(),
        }
    }

    /// What sends it to a CPU that this guest does not have.
    pub(crate) fn signal_elsewhere(&self, sgi: u64) -> u64 {
        if self.has_gicv2() { TO_CPU_7 | sgi } else { gic::sgi(low_word(sgi), ELSEWHERE) }
    }
}

/// CPACR_EL1.FPEN: nothing is trapped.
const FPEN: u64 = 0b11 << 20;
/// Offset of SGI_base from RD_base.
const SGI_BASE: u64 = 0x1_0000;
/// Offsets in the distributor, or in SGI_base.
const ICENABLER: u64 = 0x180;
const ISPENDR: u64 = 0x200;
const ICPENDR: u64 = 0x280;
const ISACTIVER: u64 = 0x300;
const ICACTIVER: u64 = 0x380;
const CPENDSGIR: u64 = 0xf10;
const SPENDSGIR: u64 = 0xf20;
/// Where GICC_IAR says who has sent an SGI.
const SENDER: u32 = 10;
/// GICD_SGIR: to the last of eight CPUs.
const TO_CPU_7: u64 = 1 << 23;
/// A cluster that this guest is not in.
const ELSEWHERE: u64 = 0x7_0000;

/// The first and the last of those whose bits can be set in GICD_SPENDSGIR.
fn senders(distributor: Frame) -> [u64; 2] {
    distributor.store(SPENDSGIR, 0xff);
    let all = distributor.load(SPENDSGIR) & 0xff;
    [all.trailing_zeros(), all.ilog2()].map(u64::from)
}
