//! The distributor: SPIs go to their owners, and nothing else is on.
//!
//! GICv3 §12.9, GICv2 §4.3. The two differ in how an SPI is routed, in which group it is, and in that a GICv2
//! does not say when a write has taken effect: there it has when it is read back.

use super::unfit::Unfit;
use super::wait;
use crate::mmio::Mmio;
use bulkhead_core::distributor::{
    Access, Bits, ICENABLER, IROUTER, ISENABLER, route_of_guest, targets_of_guest,
};
use bulkhead_core::uart::Level;
use bulkhead_core::{Compartment, SpiSet};
use bulkhead_plan::{Cpu, GicVersion, Interrupt, Plan, Trigger};

/// The physical distributor.
#[derive(Clone, Copy)]
pub(crate) struct Distributor {
    registers: Mmio,
    version: GicVersion,
}

const CTLR: u64 = 0x0;
const TYPER: u64 = 0x4;
const IGROUPR: u64 = 0x80;
const ISPENDR: u64 = 0x200;
const ICPENDR: u64 = 0x280;
const ICACTIVER: u64 = 0x380;
const IPRIORITYR: u64 = 0x400;
const ITARGETSR: u64 = 0x800;
const ICFGR: u64 = 0xc00;
const IGRPMODR: u64 = 0xd00;
const SGIR: u64 = 0xf00;
/// GICD_PIDR2 of a GICv2 and of a GICv3: bits 7 to 4 are the architecture.
const PIDR2_V2: u64 = 0xfe8;
const PIDR2_V3: u64 = 0xffe8;

/// GICD_CTLR of a GICv3: affinity routing, group 1 enabled, group 0 not; the same bits with one Security state
/// and two.
const ARE: u32 = 1 << 4;
const ENABLE_GROUP_1: u32 = 1 << 1;
const RWP: u32 = 1 << 31;
/// GICD_CTLR of a GICv2: the group that EL2 has is enabled.
const ENABLE: u32 = 1;
/// The priority that every SPI begins with: the middle of what Non-secure software has.
const PRIORITY: u8 = 0xa0;

impl Distributor {
    /// The distributor behind these registers.
    pub(super) const fn new(registers: Mmio, version: GicVersion) -> Self {
        Self { registers, version }
    }

    /// Whether it says that it is what it is taken for.
    pub(super) fn is_of_its_kind(self) -> bool {
        match self.version {
            GicVersion::V2 => self.registers.load(PIDR2_V2) >> 4 & 0xf == 2,
            GicVersion::V3 => matches!(self.registers.load(PIDR2_V3) >> 4 & 0xf, 3 | 4),
        }
    }

    /// Turns everything off, then the distributor on, and prepares the SPIs of the plan for their owners.
    pub(super) fn start(self, plan: &Plan<'_>) -> Result<(), Unfit> {
        let (off, on, group) = match self.version {
            GicVersion::V2 => (0, ENABLE, 0),
            GicVersion::V3 => (ARE, ARE | ENABLE_GROUP_1, u32::MAX),
        };
        self.registers.store(CTLR, off);
        let stopped = self.settles();
        let words = u64::from(self.registers.load(TYPER) & 0x1f) + 1;
        for word in (4..4 * words).step_by(4) {
            for register in [ICENABLER, ICPENDR, ICACTIVER] {
                self.registers.store(register + word, u32::MAX);
            }
            self.registers.store(IGROUPR + word, group);
            if self.version == GicVersion::V3 {
                self.registers.store(IGRPMODR + word, 0);
            }
        }
        let quiet = self.settles();
        self.registers.store(CTLR, on);
        if !stopped || !quiet || !self.settles() {
            return Err(Unfit::Unsettled);
        }
        for partition in plan.partitions {
            let first = partition.cpus.of(plan.cpus).and_then(<[Cpu]>::first);
            for interrupt in partition.interrupts.of(plan.interrupts).unwrap_or_default() {
                first.into_iter().for_each(|cpu| self.place(interrupt.intid, cpu));
                self.configure(interrupt).ok_or(Unfit::Missing(interrupt.intid))?;
            }
        }
        Ok(())
    }

    /// Sets an SPI up, disabled. `None` if the GIC has no such interrupt.
    fn configure(self, interrupt: &Interrupt) -> Option<()> {
        let intid = interrupt.intid;
        let (register, field) = (ICFGR + u64::from(intid / 16) * 4, 2_u32 << (intid % 16 * 2));
        let configuration = self.registers.load(register);
        self.registers.store(
            register,
            match interrupt.trigger {
                Trigger::Edge => configuration | field,
                Trigger::Level => configuration & !field,
            },
        );
        self.enable(intid);
        let (register, bit) = place_of(ISENABLER, intid);
        let exists = self.registers.load(register) & bit != 0;
        self.disable(intid);
        (exists && self.settles()).then_some(())
    }

    /// Prepares an SPI for EL2 itself, where there is a GICv2: edge-triggered, of the highest priority, going
    /// nowhere yet. `None` if there is no such interrupt.
    pub(super) fn reserve(self, intid: u32) -> Option<()> {
        self.aim(intid, 0);
        self.registers.store_byte(IPRIORITYR + u64::from(intid), 0);
        self.configure(&Interrupt { intid, trigger: Trigger::Edge })
    }

    /// Has the SPI go to these CPU interfaces of a GICv2, a bit each.
    pub(super) fn aim(self, intid: u32, interfaces: u8) {
        self.registers.store_byte(ITARGETSR + u64::from(intid), interfaces);
    }

    pub(super) fn enable(self, intid: u32) {
        let (register, bit) = place_of(ISENABLER, intid);
        self.registers.store(register, bit);
    }

    pub(super) fn disable(self, intid: u32) {
        let (register, bit) = place_of(ICENABLER, intid);
        self.registers.store(register, bit);
    }

    pub(super) fn deactivate(self, intid: u32) {
        let (register, bit) = place_of(ICACTIVER, intid);
        self.registers.store(register, bit);
    }

    /// Makes a partition's SPIs as if they had never been used: disabled, idle, of middle priority, and
    /// routed to its first CPU.
    pub(crate) fn quiesce(self, compartment: &Compartment<'_>) {
        let spis = &compartment.spis;
        self.store_set(ICENABLER, spis);
        self.settles();
        self.store_set(ICPENDR, spis);
        self.store_set(ICACTIVER, spis);
        if let Some(first) = compartment.cpus.first() {
            spis.iter().for_each(|intid| self.place(intid, first));
        }
    }

    fn place(self, intid: u32, cpu: &Cpu) {
        self.registers.store_byte(IPRIORITYR + u64::from(intid), PRIORITY);
        match self.version {
            GicVersion::V2 => self.aim(intid, 1_u8.unbounded_shl(cpu.interface)),
            GicVersion::V3 => self.registers.store_double(IROUTER + 8 * u64::from(intid), cpu.mpidr),
        }
    }

    /// Has an SPI that no device drives follow the output of a virtual one: pending again for every access
    /// that leaves it high, not pending any more once it is low.
    pub(crate) fn drive(self, intid: u32, level: Level) {
        let table = match level {
            Level::High => ISPENDR,
            Level::Low => ICPENDR,
        };
        let (register, bit) = place_of(table, intid);
        self.registers.store(register, bit);
    }

    /// Sends SGIs by this value of GICD_SGIR, where there is a GICv2. What the others are to see has to be
    /// there before, by a barrier, as it has if the guest was about to do the same.
    pub(crate) fn generate_sgi(self, list: u64) {
        self.registers.store(SGIR, (list & 0xffff_ffff) as u32);
    }

    /// Carries out an access of a guest; the value is what a load gives.
    pub(crate) fn carry_out(self, compartment: &Compartment<'_>, access: Access) -> u64 {
        match access {
            Access::Value(value) => return value,
            Access::Load { offset, width, mask, set } => {
                return self.registers.load_width(offset, width) & mask | set;
            }
            Access::LoadRoute { intid, shift } => {
                let physical = self.registers.load_double(IROUTER + 8 * u64::from(intid));
                return route_of_guest(compartment, physical) >> shift;
            }
            Access::LoadTargets { offset, width, mask } => {
                return targets_of_guest(compartment, self.registers.load_width(offset, width) & mask);
            }
            Access::Store { offset, value, .. } => self.registers.store(offset, (value & 0xffff_ffff) as u32),
            Access::StoreBytes { offset, value, lanes } => {
                for (lane, byte) in (0..).zip(value.to_le_bytes()).filter(|(lane, _)| lanes >> lane & 1 != 0)
                {
                    self.registers.store_byte(offset + lane, byte);
                }
            }
            Access::StoreRoute { intid, vcpu } => {
                if let Some(cpu) = compartment.cpus.get(vcpu) {
                    self.registers.store_double(IROUTER + 8 * u64::from(intid), cpu.mpidr);
                }
            }
            Access::Enable(set) => self.store_set(ISENABLER, &set),
            Access::Disable(set) => self.store_set(ICENABLER, &set),
        }
        0
    }

    /// Carries out an access to a word with one bit for each interrupt; the value is what a load gives.
    pub(crate) fn carry_out_bits(self, offset: u64, bits: Bits) -> u32 {
        match bits {
            Bits::Value(value) => value,
            Bits::Load(mask) => self.registers.load(offset) & mask,
            Bits::Store(bits) => {
                self.registers.store(offset, bits);
                0
            }
        }
    }

    fn store_set(self, register: u64, set: &SpiSet) {
        for (word, bits) in (0..).step_by(4).zip((0..32).map(|word| set.word(word))) {
            if bits != 0 {
                self.registers.store(register + word, bits);
            }
        }
    }

    fn settles(self) -> bool {
        wait(|| self.registers.load(CTLR) & RWP == 0)
    }
}

/// The register of a table with one bit for each INTID, and the bit.
const fn place_of(table: u64, intid: u32) -> (u64, u32) {
    (table + (intid / 32) as u64 * 4, 1 << (intid % 32))
}
