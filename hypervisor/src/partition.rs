//! A partition at run time: what it owns, and the little that changes.
//!
//! What the plan says is shared freely. Each piece of state has a lock of its own, held for one transition
//! of `bulkhead-core`; no lock of one partition is ever waited for by another.

use crate::console;
use crate::cpu::affinity;
use crate::image::Window;
use crate::stop::Why;
use bulkhead_core::console::{RING, Ring};
use bulkhead_core::distributor::Distributor;
use bulkhead_core::{Compartment, Entry, Power, Uart};
use bulkhead_plan::{PAGE, Pa, Partition as Planned, Plan, Span};
use core::ops::{Deref, DerefMut};
use core::slice;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use spin::mutex::{TicketMutex, TicketMutexGuard};
use spin::{Mutex, Once};

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
    /// Why it stops, once it does.
    pub(crate) why: Once<Why>,
    /// The root that the hardware walks, a copy of the plan's.
    pub(crate) root: Root,
    /// Index among the partitions.
    pub(crate) index: usize,
    said: TicketMutex<Ring>,
    waiting: AtomicUsize,
    is_loaded: AtomicBool,
    is_stopping: AtomicBool,
}

/// A live stage-2 root: the only stage-2 memory that EL2 ever writes.
pub(crate) struct Root {
    entries: &'static [AtomicU64],
    address: Pa,
}

impl Partition {
    /// The partition `planned`, with number `index`; made on the boot CPU.
    pub(crate) fn new(plan: &Plan<'static>, planned: &'static Planned, index: usize, root: Root) -> Self {
        let entry = Entry { address: planned.entry, context: planned.argument };
        let compartment = Compartment::new(plan, planned);
        let boot_cpu = compartment.cpus.iter().position(|cpu| cpu.mpidr == affinity());
        Self {
            compartment,
            power: Mutex::new(Power::new(entry, boot_cpu)),
            distributor: Mutex::new(Distributor::new()),
            uart: Mutex::new(Uart::new()),
            why: Once::new(),
            root,
            index,
            said: TicketMutex::new(Ring::new()),
            waiting: AtomicUsize::new(0),
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
        self.said().push(byte, console::now());
    }

    /// What it has said and the console has not carried yet. Held for a byte at a time, by the partition
    /// itself or by who has the console.
    pub(crate) fn said(&self) -> Said<'_> {
        Said { ring: self.said.lock(), waiting: &self.waiting }
    }

    /// Whether nothing waits; no lock is needed to see it.
    pub(crate) fn has_said_all(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// UARTFR of its virtual UART.
    pub(crate) fn uart_flags(&self) -> u64 {
        Uart::flags(self.waiting.load(Ordering::Acquire) >= RING)
    }
}

/// The ring of a partition, locked; the number of bytes in it is kept up when it goes.
pub(crate) struct Said<'p> {
    ring: TicketMutexGuard<'p, Ring>,
    waiting: &'p AtomicUsize,
}

impl Deref for Said<'_> {
    type Target = Ring;

    fn deref(&self) -> &Ring {
        &self.ring
    }
}

impl DerefMut for Said<'_> {
    fn deref_mut(&mut self) -> &mut Ring {
        &mut self.ring
    }
}

impl Drop for Said<'_> {
    fn drop(&mut self) {
        self.waiting.store(self.ring.length(), Ordering::Release);
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
        let address = window.virtual_address(place.base)?;
        // SAFETY: the caller answers for `place`, which is page aligned, as long as the root, and from now on
        // only used through these atomics.
        let entries = unsafe { slice::from_raw_parts(address as *const AtomicU64, pristine.len() / 8) };
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
