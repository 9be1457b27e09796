//! What is measured, instruction by instruction, and when it happened.
//!
//! A measurement is what the count says after some instructions less what it said before, less one for
//! reading it: zero for no instruction. This is the one file of this guest with unsafe code.

#![allow(unsafe_code)]

use core::arch::{asm, global_asm};
use core::sync::atomic::AtomicU64;
use guest_rt::Machine;
use guest_rt::gic::{self, Signal};

/// PSCI CPU_OFF (DEN 0022 §5.1.3).
const CPU_OFF: u32 = 0x8400_0002;
/// The mark that ends [`crate::call::CPU_ON_WINDOW`].
const CPU_ON_ENDS: u16 = 0x2000 | crate::call::CPU_ON_WINDOW;

global_asm!(
    include_str!("instruction.S"),
    CPU_ON_ENDS = const CPU_ON_ENDS,
    CPU_OFF_LOW = const CPU_OFF & 0xffff,
    CPU_OFF_HIGH = const CPU_OFF >> 16,
);

/// In the CPU interface of a GICv2.
const GICC_PMR: u64 = 0x4;
const GICC_IAR: u64 = 0xc;
const GICC_EOIR: u64 = 0x10;

unsafe extern "C" {
    fn bench_vectors();
    fn bench_remote();
}

macro_rules! timed {
    ($($instruction:literal),+; $($operand:tt)*) => {{
        let (start, end): (u64, u64);
        // SAFETY: each use says why its instructions are harmless.
        unsafe {
            asm!("mrs {start}, cntvct_el0", $($instruction,)+ "mrs {end}, cntvct_el0",
                start = out(reg) start, end = out(reg) end, $($operand)* options(nostack))
        };
        end - start - 1
    }};
}

/// The address of a device's register. No Rust value is there, so loads and stores cannot break any.
#[derive(Clone, Copy)]
pub(crate) struct Register(u64);

impl Register {
    /// A register of the distributor.
    pub(crate) fn of_distributor(machine: &Machine, offset: u64) -> Self {
        Self(machine.distributor.base + offset)
    }

    /// A register of this CPU's redistributor, from RD_base on.
    pub(crate) fn of_redistributor(machine: &Machine, offset: u64) -> Self {
        Self(gic::own_frame(machine) + offset)
    }

    /// A register of this CPU's SGIs and PPIs, by its offset in SGI_base or in the distributor of a GICv2.
    pub(crate) fn of_bank(machine: &Machine, offset: u64) -> Self {
        Self(gic::own_bank(machine) + offset)
    }

    /// A register of the CPU interface of a GICv2.
    pub(crate) fn of_cpu_interface(machine: &Machine, offset: u64) -> Self {
        Self(machine.cpu_interface.base + offset)
    }

    /// A register of the UART.
    pub(crate) fn of_uart(machine: &Machine, offset: u64) -> Self {
        Self(machine.uart.base + offset)
    }

    /// A register of the device at `base`.
    ///
    /// # Panics
    /// If `base` is memory.
    pub(crate) fn of_device(machine: &Machine, base: u64, offset: u64) -> Self {
        let is_memory = machine.memory().iter().any(|span| span.contains(base));
        assert!(machine.owns(base) && !is_memory, "there is no device at {base:#x}");
        Self(base + offset)
    }

    /// Its value.
    pub(crate) fn read(self) -> u32 {
        let value: u32;
        // SAFETY: see the type.
        unsafe { asm!("ldr {:w}, [{}]", out(reg) value, in(reg) self.0, options(nostack)) };
        value
    }

    /// Writes it.
    pub(crate) fn write(self, value: u32) {
        // SAFETY: see the type.
        unsafe { asm!("str {:w}, [{}]", in(reg) value, in(reg) self.0, options(nostack)) };
    }

    /// Writes a byte of it.
    pub(crate) fn write_byte(self, value: u8) {
        // SAFETY: see the type.
        unsafe { asm!("strb {:w}, [{}]", in(reg) u32::from(value), in(reg) self.0, options(nostack)) };
    }

    /// Times a load.
    pub(crate) fn time_read(self) -> u64 {
        // See the type.
        timed!("ldr {value:w}, [{address}]"; value = out(reg) _, address = in(reg) self.0,)
    }

    /// Times a store.
    pub(crate) fn time_write(self, value: u32) -> u64 {
        // See the type.
        timed!("str {value:w}, [{address}]"; value = in(reg) value, address = in(reg) self.0,)
    }

    /// Times a load whose translation must be walked for.
    pub(crate) fn time_walk(self) -> u64 {
        walk(self.0)
    }
}

/// Memory that nothing lies in: far behind the image, far before what a loader puts at the end.
#[derive(Clone, Copy)]
pub(crate) struct Spare(u64);

impl Spare {
    /// Bytes of it.
    pub(crate) const SIZE: u64 = 0x10_0000;
    /// Where it begins in the machine's memory.
    const OFFSET: u64 = 0x40_0000;

    /// That of the machine.
    ///
    /// # Panics
    /// If the machine has less than 8 MiB.
    pub(crate) fn of(machine: &Machine) -> Self {
        let memory = machine.memory().first().filter(|span| span.size >= 2 * Self::OFFSET);
        Self(memory.expect("the bench needs 8 MiB").base + Self::OFFSET)
    }

    /// Times a store to the word at `offset`, below [`Self::SIZE`].
    pub(crate) fn time_store(self, offset: u64) -> u64 {
        let address = self.0 + offset % Self::SIZE;
        // Nothing lies there.
        timed!("str xzr, [{address}]"; address = in(reg) address,)
    }

    /// Times a load whose translation must be walked for.
    pub(crate) fn time_walk(self) -> u64 {
        walk(self.0)
    }

    /// Times copying the first `bytes`, a multiple of 64, to the second half.
    pub(crate) fn time_copy(self, bytes: u64) -> u64 {
        let bytes = bytes.min(Self::SIZE / 2);
        // Nothing lies there.
        timed!(
            "2: ldp {a}, {b}, [{from}], #16", "ldp {c}, {d}, [{from}], #16",
            "stp {a}, {b}, [{to}], #16", "stp {c}, {d}, [{to}], #16",
            "ldp {a}, {b}, [{from}], #16", "ldp {c}, {d}, [{from}], #16",
            "stp {a}, {b}, [{to}], #16", "stp {c}, {d}, [{to}], #16",
            "subs {left}, {left}, #64", "b.ne 2b";
            from = inout(reg) self.0 => _, to = inout(reg) self.0 + Self::SIZE / 2 => _,
            left = inout(reg) bytes => _,
            a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _,
        )
    }
}

/// The count, now.
pub(crate) fn count() -> u64 {
    let count: u64;
    // SAFETY: reading it changes nothing.
    unsafe { asm!("mrs {}, cntvct_el0", out(reg) count, options(nostack)) };
    count
}

/// From now on, [`arrival`] knows when the last interrupt came; everything else goes on to the runtime.
pub(crate) fn take_vectors() {
    let vectors = bench_vectors as *const () as u64;
    // SAFETY: they hand every exception on to the runtime's.
    unsafe { asm!("msr vbar_el1, {}", "isb", in(reg) vectors, options(nostack)) };
}

/// What the count was at the first instruction that this CPU's last interrupt brought it to.
pub(crate) fn arrival() -> u64 {
    let count: u64;
    // SAFETY: reading it changes nothing. One instruction of the vector comes before it is read.
    unsafe { asm!("mrs {}, tpidrro_el0", out(reg) count, options(nostack)) };
    count - 1
}

/// Sleeps by WFI, interrupts masked; says whether an interrupt was what ended it.
pub(crate) fn sleep() -> bool {
    let pending: u64;
    // SAFETY: what ends it can only be that something happens.
    unsafe { asm!("dsb sy", "wfi", "mrs {}, isr_el1", out(reg) pending, options(nostack)) };
    pending != 0
}

/// Reads ID_AA64ISAR0_EL1.
pub(crate) fn time_identification() -> u64 {
    // SAFETY: a read without effect.
    timed!("mrs {value}, id_aa64isar0_el1"; value = out(reg) _,)
}

/// Times a call of `function` by HVC, which is how the bare machine is called as well.
pub(crate) fn time_call(function: u64) -> u64 {
    let (start, end): (u64, u64);
    // SAFETY: the calling convention leaves memory and the registers that are not named here alone.
    unsafe {
        asm!("mrs x20, cntvct_el0", "hvc #0", "mrs x21, cntvct_el0",
            out("x20") start, out("x21") end, inout("x0") function => _,
            clobber_abi("C"), options(nostack))
    };
    end - start - 1
}

/// Has the CPU of this affinity run a few instructions: the first ends the window of CPU_ON, then it writes
/// the count to `slot` and switches itself off. What CPU_ON says, and the count before the call.
pub(crate) fn switch_on(affinity: u64, slot: &'static AtomicU64) -> (i64, u64) {
    const CPU_ON: u64 = 0xc400_0003;
    let (result, start): (u64, u64);
    let entry = bench_remote as *const () as u64;
    // SAFETY: what runs there touches the slot and nothing else; the convention is as above.
    unsafe {
        asm!("mrs x20, cntvct_el0", "hvc #0", out("x20") start,
            inout("x0") CPU_ON => result, inout("x1") affinity => _, inout("x2") entry => _,
            inout("x3") slot.as_ptr() => _, clobber_abi("C"), options(nostack))
    };
    (result.cast_signed(), start)
}

/// The value of `slot` in memory: its writer has no caches.
pub(crate) fn read_through(slot: &'static AtomicU64) -> u64 {
    let value: u64;
    // SAFETY: the line is dropped before it is read; nobody writes it through caches meanwhile.
    unsafe {
        asm!("dc civac, {0}", "dsb sy", "ldr {1}, [{0}]", in(reg) slot.as_ptr(), out(reg) value, options(nostack))
    };
    value
}

/// Times the sending of an SGI.
pub(crate) fn time_signal(signal: Signal) -> u64 {
    match signal {
        // It raises an SGI, which is what it is for.
        Signal::Register(value) => timed!("msr icc_sgi1r_el1, {value}"; value = in(reg) value,),
        Signal::Store { address, value } => Register(address).time_write(value),
    }
}

/// Sends an SGI; the count before that.
pub(crate) fn signal(signal: Signal) -> u64 {
    let start: u64;
    match signal {
        // SAFETY: it raises an SGI, which is what it is for.
        Signal::Register(value) => unsafe {
            asm!("dsb ish", "mrs {}, cntvct_el0", "msr icc_sgi1r_el1, {}", "isb",
                out(reg) start, in(reg) value, options(nostack))
        },
        // SAFETY: as above.
        Signal::Store { address, value } => unsafe {
            asm!("dsb ish", "mrs {}, cntvct_el0", "str {:w}, [{}]",
                out(reg) start, in(reg) value, in(reg) address, options(nostack))
        },
    }
    start
}

/// Times a write of the priority mask.
pub(crate) fn time_mask(machine: &Machine, priority: u32) -> u64 {
    if machine.has_gicv2() {
        return Register::of_cpu_interface(machine, GICC_PMR).time_write(priority);
    }
    // Interrupts that it holds back come later.
    timed!("msr icc_pmr_el1, {value:x}"; value = in(reg) priority,)
}

/// Acknowledges the pending interrupt by hand, has `quieten` take its cause away, and times its end.
pub(crate) fn time_end(machine: &Machine, quieten: impl FnOnce()) -> u64 {
    if machine.has_gicv2() {
        let taken = Register::of_cpu_interface(machine, GICC_IAR).read();
        quieten();
        return Register::of_cpu_interface(machine, GICC_EOIR).time_write(taken);
    }
    let intid: u64;
    // SAFETY: what is acknowledged is ended below.
    unsafe { asm!("mrs {}, icc_iar1_el1", "dsb sy", out(reg) intid, options(nostack)) };
    quieten();
    // It was acknowledged.
    timed!("msr icc_eoir1_el1, {value}"; value = in(reg) intid,)
}

fn walk(address: u64) -> u64 {
    // SAFETY: dropping a translation is always allowed.
    unsafe { asm!("tlbi vaae1, {}", "dsb ish", "isb", in(reg) address >> 12, options(nostack)) };
    // A load from a place that nothing of Rust's is at.
    timed!("ldr {value:w}, [{address}]"; value = out(reg) _, address = in(reg) address,)
}
