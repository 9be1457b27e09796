//! A partition at run time: what it owns, and the little that changes.
//!
//! What the plan says is shared freely. Each piece of state has a lock of its own, held for one transition
//! of `bulkhead-core`. Who controls a partition waits for that partition's power state, and the other way
//! round; that lock serves in turn, so that neither can keep the other out.

use crate::cpu::affinity;
use crate::image::Window;
use crate::pause;
use aarch64_cpu::asm::barrier;
use alloc::vec::Vec;
use bulkhead_core::console::{Pushed, RING, Ring};
use bulkhead_core::distributor::Distributor;
use bulkhead_core::{Compartment, Entry, Fault, Policy, Power, Uart, Why, sgi};
use bulkhead_plan::limits::PARTITIONS;
use bulkhead_plan::{PAGE, Pa, Partition as Planned, Plan, Span};
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use spin::Mutex;
use spin::mutex::{TicketMutex, TicketMutexGuard};

/// A partition.
pub(crate) struct Partition {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What it owns.
    pub(crate) compartment: Compartment<'static>,
    /// Whether and when it begins again.
    pub(crate) policy: Policy,
    /// Where its first CPU begins.
    pub(crate) entry: Entry,
    /// The power states of its CPUs. Held for one transition; for a revocation (`stop::begin`) or the restoration of
    /// the root, at most 8192 stores; or while the firmware is asked who is off (docs/decisions/0007).
    pub(crate) power: TicketMutex<Power>,
    /// Its view of the distributor. Held for one access: at most 32 stores.
    pub(crate) distributor: Mutex<Distributor>,
    /// Its virtual UART. Held for one transition.
    pub(crate) uart: Mutex<Uart>,
    /// Why its last life has ended, or ends.
    pub(crate) why: Mutex<Why>,
    /// The record of its last fault.
    pub(crate) fault: Mutex<Option<Fault>>,
    /// When it began to stop.
    pub(crate) since: AtomicU64,
    /// Whether one of its CPUs has waited for the others to leave, and whether it was said who does not.
    pub(crate) is_watched: AtomicBool,
    pub(crate) is_reported: AtomicBool,
    /// The root that the hardware walks, a copy of the plan's.
    pub(crate) root: Root,
    /// What sends SGI 0 to its vCPU n.
    pub(crate) signals: Vec<u64>,
    /// Index among the partitions.
    pub(crate) index: usize,
    said: TicketMutex<Ring>,
    waiting: AtomicUsize,
    is_loaded: AtomicBool,
    has_lived: AtomicBool,
    is_stopping: AtomicBool,
}

/// A live stage-2 root: the only stage-2 memory that EL2 ever writes.
pub(crate) struct Root {
    entries: &'static [AtomicU64],
    pristine: &'static [u8],
    address: Pa,
}

impl Partition {
    /// The partition `planned`, with number `index`; made on the boot CPU.
    pub(crate) fn new(plan: &Plan<'static>, planned: &'static Planned, index: usize, root: Root) -> Self {
        let entry = Entry { address: planned.entry, context: planned.argument };
        let compartment = Compartment::new(plan, planned);
        let boot_cpu = compartment.cpus.iter().position(|cpu| cpu.mpidr == affinity());
        Self {
            name: planned.name.as_str(),
            policy: Policy::of(planned),
            entry,
            power: TicketMutex::new(Power::new(entry, boot_cpu)),
            distributor: Mutex::new(Distributor::new()),
            uart: Mutex::new(Uart::new()),
            why: Mutex::new(Why::Off),
            fault: Mutex::new(None),
            since: AtomicU64::new(0),
            is_watched: AtomicBool::new(false),
            is_reported: AtomicBool::new(false),
            root,
            signals: compartment.cpus.iter().map(|cpu| sgi::signal(compartment.gic, cpu)).collect(),
            index,
            compartment,
            said: TicketMutex::new(Ring::new()),
            waiting: AtomicUsize::new(0),
            is_loaded: AtomicBool::new(false),
            has_lived: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        }
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
        self.has_lived.store(true, Ordering::Release);
    }

    /// Whether its memory holds what a former life has left.
    pub(crate) fn has_lived(&self) -> bool {
        self.has_lived.load(Ordering::Acquire)
    }

    /// Forgets what EL2 keeps of the life that ends. Nobody but the CPU that ends it is inside.
    pub(crate) fn forget_life(&self) {
        *self.distributor.lock() = Distributor::new();
        *self.uart.lock() = Uart::new();
        self.is_loaded.store(false, Ordering::Release);
        self.is_watched.store(false, Ordering::Release);
        self.is_reported.store(false, Ordering::Release);
    }

    /// Whether it is being stopped: looked at before every entry to the guest.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Says whether it is. Only with its power state locked.
    pub(crate) fn set_stopping(&self, is_stopping: bool) {
        self.is_stopping.store(is_stopping, Ordering::Release);
    }

    /// Keeps a byte that it has written to its console. A wire that has carried nothing for a second stands
    /// still.
    pub(crate) fn say(&self, byte: u8) -> Pushed {
        self.said().push(byte, pause::now(), pause::a_second())
    }

    /// What it has said and the console has not carried yet. Held for a byte at a time, by the partition
    /// itself or by who has the console.
    pub(crate) fn said(&self) -> Said<'_> {
        Said { ring: self.said.lock(), waiting: &self.waiting, index: self.index }
    }

    /// UARTFR of its virtual UART.
    pub(crate) fn uart_flags(&self) -> u64 {
        Uart::flags(self.waiting.load(Ordering::Acquire) >= RING)
    }

    /// The interrupt that its virtual UART raises, if it raises one.
    pub(crate) const fn uart_interrupt(&self) -> Option<u32> {
        match self.compartment.partition.uart_interrupt {
            0 => None,
            intid => Some(intid),
        }
    }
}

/// The ring of a partition, locked; the number of bytes in it is kept up when it goes.
pub(crate) struct Said<'p> {
    ring: TicketMutexGuard<'p, Ring>,
    waiting: &'p AtomicUsize,
    index: usize,
}

/// Partitions that have said something that waits, by bit.
static SPEAKING: AtomicU32 = AtomicU32::new(0);
const _: () = assert!(PARTITIONS <= u32::BITS as usize);

/// The partitions that have said something that waits, by bit; no lock is needed to see it.
pub(crate) fn speaking() -> u32 {
    SPEAKING.load(Ordering::Acquire)
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
        let (before, now) = (self.waiting.load(Ordering::Relaxed), self.ring.length());
        self.waiting.store(now, Ordering::Release);
        // The ring is still locked: nobody else changes this bit.
        match (before, now) {
            (0, 1..) => SPEAKING.fetch_or(1 << self.index, Ordering::AcqRel),
            (1.., 0) => SPEAKING.fetch_and(!(1 << self.index), Ordering::AcqRel),
            _ => 0,
        };
    }
}

impl Root {
    /// A root in `place` for the tables that the plan has for `planned`; it leads nowhere yet.
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
        let entries = unsafe { core::slice::from_raw_parts(address as *const AtomicU64, pristine.len() / 8) };
        let root = Self { entries, pristine, address: place.base };
        root.clear();
        Some(root)
    }

    /// Leads where the plan's root leads.
    pub(crate) fn restore(&self) {
        for (entry, word) in self.entries.iter().zip(self.pristine.as_chunks::<8>().0) {
            entry.store(u64::from_le_bytes(*word), Ordering::Relaxed);
        }
        barrier::dsb(barrier::ISHST);
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
