//! EL2's own tables in use.
//!
//! What they map is decided in `bulkhead_core::sight`. They are built once at boot, in memory that is handed
//! out before there is a heap, and never edited; a CPU that needs to see more for a while borrows a root
//! that sees it.

use crate::cache;
use crate::heap;
use crate::image::Window;
use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::TTBR0_EL2;
use bulkhead_core::stage1::Page;
use bulkhead_plan::limits::PARTITIONS;
use bulkhead_plan::{PAGE, Pa, Span};
use core::arch::asm;
use tock_registers::interfaces::{Readable, Writeable};
use zerocopy::IntoBytes;

/// The roots that boot has built.
#[derive(Debug)]
pub(crate) struct Maps {
    /// What EL2 sees.
    pub(crate) steady: Pa,
    /// What the CPU sees that loads partition n.
    pub(crate) loads: [Pa; PARTITIONS],
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
    is_lent: bool,
}

impl Room {
    /// All of `span`.
    pub(crate) const fn new(window: Window, span: Span) -> Self {
        Self { window, next: span.base.0, end: span.base.0 + span.size, is_lent: false }
    }

    /// The next `size` bytes, whole pages, at a multiple of `align`.
    pub(crate) fn take(&mut self, size: u64, align: u64) -> Option<Span> {
        let base = self.next.checked_next_multiple_of(align)?;
        self.next = base.checked_add(size).filter(|end| *end <= self.end)?;
        Some(Span::new(base, size))
    }

    /// All that is left, as pages for tables, cleared; they lie at the address that comes with them. What
    /// of them is used has to be taken afterwards. They are lent once.
    pub(crate) fn pages(&mut self) -> Option<(&'static mut [Page], Pa)> {
        if core::mem::replace(&mut self.is_lent, true) {
            return None;
        }
        let address = self.window.virtual_address(Pa(self.next))?;
        let count = usize::try_from((self.end - self.next) / PAGE).ok()?;
        // SAFETY: the room is mapped, writable and nobody else's: the tool has planned it so, `Plan::verify`
        // has checked that it is in the window, what was taken lies before it, and it is lent only once.
        let pages = unsafe { core::slice::from_raw_parts_mut(address as *mut Page, count) };
        cache::zero(pages.as_mut_bytes());
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
