//! The CPU interface of a GICv2, of the CPU that executes this.
//!
//! GICv2 §4.4. While a guest runs, the first page is the guest's; EL2 resets it before and after.

use super::wait;
use crate::mmio::Mmio;
use crate::registers::ISR_EL1;
use aarch64_cpu::asm::barrier;
use bulkhead_core::distributor::Access;

/// GICC.
#[derive(Clone, Copy)]
pub(super) struct CpuFrame(Mmio);

const CTLR: u64 = 0x0;
const PMR: u64 = 0x4;
const BPR: u64 = 0x8;
const IAR: u64 = 0xc;
const EOIR: u64 = 0x10;
const RPR: u64 = 0x14;
const ABPR: u64 = 0x1c;
const AIAR: u64 = 0x20;
/// GICC_APR0 to 3, then GICC_NSAPR0 to 3. Those that are not there are RAZ/WI.
const APR: u64 = 0xd0;
const PRIORITIES: usize = 8;
const IIDR: u64 = 0xfc;

/// GICC_IIDR: the architecture.
const ARCHITECTURE: u32 = 0xf << 16;
const GICV2: u32 = 2 << 16;
/// GICC_CTLR: the group that EL2 has is enabled; interrupts of group 0 come as FIQs.
const ENABLE: u32 = 1;
const FIQ_ENABLE: u32 = 1 << 3;
/// ISR_EL1.F, read at EL2: a physical FIQ is pending.
const FIQ_PENDING: u64 = 1 << 6;
/// GICC_RPR when nothing is active.
const IDLE: u32 = 0xff;

impl CpuFrame {
    /// What GICC_IAR says when there is nothing to take.
    pub(super) const NONE_PENDING: u64 = 1023;

    /// The interface behind these registers.
    pub(super) const fn new(registers: Mmio) -> Self {
        Self(registers)
    }

    /// Whether it is that of a GICv2.
    pub(super) fn is_of_its_kind(self) -> bool {
        self.0.load(IIDR) & ARCHITECTURE == GICV2
    }

    /// Lets nothing through to the CPU any more.
    pub(super) fn close(self) {
        self.0.store(CTLR, 0);
        barrier::dsb(barrier::SY);
    }

    /// Makes it as after a reset, once it is closed: nothing active, every priority masked. Whatever was active is
    /// not so any more in the distributor.
    pub(super) fn reset(self) {
        self.0.store(PMR, 0);
        self.0.store(BPR, 0);
        self.0.store(ABPR, 0);
        self.0.fill(APR, PRIORITIES, 0);
        // An implementation that keeps the running priority apart (QEMU) finds it again at the end of an interrupt.
        if self.0.load(RPR) & IDLE != IDLE {
            self.0.store(EOIR, 0);
        }
        barrier::dsb(barrier::SY);
    }

    /// Whether an interrupt could wake this CPU.
    pub(super) fn may_sleep(self) -> bool {
        let mut active = [0; PRIORITIES];
        let registers = active.iter_mut().zip(priorities());
        registers.for_each(|(value, register)| *value = u64::from(self.0.load(register)));
        bulkhead_core::may_sleep(u64::from(self.0.load(CTLR) & ENABLE), u64::from(self.0.load(PMR)), &active)
    }

    /// Has interrupts come as IRQs. False if there is an FIQ all the same.
    pub(super) fn refuse_fiqs(self) -> bool {
        self.0.store(CTLR, self.0.load(CTLR) & !FIQ_ENABLE);
        barrier::dsb(barrier::SY);
        wait(|| ISR_EL1::read() & FIQ_PENDING == 0)
    }

    /// Whether `access` takes an interrupt.
    pub(super) const fn acknowledges(access: Access) -> bool {
        matches!(access, Access::Load { offset: IAR | AIAR, .. })
    }

    /// Takes an interrupt: the INTID, and who has sent it if it is an SGI.
    pub(super) fn acknowledge(self) -> u32 {
        self.0.load(IAR)
    }

    /// Ends the interrupt that the interface has handed out as `value`.
    pub(super) fn end(self, value: u32) {
        self.0.store(EOIR, value);
    }

    /// Carries out an access of a guest; the value is what a load gives.
    pub(super) fn carry_out(self, access: Access) -> u64 {
        match access {
            Access::Load { offset, width, mask, set } => self.0.load_width(offset, width) & mask | set,
            Access::Store { offset, value, .. } => {
                self.0.store(offset, (value & 0xffff_ffff) as u32);
                0
            }
            Access::Value(value) => value,
            // The model of the interface does nothing else.
            _ => 0,
        }
    }
}

/// The registers of active priorities.
fn priorities() -> impl Iterator<Item = u64> {
    (APR..).step_by(4).take(PRIORITIES)
}
