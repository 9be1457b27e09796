//! The distributor: SPIs go to their owners, and nothing else is on.
//!
//! GICv3 §12.9.

use super::wait;
use crate::mmio::Mmio;
use bulkhead_core::SpiSet;
use bulkhead_core::distributor::{Access, Bits, ICENABLER, IROUTER, ISENABLER, route_of_guest};
use bulkhead_core::uart::Level;
use bulkhead_core::{Compartment, distributor};
use bulkhead_plan::{Interrupt, Trigger};

/// The physical distributor.
#[derive(Clone, Copy)]
pub(crate) struct Distributor(Mmio);

const CTLR: u64 = 0x0;
const TYPER: u64 = 0x4;
const IGROUPR: u64 = 0x80;
const ISPENDR: u64 = 0x200;
const ICPENDR: u64 = 0x280;
const ICACTIVER: u64 = 0x380;
const IPRIORITYR: u64 = 0x400;
const ICFGR: u64 = 0xc00;
const IGRPMODR: u64 = 0xd00;

/// GICD_CTLR: affinity routing, group 1 enabled, group 0 not; the same bits with one Security state and two.
const ARE: u32 = 1 << 4;
const ENABLE_GROUP_1: u32 = 1 << 1;
const RWP: u32 = 1 << 31;
/// The priority that every SPI begins with: the middle of what Non-secure software has.
const PRIORITY: u8 = 0xa0;

impl Distributor {
    /// The distributor behind these registers.
    pub(crate) const fn new(registers: Mmio) -> Self {
        Self(registers)
    }

    /// Turns everything off, then the distributor on for group 1. False if the hardware does not follow.
    pub(crate) fn start(self) -> bool {
        self.0.store(CTLR, ARE);
        let stopped = self.settles();
        let words = u64::from(self.0.load(TYPER) & 0x1f) + 1;
        for word in 1..words {
            for register in [ICENABLER, ICPENDR, ICACTIVER, IGROUPR] {
                self.0.store(register + 4 * word, u32::MAX);
            }
            self.0.store(IGRPMODR + 4 * word, 0);
        }
        let quiet = self.settles();
        self.0.store(CTLR, ARE | ENABLE_GROUP_1);
        stopped && quiet && self.settles()
    }

    /// Prepares an SPI for its owner, whose first CPU is `mpidr`. False if the GIC has no such interrupt.
    pub(crate) fn prepare(self, interrupt: &Interrupt, mpidr: u64) -> bool {
        let intid = interrupt.intid;
        let (word, bit) = (u64::from(intid / 32) * 4, 1_u32 << (intid % 32));
        self.place(intid, mpidr);
        let (register, field) = (ICFGR + u64::from(intid / 16) * 4, 2_u32 << (intid % 16 * 2));
        let configuration = self.0.load(register);
        self.0.store(
            register,
            match interrupt.trigger {
                Trigger::Edge => configuration | field,
                Trigger::Level => configuration & !field,
            },
        );
        self.0.store(ISENABLER + word, bit);
        let exists = self.0.load(ISENABLER + word) & bit != 0;
        self.0.store(ICENABLER + word, bit);
        exists && self.settles()
    }

    /// Makes a partition's SPIs as if they had never been used: disabled, idle, of middle priority, and
    /// routed to its first CPU.
    pub(crate) fn quiesce(self, compartment: &Compartment<'_>) {
        let spis = &compartment.spis;
        self.store_set(ICENABLER, spis);
        self.settles();
        self.store_set(ICPENDR, spis);
        self.store_set(ICACTIVER, spis);
        let first = compartment.cpus.first().map_or(0, |cpu| cpu.mpidr);
        spis.iter().for_each(|intid| self.place(intid, first));
    }

    fn place(self, intid: u32, mpidr: u64) {
        self.0.store_byte(IPRIORITYR + u64::from(intid), PRIORITY);
        self.0.store_double(IROUTER + 8 * u64::from(intid), mpidr);
    }

    /// Has an SPI that no device drives follow the output of a virtual one: pending again for every access
    /// that leaves it high, not pending any more once it is low.
    pub(crate) fn drive(self, intid: u32, level: Level) {
        let register = match level {
            Level::High => ISPENDR,
            Level::Low => ICPENDR,
        };
        self.0.store(register + u64::from(intid / 32) * 4, 1 << (intid % 32));
    }

    /// Carries out an access of a guest; the value is what a load gives.
    pub(crate) fn carry_out(self, compartment: &Compartment<'_>, access: Access) -> u64 {
        match access {
            Access::Value(value) => return value,
            Access::Load { offset, width, mask, set } => {
                return self.0.load_width(offset, width) & mask | set;
            }
            Access::LoadRoute { intid, shift } => {
                let physical = self.0.load_double(IROUTER + 8 * u64::from(intid));
                return route_of_guest(compartment, physical) >> shift;
            }
            Access::Store { offset, value, .. } => self.0.store(offset, (value & 0xffff_ffff) as u32),
            Access::StoreBytes { offset, value, lanes } => {
                for (lane, byte) in (0..).zip(value.to_le_bytes()).filter(|(lane, _)| lanes >> lane & 1 != 0)
                {
                    self.0.store_byte(offset + lane, byte);
                }
            }
            Access::StoreRoute { intid, vcpu } => {
                if let Some(cpu) = compartment.cpus.get(vcpu) {
                    self.0.store_double(IROUTER + 8 * u64::from(intid), cpu.mpidr);
                }
            }
            Access::Enable(set) => self.store_set(distributor::ISENABLER, &set),
            Access::Disable(set) => self.store_set(distributor::ICENABLER, &set),
        }
        0
    }

    /// Carries out an access to a word with one bit for each interrupt; the value is what a load gives.
    pub(crate) fn carry_out_bits(self, offset: u64, bits: Bits) -> u32 {
        match bits {
            Bits::Value(value) => value,
            Bits::Load(mask) => self.0.load(offset) & mask,
            Bits::Store(bits) => {
                self.0.store(offset, bits);
                0
            }
        }
    }

    fn store_set(self, register: u64, set: &SpiSet) {
        for (word, bits) in (0..).step_by(4).zip((0..32).map(|word| set.word(word))) {
            if bits != 0 {
                self.0.store(register + word, bits);
            }
        }
    }

    fn settles(self) -> bool {
        wait(|| self.0.load(CTLR) & RWP == 0)
    }
}
