//! The image and its window, as EL2 sees them: bytes, and addresses both ways.
//!
//! Where they are seen is decided in `bulkhead_core::sight`.

use bulkhead_core::sight::{IMAGE, Parts};
use bulkhead_plan::{BOOT_HEADER_OFFSET, BootHeader, Pa, Span};
use core::mem::size_of;
use core::slice;
use zerocopy::TryFromBytes;

unsafe extern "C" {
    static __image_start: u8;
    static __constants_start: u8;
    static __data_start: u8;
    static __guard_start: u8;
    static __image_end: u8;
}

/// Where the parts of the binary end.
pub(crate) fn parts() -> Parts {
    let offset = |symbol: *const u8| (symbol.addr() as u64).wrapping_sub(IMAGE);
    Parts {
        code: offset(&raw const __constants_start),
        constants: offset(&raw const __data_start),
        guard: offset(&raw const __guard_start),
        data: offset(&raw const __image_end),
    }
}

/// The boot header that the tool has filled in; `None` in the bare binary.
pub(crate) fn boot_header() -> Option<&'static BootHeader> {
    let start = (&raw const __image_start).wrapping_add(BOOT_HEADER_OFFSET);
    // SAFETY: `entry.S` reserves that many bytes there, mapped and never written.
    let bytes = unsafe { slice::from_raw_parts(start, size_of::<BootHeader>()) };
    BootHeader::try_ref_from_bytes(bytes).ok().filter(|header| header.plan_size != 0)
}

/// The window, as EL2 sees it.
#[derive(Clone, Copy)]
pub(crate) struct Window(Span);

impl Window {
    /// The window that the boot header names, in which this code runs.
    pub(crate) const fn new(span: Span) -> Self {
        Self(span)
    }

    /// The bytes of `span`; `None` if they are not all in the window.
    ///
    /// # Safety
    ///
    /// Nobody writes to them as long as the program runs.
    pub(crate) unsafe fn bytes(&self, span: Span) -> Option<&'static [u8]> {
        let address = self.virtual_address(span.base).filter(|_| self.0.contains(&span))?;
        let size = usize::try_from(span.size).ok()?;
        // SAFETY: the window is mapped as a whole, from boot on; the caller answers for the rest.
        Some(unsafe { slice::from_raw_parts(address as *const u8, size) })
    }

    /// Where EL2 sees a physical address of the window.
    pub(crate) fn virtual_address(&self, pa: Pa) -> Option<u64> {
        let offset = pa.0.checked_sub(self.0.base.0).filter(|offset| *offset < self.0.size)?;
        Some(IMAGE.wrapping_add(offset))
    }

    /// The physical address of something in the image or on the heap.
    pub(crate) fn physical_address(&self, address: u64) -> Pa {
        Pa(address.wrapping_sub(IMAGE).wrapping_add(self.0.base.0))
    }
}
