//! A partition at run time: what it owns, and the little that changes.
//!
//! What the plan says is shared freely. Each piece of state has a lock of its own, held for one transition
//! of `bulkhead-core`; no lock of one partition is ever waited for by another.

use crate::image::Window;
use crate::stop::Totals;
use bulkhead_core::console::Ring;
use bulkhead_core::distributor::Distributor;
use bulkhead_core::{Compartment, Entry, Power, Uart};
use bulkhead_plan::{PAGE, Pa, Partition as Planned, Plan, Span};
use core::slice;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use spin::Mutex;

/// A partition.
pub(crate) struct Partition {
    /// What it owns.
    pub(crate) compartment: Compartment<'static>,
    /// The power states of its CPUs.
    pub(crate) power: Mutex<Power>,
    /// Its view of the distributor.
    pub(crate) distributor: Mutex<Distributor>,
    /// Its virtual UART.
    pub(crate) uart: Mutex<Uart>,
    /// Exits of CPUs that have left.
    pub(crate) totals: Mutex<Totals>,
    /// The root that the hardware walks, a copy of the plan's.
    pub(crate) root: Root,
    /// Index among the partitions.
    pub(crate) index: usize,
    said: Mutex<Ring>,
    is_loaded: AtomicBool,
    is_stopping: AtomicBool,
}

/// A live stage-2 root: the only stage-2 memory that EL2 ever writes.
pub(crate) struct Root {
    entries: &'static [AtomicU64],
    address: Pa,
}

impl Partition {
    /// The partition `planned`, with number `index`.
    pub(crate) fn new(plan: &Plan<'static>, planned: &'static Planned, index: usize, root: Root) -> Self {
        let entry = Entry { address: planned.entry, context: planned.argument };
        Self {
            compartment: Compartment::new(plan, planned),
            power: Mutex::new(Power::new(entry)),
            distributor: Mutex::new(Distributor::new()),
            uart: Mutex::new(Uart::new()),
            totals: Mutex::new(Totals::default()),
            root,
            index,
            said: Mutex::new(Ring::new()),
            is_loaded: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.compartment.partition.name.as_str()
    }

    /// The index, among all CPUs of the plan, of its vCPU `vcpu`.
    pub(crate) fn cpu_index(&self, vcpu: usize) -> usize {
        self.compartment.partition.cpus.start as usize + vcpu
    }

    /// Whether its image is in its memory.
    pub(crate) fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Acquire)
    }

    /// Says so.
    pub(crate) fn set_loaded(&self) {
        self.is_loaded.store(true, Ordering::Release);
    }

    /// Whether it is being stopped: looked at before every entry to the guest.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Makes it be stopped.
    pub(crate) fn set_stopping(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    /// Keeps a byte that it has written to its console.
    pub(crate) fn say(&self, byte: u8) {
        self.said.lock().push(byte);
    }

    /// Takes the oldest byte that waits; none if another CPU is at it.
    pub(crate) fn next_said(&self) -> Option<u8> {
        self.said.try_lock()?.pop()
    }

    /// Whether so much waits that somebody had better carry it.
    pub(crate) fn is_crowded(&self) -> bool {
        self.said.try_lock().is_some_and(|said| said.is_crowded())
    }

    /// Whether nothing waits.
    pub(crate) fn has_said_all(&self) -> bool {
        self.said.try_lock().is_none_or(|said| said.is_empty())
    }

    /// UARTFR of its virtual UART.
    pub(crate) fn uart_flags(&self) -> u64 {
        let said = self.said.lock();
        Uart::flags(said.is_full(), said.is_empty())
    }

    /// How many bytes of its console were lost since the last time somebody asked.
    pub(crate) fn take_lost(&self) -> u32 {
        self.said.try_lock().map_or(0, |mut said| said.take_lost())
    }
}

impl Root {
    /// A copy, in `place`, of the root that the plan has for `planned`.
    ///
    /// # Safety
    ///
    /// `place` is memory of the heap's window that nobody else uses, now or later.
    pub(crate) unsafe fn new(planned: &Planned, window: &Window, place: Span) -> Option<Self> {
        let size = u64::from(planned.root_pages) * PAGE;
        // SAFETY: the tables of the image are mapped read-only.
        let pristine = unsafe { window.bytes(Span { base: planned.root, size }) }?;
        // SAFETY: the caller answers for `place`, which is only ever used through atomics.
        let bytes = unsafe { window.bytes(Span { size, ..place }) }?;
        // SAFETY: `place` is page aligned and as long as the root.
        let entries = unsafe { slice::from_raw_parts(bytes.as_ptr().cast::<AtomicU64>(), bytes.len() / 8) };
        for (entry, word) in entries.iter().zip(pristine.chunks_exact(8)) {
            entry.store(word.try_into().map_or(0, u64::from_le_bytes), Ordering::Relaxed);
        }
        Some(Self { entries, address: place.base })
    }

    /// Its physical address.
    pub(crate) const fn address(&self) -> Pa {
        self.address
    }

    /// Leaves nothing reachable.
    pub(crate) fn clear(&self) {
        self.entries.iter().for_each(|entry| entry.store(0, Ordering::Relaxed));
    }
}
