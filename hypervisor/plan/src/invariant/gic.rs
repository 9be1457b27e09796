//! What is the interrupt controller's, and which pages of it a partition has.
//!
//! Of a GICv3 that is the page of SGIs and PPIs of each of its CPUs, of a GICv2 the first page of GICC: one
//! page for all, behind which every CPU finds registers of its own (GICv2 §4.1.4). A guarded partition does
//! not even have that. No partition has anything else.

use super::{Violation, pairs};
use crate::address::{Ipa, PAGE, Pa, Span};
use crate::decode::Plan;
use crate::limits;
use crate::record::{Cpu, GicVersion, InterruptMode, Partition, Region, RegionKind};

/// The records say of a GICv2 what it has, of a GICv3 what that has, and neither more nor less.
pub(super) fn is_of_one_kind(plan: &Plan<'_>) -> Result<(), Violation> {
    let board = plan.board;
    let frames = board.distributor.size == board.gic.distributor_size()
        && board.cpu_interface.size == board.gic.cpu_interface_size()
        && board.distributor.base.is_aligned(PAGE)
        && board.cpu_interface.base.is_aligned(PAGE);
    let is_whole = match board.gic {
        GicVersion::V2 => {
            let spis = limits::FIRST_SPI..=limits::LAST_SPI;
            let is_own = |cpu: &Cpu| cpu.interface < limits::CPU_INTERFACES && cpu.redistributor == Pa(0);
            spis.contains(&board.wake)
                && plan.interrupts.iter().all(|interrupt| interrupt.intid != board.wake)
                && plan.translators.is_empty()
                && plan.cpus.iter().all(is_own)
        }
        GicVersion::V3 => {
            board.cpu_interface.base == Pa(0)
                && board.wake == 0
                && plan.cpus.iter().all(|cpu| cpu.interface == 0)
        }
    };
    if frames && is_whole { Ok(()) } else { Err(Violation::Gic) }
}

/// A CPU whose interrupts are another's, if there is one.
pub(super) fn shared_cpu<'p>(plan: &Plan<'p>) -> Option<&'p Cpu> {
    let same = |(a, b): &(&Cpu, &Cpu)| match plan.board.gic {
        GicVersion::V2 => a.interface == b.interface,
        GicVersion::V3 => a.redistributor == b.redistributor,
    };
    pairs(plan.cpus).find(same).map(|(cpu, _)| cpu)
}

/// Whether `span` touches a frame of the controller.
pub(super) fn is_touched(plan: &Plan<'_>, span: &Span) -> bool {
    let frames = plan.cpus.iter().filter(|_| plan.board.gic == GicVersion::V3);
    let mut frames = frames.map(|cpu| Span { base: cpu.redistributor, size: REDISTRIBUTOR });
    plan.board.distributor.overlaps(span)
        || plan.board.cpu_interface.overlaps(span)
        || plan.translators.iter().any(|translator| translator.overlaps(span))
        || frames.any(|frame| frame.overlaps(span))
}

/// Whether `region` is a page of the controller that `partition` may have, where it looks for it.
pub(super) fn is_given(plan: &Plan<'_>, partition: &Partition, region: &Region) -> bool {
    let wanted = match region.kind {
        RegionKind::Ram | RegionKind::Device => None,
        RegionKind::SgiFrame => own_frame(plan, partition, region),
        RegionKind::CpuInterface => {
            let is_direct = partition.interrupt_mode == InterruptMode::Direct;
            let is_first = region.span.base == plan.board.cpu_interface.base;
            let has_one = plan.board.gic == GicVersion::V2;
            (is_direct && is_first && has_one).then_some(partition.cpu_interface)
        }
    };
    wanted == Some(region.ipa) && region.span.size == PAGE
}

/// Whether both regions are the page of GICC that every partition may have.
pub(super) fn is_banked(a: &Region, b: &Region) -> bool {
    a.kind == RegionKind::CpuInterface && b.kind == RegionKind::CpuInterface
}

/// Bytes of RD_base and SGI_base of a CPU, and from the one to the other (GICv3 §12.10).
const REDISTRIBUTOR: u64 = 0x2_0000;
const SGI_BASE: u64 = 0x1_0000;

/// Where a partition looks for the page of SGIs and PPIs at this place, if it is that of one of its CPUs.
fn own_frame(plan: &Plan<'_>, partition: &Partition, region: &Region) -> Option<Ipa> {
    let cpus = partition.cpus.of(plan.cpus).filter(|_| plan.board.gic == GicVersion::V3)?;
    let mut frames = cpus.iter().map(|cpu| cpu.redistributor.checked_add(SGI_BASE));
    let slot = frames.position(|frame| frame == Some(region.span.base))?;
    let stride = u64::try_from(slot).ok()?.checked_mul(REDISTRIBUTOR)?;
    partition.redistributors.checked_add(stride)?.checked_add(SGI_BASE)
}
