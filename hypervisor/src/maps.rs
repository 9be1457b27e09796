//! EL2's own translation: what it may touch, and how.
//!
//! Code is executed, constants and images are read, everything that changes is written, and nothing is
//! two of these. Tables are built once at boot. A partition's RAM is in none of them but the root that its
//! first CPU borrows while it loads the partition.

use crate::heap;
use crate::image::{IMAGE, LOAD, STACK, STACK_STRIDE, STACKS, Window, parts};
use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::TTBR0_EL2;
use bulkhead_core::stage1::{Kind, MapError, Mapping, Page, Root, Tables};
use bulkhead_plan::limits::PARTITIONS;
use bulkhead_plan::{BootHeader, PAGE, Pa, Partition, Plan, RegionKind, Span};
use core::arch::asm;
use tock_registers::interfaces::{Readable, Writeable};

/// The roots that boot has built.
#[derive(Debug)]
pub(crate) struct Maps {
    /// What EL2 sees.
    pub(crate) steady: Pa,
    /// What the CPU sees that loads partition n.
    pub(crate) loads: [Pa; PARTITIONS],
}

/// Bytes of a distributor's frame, of a redistributor's two frames, of a UART's.
const DISTRIBUTOR: u64 = 0x1_0000;
const REDISTRIBUTOR: u64 = 0x2_0000;
const UART: u64 = 0x1000;
/// The page of an ITS's control frame that holds GITS_CTLR.
const TRANSLATOR: u64 = 0x1000;

/// Builds EL2's tables in `tables`, with stacks at physical address `stacks`.
pub(crate) fn build(
    plan: &Plan<'_>,
    header: &BootHeader,
    stacks: Pa,
    tables: &mut Tables<'_>,
) -> Result<(Root, [Root; PARTITIONS]), MapError> {
    let steady = tables.root()?;
    for mapping in image(header) {
        tables.map(steady, mapping)?;
    }
    for mapping in devices(plan) {
        tables.map(steady, mapping)?;
    }
    for cpu in 0..plan.cpus.len() as u64 {
        let va = STACKS + (cpu + 1) * STACK_STRIDE - STACK;
        tables.map(steady, Mapping { va, pa: Pa(stacks.0 + cpu * STACK), size: STACK, kind: Kind::Data })?;
    }
    let mut loads = [steady; PARTITIONS];
    for (load, partition) in loads.iter_mut().zip(plan.partitions) {
        *load = tables.branch(steady)?;
        for mapping in memory(plan, partition) {
            tables.map(*load, mapping)?;
        }
    }
    Ok((steady, loads))
}

/// A root that sees `span` besides, read-only, behind [`LOAD`].
pub(crate) fn with_sight_of(span: Span, steady: Root, tables: &mut Tables<'_>) -> Result<Root, MapError> {
    let root = tables.branch(steady)?;
    let first = span.base.0 & !(PAGE - 1);
    let size = (span.base.0 + span.size).next_multiple_of(PAGE) - first;
    tables.map(root, Mapping { va: LOAD + first, pa: Pa(first), size, kind: Kind::ReadOnly })?;
    Ok(root)
}

/// Makes this CPU use `root`, and forget what it knew.
///
/// # Safety
///
/// The root maps this code, its stack and everything that is borrowed, where they are now.
pub(crate) unsafe fn switch_to(root: Pa) {
    barrier::dsb(barrier::ISHST);
    TTBR0_EL2.set(root.0);
    barrier::isb(barrier::SY);
    // SAFETY: TLB maintenance changes nothing but what the tables, which are unchanged, say.
    unsafe { asm!("tlbi alle2", "dsb nsh", "isb", options(nostack, preserves_flags)) };
}

/// Does `work` with more in sight: through `root`, a branch of the steady one.
pub(crate) fn while_seeing<T>(root: Pa, work: impl FnOnce() -> T) -> T {
    let steady = Pa(TTBR0_EL2.get());
    // SAFETY: a branch maps all that the steady root maps.
    unsafe { switch_to(root) };
    let result = work();
    // SAFETY: the root that was in use before.
    unsafe { switch_to(steady) };
    result
}

/// Memory behind the image: handed out from its start before there is a heap, the rest becomes the heap.
pub(crate) struct Room {
    window: Window,
    next: u64,
    end: u64,
}

impl Room {
    /// All of `span`.
    pub(crate) const fn new(window: Window, span: Span) -> Self {
        Self { window, next: span.base.0, end: span.base.0 + span.size }
    }

    /// The next `size` bytes, whole pages, at a multiple of `align`.
    pub(crate) fn take(&mut self, size: u64, align: u64) -> Option<Span> {
        let base = self.next.checked_next_multiple_of(align)?;
        self.next = base.checked_add(size).filter(|end| *end <= self.end)?;
        Some(Span::new(base, size))
    }

    /// All that is left, as pages for tables, cleared; they lie at the address that comes with them.
    pub(crate) fn pages(&self) -> Option<(&'static mut [Page], Pa)> {
        let address = self.window.virtual_address(Pa(self.next))?;
        let count = usize::try_from((self.end - self.next) / PAGE).ok()?;
        // SAFETY: the room is mapped, writable and nobody else's: the tool has planned it so, `Plan::verify`
        // has checked that it is in the window, and what was taken lies before it.
        let pages = unsafe { core::slice::from_raw_parts_mut(address as *mut Page, count) };
        pages.fill([0; 512]);
        Some((pages, Pa(self.next)))
    }

    /// Gives what is left to the heap.
    pub(crate) fn into_heap(self) {
        let start = self.window.virtual_address(Pa(self.next));
        if let Some(start) = start.filter(|_| self.next < self.end) {
            // SAFETY: as for `pages`; this consumes the room.
            unsafe { heap::add(start, start + (self.end - self.next)) };
        }
    }
}

/// The image, the heap, and the page of code that turns the MMU on, where it lies physically.
fn image(header: &BootHeader) -> [Mapping; 6] {
    let window = header.window.base;
    let [constants, data, end] = parts();
    let file = header.image_size.next_multiple_of(PAGE);
    let part = |from: u64, to: u64, kind| Mapping {
        va: IMAGE + from,
        pa: Pa(window.0 + from),
        size: to.saturating_sub(from),
        kind,
    };
    let heap = header.heap.base.0 - window.0;
    [
        part(0, constants, Kind::Code),
        part(constants, data, Kind::ReadOnly),
        part(data, end, Kind::Data),
        part(end, file, Kind::ReadOnly),
        part(heap, heap + header.heap.size, Kind::Data),
        Mapping { va: window.0, pa: window, size: PAGE, kind: Kind::Code },
    ]
}

fn devices(plan: &Plan<'_>) -> impl Iterator<Item = Mapping> {
    let device = |base: Pa, size| Mapping { va: base.0, pa: base, size, kind: Kind::Device };
    let console =
        (plan.board.console.kind != bulkhead_plan::ConsoleKind::None).then_some(plan.board.console.base);
    let redistributors = plan.cpus.iter().map(|cpu| cpu.redistributor);
    let translators = plan.translators.iter().map(|translator| translator.base);
    [device(plan.board.distributor.base, DISTRIBUTOR)]
        .into_iter()
        .chain(translators.map(move |base| device(base, TRANSLATOR)))
        .chain(console.into_iter().map(move |base| device(base, UART)))
        .chain(redistributors.map(move |base| device(base, REDISTRIBUTOR)))
}

fn memory<'p>(plan: &Plan<'p>, partition: &Partition) -> impl Iterator<Item = Mapping> + use<'p> {
    let regions = partition.regions.of(plan.regions).unwrap_or_default();
    let ram = regions.iter().filter(|region| region.kind == RegionKind::Ram);
    ram.map(|region| {
        let Span { base, size } = region.span;
        Mapping { va: LOAD + base.0, pa: base, size, kind: Kind::Data }
    })
}
