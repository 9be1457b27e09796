//! Assembly, with every number and symbol that it shares with Rust passed by name.
//!
//! The MMU is off where `entry.S` runs, so it can rely on nothing but itself.

use crate::cache;
use crate::cpu::Cpu;
use crate::panic::LAST_STACK_SIZE;
use crate::quick;
use crate::vcpu::{Frame, Vector};
use bulkhead_core::sight::{IMAGE, STACK_STRIDE, STACKS};
use bulkhead_core::stage1::MAIR;
use bulkhead_core::{KEPT, Reason, Registers, Seen, el2, handoff};
use bulkhead_plan::{BootHeader, Change, Console, Pa, ROOM_FOR_TREE, Span};
use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::mem::{offset_of, size_of};
use core::sync::atomic::{AtomicU64, Ordering};

/// What a CPU reads before its MMU is on, past the caches.
static BOOT_RECORD: BootRecord = BootRecord { root: AtomicU64::new(0), released: AtomicU64::new(0) };

/// On one cache line, so that it is cleaned at once.
#[repr(C, align(16))]
struct BootRecord {
    /// The root of EL2's tables.
    root: AtomicU64,
    /// The number of the CPU that is being released.
    released: AtomicU64,
}

/// Pages that the boot tables take from the start of the heap until EL2's own tables are in use.
pub(crate) const BOOT_PAGES: u64 = 5;

const BOOT_STACK_SIZE: usize = 0x4000;

/// Room for a stack.
#[repr(C, align(16))]
struct Stack<const SIZE: usize>(UnsafeCell<[u8; SIZE]>);
/// Where boot runs until its CPU has a stack of its own; the linker script leaves a page free below it.
#[unsafe(link_section = ".bss.stack")]
static BOOT_STACK: Stack<BOOT_STACK_SIZE> = Stack(UnsafeCell::new([0; BOOT_STACK_SIZE]));

/// Where EL2 says what has happened to it.
static LAST_STACK: Stack<LAST_STACK_SIZE> = Stack(UnsafeCell::new([0; LAST_STACK_SIZE]));

// SAFETY: only assembly knows these symbols, and each stack has one CPU on it at a time.
unsafe impl<const SIZE: usize> Sync for Stack<SIZE> {}

/// A 2 MiB block of Normal memory, inner shareable, accessed; attribute 0 of MAIR.
const BLOCK_ATTRIBUTES: u64 = 1 | 3 << 8 | 1 << 10;
/// A block of Device memory, never executed, accessed; attribute 1 of MAIR.
const DEVICE_ATTRIBUTES: u64 = 1 | 1 << 2 | 1 << 10 | 1 << 54;
/// Where the root table leads to the image: the entry for bits 47 to 39 of the address.
const WINDOW_L0_OFFSET: u64 = (IMAGE >> 39 & 0x1ff) * 8;

/// `vectors.S` has the CPU where it has the frame.
const _: () = assert!(offset_of!(Cpu, frame) == 0);
/// `entry.S` reads what follows each other in pairs, and tells the widths 1 and 4 apart by their lowest bit.
const _: () = assert!(offset_of!(Console, room) == offset_of!(Console, mask) + 4);
const _: () = assert!(offset_of!(Change, clear) == 4 && offset_of!(Change, set) == 8);
/// What `vectors.S` relies on when it keeps an exit.
const _: () = assert!(KEPT.is_power_of_two() && size_of::<Seen>() == 16 && offset_of!(Seen, pc) == 8);

/// Tells CPUs that begin with their MMU off which root to use.
pub(crate) fn tell_root(root: Pa) {
    BOOT_RECORD.root.store(root.0, Ordering::Release);
    cache::clean_and_invalidate((&raw const BOOT_RECORD).addr() as u64, 16);
}

/// Tells the CPU that is released next its number.
pub(crate) fn tell_released(index: usize) {
    BOOT_RECORD.released.store(index as u64, Ordering::Release);
    cache::clean_and_invalidate((&raw const BOOT_RECORD).addr() as u64, 16);
}

unsafe extern "C" {
    /// Where a CPU that the firmware starts begins, with its number in x0 and the MMU off.
    pub(crate) fn secondary_entry();
    /// Where a CPU begins that is released from a spin table.
    pub(crate) fn released_entry();
    /// Goes on with `next` on the stack of CPU `cpu`.
    pub(crate) fn on_own_stack(next: extern "C" fn(usize) -> !, argument: usize, cpu: usize) -> !;
    /// Goes down to the guest; comes back with the kind of vector by which EL2 was entered. The frame is that
    /// of a whole [`Cpu`].
    pub(crate) fn enter_guest(frame: *mut Frame) -> u64;
    /// Makes the general-purpose registers of the frame zero: the compiler's way takes six times as long.
    pub(crate) fn clear_registers(frame: *mut Frame);
    /// Clears the breakpoints and watchpoints of EL1, as many as there are.
    pub(crate) fn clear_debug();
    /// Clears the types of event counters, as many as there are; only on a CPU that has a PMU.
    pub(crate) fn clear_event_types();
    /// Clears the keys of pointer authentication; only on a CPU that has them.
    pub(crate) fn clear_keys();
    /// Clears the FP and SIMD registers.
    pub(crate) fn clear_fp();
    /// Clears the scalable vectors, predicates and the first-fault register; only on a CPU that has them.
    pub(crate) fn clear_sve();
    /// Fills `values` with the ID registers in the order of their encodings.
    pub(crate) fn read_id_registers(values: *mut [u64; bulkhead_core::ID_REGISTERS]);
}

global_asm!(
    include_str!("entry.S"),
    BOOT_HEADER_SIZE = const size_of::<BootHeader>(),
    WINDOW_BASE = const offset_of!(BootHeader, window) + offset_of!(Span, base),
    WINDOW_SIZE = const offset_of!(BootHeader, window) + offset_of!(Span, size),
    IMAGE_SIZE = const offset_of!(BootHeader, image_size),
    FILE_SIZE = const offset_of!(BootHeader, file_size),
    LARGEST_TREE = const handoff::LARGEST,
    ROOM_FOR_TREE = const ROOM_FOR_TREE,
    HEAP_BASE = const offset_of!(BootHeader, heap) + offset_of!(Span, base),
    CONSOLE_BASE = const offset_of!(BootHeader, console) + offset_of!(Console, base),
    CONSOLE_STATUS = const offset_of!(BootHeader, console) + offset_of!(Console, status),
    CONSOLE_MASK = const offset_of!(BootHeader, console) + offset_of!(Console, mask),
    CONSOLE_DATA = const offset_of!(BootHeader, console) + offset_of!(Console, data),
    CONSOLE_ON = const offset_of!(BootHeader, console) + offset_of!(Console, on),
    CONSOLE_ON_SIZE = const size_of::<[Change; 2]>(),
    CONSOLE_WIDTH = const offset_of!(BootHeader, console) + offset_of!(Console, width),
    BOOT_PAGES = const BOOT_PAGES,
    DEVICE_ATTRIBUTES = const DEVICE_ATTRIBUTES,
    BLOCK_ATTRIBUTES = const BLOCK_ATTRIBUTES,
    WINDOW_L0_OFFSET = const WINDOW_L0_OFFSET,
    BOOT_RECORD = sym BOOT_RECORD,
    RELEASED = const offset_of!(BootRecord, released),
    BOOT_STACK = sym BOOT_STACK,
    BOOT_STACK_SIZE = const BOOT_STACK_SIZE,
    STACKS = const STACKS,
    STACK_STRIDE = const STACK_STRIDE,
    MAIR = const MAIR,
    TCR = const el2::TCR,
    SCTLR = const el2::SCTLR,
    SCTLR_BOOT = const el2::SCTLR_BOOT,
    SCTLR_OFF = const el2::SCTLR_OFF,
    boot = sym crate::boot::boot,
    secondary = sym crate::cpu::secondary,
);

global_asm!(
    include_str!("straight.S"),
    X = const offset_of!(Frame, registers) + offset_of!(Registers, x),
);

global_asm!(
    include_str!("vectors.S"),
    SYNCHRONOUS = const Vector::Synchronous as u64,
    IRQ = const Vector::Irq as u64,
    FIQ = const Vector::Fiq as u64,
    SERROR = const Vector::SError as u64,
    PMR = const bulkhead_core::quick::PMR,
    PMR_WRITE = const bulkhead_core::quick::PMR_WRITE,
    SS = const bulkhead_core::SS,
    BTYPE = const bulkhead_core::BTYPE,
    INTERFACE = const offset_of!(Cpu, exits) + Reason::Interface as usize * size_of::<u64>(),
    X = const offset_of!(Frame, registers) + offset_of!(Registers, x),
    PC = const offset_of!(Frame, registers) + offset_of!(Registers, pc),
    SYNDROME = const offset_of!(Frame, syndrome),
    ENTRIES = const offset_of!(Frame, entries),
    HISTORY = const offset_of!(Frame, history),
    KEPT = const KEPT,
    quick_call = sym quick::quick_call,
    quick_system = sym quick::quick_system,
    quick_access = sym quick::quick_access,
    IS_DYING = sym crate::panic::IS_DYING,
    LAST_STACK = sym LAST_STACK,
    LAST_STACK_SIZE = const LAST_STACK_SIZE,
    exception_in_el2 = sym crate::panic::exception_in_el2,
);
