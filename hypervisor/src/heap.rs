//! Memory for what boot makes: tables, CPUs, partitions. Then it is sealed.
//!
//! Everything that EL2 needs to run is made before the first guest is entered. An allocation after that
//! would make EL2's memory depend on what guests do; it is a bug, and stops the board.

use buddy_system_allocator::Heap;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, Ordering};
use spin::Mutex;

/// The largest block has 2^31 bytes.
const ORDER: usize = 32;

struct BootHeap {
    heap: Mutex<Heap<ORDER>>,
    sealed: AtomicBool,
}

#[global_allocator]
static HEAP: BootHeap = BootHeap { heap: Mutex::new(Heap::new()), sealed: AtomicBool::new(false) };

/// Gives memory to the heap.
///
/// # Safety
///
/// The bytes from `start` to `end` are mapped, writable and nobody else's.
pub(crate) unsafe fn add(start: u64, end: u64) {
    // SAFETY: the caller promises what `add_to_heap` asks for.
    unsafe { HEAP.heap.lock().add_to_heap(address(start), address(end)) }
}

/// An address as a number of this machine, where both have 64 bits.
#[allow(clippy::cast_possible_truncation, reason = "EL2 is a 64-bit machine")]
const fn address(value: u64) -> usize {
    value as usize
}

/// Ends allocation, for good.
pub(crate) fn seal() {
    HEAP.sealed.store(true, Ordering::Release);
}

/// Bytes that were given out, and bytes that there are.
pub(crate) fn usage() -> (usize, usize) {
    let heap = HEAP.heap.lock();
    (heap.stats_alloc_actual(), heap.stats_total_bytes())
}

// SAFETY: the lock makes the buddy allocator's own guarantees hold for all CPUs; memory that was given out
// is never given out again, for nothing is ever freed after the seal and the allocator keeps its books before.
unsafe impl GlobalAlloc for BootHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.sealed.load(Ordering::Acquire) {
            return ptr::null_mut();
        }
        self.heap.lock().alloc(layout).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if let Some(pointer) = NonNull::new(pointer) {
            // SAFETY: the caller promises that `alloc` gave it out with this layout.
            unsafe { self.heap.lock().dealloc(pointer, layout) }
        }
    }
}
