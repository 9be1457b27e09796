//! What the distributor of a GICv2 keeps for the CPU that asks: its SGIs and PPIs, and its number.
//!
//! GICv2 §4.1.4: GICD_ITARGETSR0 to 7 say which CPU interface is that of who reads them.

use crate::mmio::Mmio;

/// The banked registers of the distributor.
#[derive(Clone, Copy)]
pub(super) struct Banked(Mmio);

const IGROUPR0: u64 = 0x80;
const ICENABLER0: u64 = 0x180;
const ICPENDR0: u64 = 0x280;
const ICACTIVER0: u64 = 0x380;
const IPRIORITYR: u64 = 0x400;
const ITARGETSR: u64 = 0x800;
const CPENDSGIR: u64 = 0xf10;

/// Four priorities at once: the middle of what Non-secure software has.
const PRIORITIES: u32 = 0xa0a0_a0a0;

impl Banked {
    /// Those of the distributor with these registers.
    pub(super) const fn new(distributor: Mmio) -> Self {
        Self(distributor)
    }

    /// The number of this CPU's interface. A GIC with one CPU does not say.
    pub(super) fn interface(self) -> Option<u32> {
        // Words of interrupts that there are not say nothing.
        let targets = (0..8).map(|word| self.0.load(ITARGETSR + 4 * word)).find(|targets| *targets != 0);
        // A byte for each interrupt, and all of them are the same.
        let own = targets.map_or(1, |targets| targets | targets >> 8 | targets >> 16 | targets >> 24) & 0xff;
        own.is_power_of_two().then(|| own.trailing_zeros())
    }

    /// Makes SGIs and PPIs disabled, idle and of middle priority. How PPIs are triggered is the board's affair:
    /// no guest changes it.
    pub(super) fn quiesce(self) {
        self.0.store(ICENABLER0, u32::MAX);
        self.0.store(IGROUPR0, 0);
        self.0.store(ICPENDR0, u32::MAX);
        self.0.fill(CPENDSGIR, 4, u32::MAX);
        self.0.store(ICACTIVER0, u32::MAX);
        self.0.fill(IPRIORITYR, 8, PRIORITIES);
    }
}
