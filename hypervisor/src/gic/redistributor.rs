//! A CPU's redistributor: its SGIs and PPIs, and no LPIs.
//!
//! GICv3 §12.10 and §12.11. Its guest has the first page of SGI_base; EL2 uses it before and after, and
//! from another CPU only to wake one that has to leave.

use super::wait;
use crate::mmio::Mmio;
use aarch64_cpu::asm::barrier;
use bulkhead_core::distributor::Access;

/// RD_base and SGI_base of one CPU.
#[derive(Clone, Copy)]
pub(crate) struct Redistributor {
    registers: Mmio,
    /// How its PPIs are triggered: the board's affair, until a guest changes it.
    triggers: u32,
}

const CTLR: u64 = 0x0;
const TYPER: u64 = 0x8;
const WAKER: u64 = 0x14;
const SGI_BASE: u64 = 0x1_0000;
const IGROUPR0: u64 = SGI_BASE + 0x80;
const ISENABLER0: u64 = SGI_BASE + 0x100;
const ICENABLER0: u64 = SGI_BASE + 0x180;
const ICPENDR0: u64 = SGI_BASE + 0x280;
const ICACTIVER0: u64 = SGI_BASE + 0x380;
const IPRIORITYR: u64 = SGI_BASE + 0x400;
const ICFGR1: u64 = SGI_BASE + 0xc04;
/// Which of them are non-maskable; reserved, so ignored, where the GIC has no such interrupts.
const INMIR0: u64 = SGI_BASE + 0xf80;

const ENABLE_LPIS: u32 = 1;
const RWP: u32 = 1 << 3;
const PROCESSOR_SLEEP: u32 = 1 << 1;
const CHILDREN_ASLEEP: u32 = 1 << 2;
/// Four priorities at once: the middle of what Non-secure software has.
const PRIORITIES: u32 = 0xa0a0_a0a0;

/// GICR_TYPER.PPInum: whether there are extended PPIs.
const PPI_NUM: u32 = 0x1f << 27;
/// Their registers, which lie behind those of the others (GICv3 §12.11): where, how many words, and what is written.
const MORE: [(u64, usize, u32); 7] = [
    (ICENABLER0 + 4, 2, u32::MAX),
    (IGROUPR0 + 4, 2, u32::MAX),
    (INMIR0 + 4, 2, 0),
    (ICFGR1 + 4, 4, 0),
    (ICPENDR0 + 4, 2, u32::MAX),
    (ICACTIVER0 + 4, 2, u32::MAX),
    (IPRIORITYR + 32, 16, PRIORITIES),
];

impl Redistributor {
    /// The redistributor behind these registers, before any guest has reached it.
    pub(crate) fn new(registers: Mmio) -> Self {
        Self { registers, triggers: registers.load(ICFGR1) }
    }

    /// The affinity of the CPU that it belongs to, as in MPIDR_EL1.
    pub(crate) fn affinity(self) -> u64 {
        let affinity = self.registers.load_double(TYPER) >> 32;
        (affinity >> 24) << 32 | affinity & 0xff_ffff
    }

    /// Turns LPIs off: whoever turned them on has given the GIC memory to write to. False if they stay on.
    pub(crate) fn forbid_lpis(self) -> bool {
        if self.registers.load(CTLR) & ENABLE_LPIS != 0 {
            self.registers.store(CTLR, 0);
            wait(|| self.registers.load(CTLR) & RWP == 0);
        }
        self.registers.load(CTLR) & ENABLE_LPIS == 0
    }

    /// Wakes it and quiesces it. False if it does not wake.
    pub(crate) fn reset(self) -> bool {
        self.registers.store(WAKER, self.registers.load(WAKER) & !PROCESSOR_SLEEP);
        let awake = wait(|| self.registers.load(WAKER) & CHILDREN_ASLEEP == 0);
        awake && self.quiesce()
    }

    /// Makes its SGIs and PPIs disabled, idle, of group 1, of middle priority, and triggered as ever. False if
    /// they do not become disabled.
    pub(crate) fn quiesce(self) -> bool {
        self.registers.store(ICENABLER0, u32::MAX);
        if self.registers.load(TYPER) & PPI_NUM != 0 {
            self.quiesce_more();
        }
        let quiet = wait(|| self.registers.load(CTLR) & RWP == 0);
        self.registers.store(ICFGR1, self.triggers);
        self.registers.store(IGROUPR0, u32::MAX);
        self.registers.store(INMIR0, 0);
        self.registers.store(ICPENDR0, u32::MAX);
        self.registers.store(ICACTIVER0, u32::MAX);
        self.registers.fill(IPRIORITYR, 8, PRIORITIES);
        quiet
    }

    /// The same for extended PPIs, as many as there can be: what there is not is reserved, so ignored. They are
    /// triggered by level then, as nobody knows what they were: guests learn of none.
    #[cold]
    #[inline(never)]
    fn quiesce_more(self) {
        for (register, words, value) in MORE {
            self.registers.fill(register, words, value);
        }
    }

    /// Makes SGI `intid` one that reaches its CPU, if anything does.
    pub(crate) fn open_for(self, intid: u32) {
        self.registers.store(IGROUPR0, self.registers.load(IGROUPR0) | 1 << intid);
        self.registers.store(ICACTIVER0, 1 << intid);
        self.registers.store_byte(IPRIORITYR + u64::from(intid), 0);
        self.registers.store(ISENABLER0, 1 << intid);
        // Read back, so that it is done before an SGI comes another way.
        self.registers.load(IGROUPR0);
        barrier::dsb(barrier::SY);
    }

    /// Carries out an access of a guest; the value is what a load gives.
    pub(crate) fn carry_out(self, access: Access) -> u64 {
        match access {
            Access::Load { offset, width, mask, set } => {
                self.registers.load_width(offset, width) & mask | set
            }
            Access::Value(value) => value,
            // The model of the redistributor stores nothing.
            _ => 0,
        }
    }
}
