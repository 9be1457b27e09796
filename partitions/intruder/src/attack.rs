//! Raw instructions: this file's unsafe code is what isolation must withstand.
//!
//! An instruction runs with x0 to x3 as its table says and ends as a value or as the exception that it met
//! with. The tables are assembled from the text that also names each attack in a report, so that the two
//! cannot differ.

#![allow(unsafe_code)]

pub(crate) mod calls;
pub(crate) mod extensions;
pub(crate) mod forms;
pub(crate) mod storms;
pub(crate) mod system_instructions;
pub(crate) mod traces;

use aarch64_cpu::registers::{CPACR_EL1, SCTLR_EL1, TCR_EL1, TTBR0_EL1, TTBR1_EL1, VBAR_EL1};
use core::arch::asm;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use guest_rt::probe::{self, Fault};
use tock_registers::interfaces::{ReadWriteable, Readable, Writeable};

/// An instruction of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instruction<T: 'static> {
    /// As the assembler reads it.
    pub(crate) text: &'static str,
    /// What its table says about it.
    pub(crate) kind: T,
    table: unsafe extern "C" fn(),
    number: u64,
}

/// What an instruction left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// The exception, if it met with one.
    pub(crate) fault: Option<Fault>,
    /// x0 to x3 afterwards.
    pub(crate) registers: [u64; 4],
}

/// Assembles a table of instructions, each followed by `RET`.
macro_rules! instructions {
    ($name:ident: $kind:ty = $symbol:ident, [$($text:literal => $value:expr,)*]) => {
        core::arch::global_asm!(
            ".section .text.intruder, \"ax\"",
            ".arch armv8.8-a+sve+sme+memtag+ls64+rng+profile",
            ".balign 8",
            concat!(stringify!($symbol), ":"),
            $($text, "ret",)*
            ".text",
            options(raw),
        );
        unsafe extern "C" {
            fn $symbol();
        }
        /// A table of instructions.
        pub(crate) static $name: &[$crate::attack::Instruction<$kind>] = &{
            let mut number = 0;
            [$({
                number += 1;
                $crate::attack::Instruction::<$kind>::of($text, $value, $symbol, number - 1)
            }),*]
        };
    };
}
use instructions;

impl<T: 'static> Instruction<T> {
    /// Instruction `number` of `table`.
    pub(crate) const fn of(text: &'static str, kind: T, table: unsafe extern "C" fn(), number: u64) -> Self {
        Self { text, kind, table, number }
    }

    /// Runs it.
    pub(crate) fn run(&self, registers: [u64; 4]) -> Left {
        run(self.table as *const () as u64 + 8 * self.number, registers)
    }
}

/// Words of [`Slots`]; the last are for whoever needs a few at once.
const SLOTS: usize = 0x8000;
/// Where those begin.
const SPARE: usize = SLOTS - 16;

static SLOTS_MEMORY: Slots = Slots([const { AtomicU32::new(0) }; SLOTS]);

/// Memory for instructions made at run time. RAM is executable in a guest's map.
#[repr(align(64))]
pub(crate) struct Slots([AtomicU32; SLOTS]);

impl Slots {
    /// The one there is; its user is the CPU that boots.
    pub(crate) fn the() -> &'static Self {
        &SLOTS_MEMORY
    }

    /// Puts instructions there, cleaned to where fetches come from (Arm ARM B2.7.4.2); [`Slots::publish`] makes them
    /// ones that can be run.
    pub(crate) fn put(&self, at: usize, words: &[u32]) {
        const LEAST_LINE: usize = 16;
        let slots = &self.0[at..at + words.len()];
        for (slot, word) in slots.iter().zip(words) {
            slot.store(*word, Ordering::Relaxed);
        }
        for line in slots.chunks(LEAST_LINE / size_of::<AtomicU32>()).chain([&slots[slots.len() - 1..]]) {
            // SAFETY: cleaning a line of one's own memory loses nothing.
            unsafe { asm!("dc cvau, {}", in(reg) line.as_ptr(), options(nostack)) };
        }
    }

    /// Has this CPU forget what it has fetched before.
    pub(crate) fn publish(&self) {
        // SAFETY: forgetting instructions changes nothing that is in memory.
        unsafe { asm!("dsb ish", "ic iallu", "dsb ish", "isb", options(nostack)) };
    }

    /// Runs `word` by itself.
    pub(crate) fn run_one(&self, word: u32, registers: [u64; 4]) -> Left {
        self.put(SPARE, &[word, RET]);
        self.publish();
        self.run(SPARE, registers)
    }

    /// Runs the instructions from `at` on, which end in [`RET`].
    pub(crate) fn run(&self, at: usize, registers: [u64; 4]) -> Left {
        run(core::ptr::from_ref(&self.0[at]).addr() as u64, registers)
    }
}

/// The instruction `RET`.
pub(crate) const RET: u32 = 0xd65f_03c0;

/// Takes away every trap by which EL1 keeps itself from FP, SVE and SME: nothing but attacks uses them, and
/// what EL1 says comes before what EL2 says.
pub(crate) fn enable_vectors() {
    CPACR_EL1.set(ZEN | FPEN | SMEN);
    // SAFETY: a barrier.
    unsafe { asm!("isb", options(nostack)) };
}

/// CPACR_EL1.
const ZEN: u64 = 0b11 << 16;
const FPEN: u64 = 0b11 << 20;
const SMEN: u64 = 0b11 << 24;

/// Fetches an instruction from `address`.
pub(crate) fn fetch(address: u64) -> Left {
    run(address, [0; 4])
}

fn run(code: u64, mut registers: [u64; 4]) -> Left {
    // SAFETY: tables and slots hold single instructions that change x0 to x3, foreign memory and state of the
    // CPU that no compiled code uses; foreign memory is not expected to run at all. If one of them
    // does more, isolation or this guest has failed, which is what is to be found out.
    let result = unsafe { probe::call(code, &mut registers) };
    Left { fault: result.err(), registers }
}

/// Calls `look` with the first address of the upper half of a space of `bits` bits, whose tables begin at
/// `root` for as long.
pub(crate) fn with_upper_tables<T>(root: u64, bits: u64, look: impl FnOnce(u64) -> T) -> T {
    /// TCR_EL1: T1SZ, EPD1, IRGN1, ORGN1, SH1, TG1 (4 KiB).
    const UPPER: u64 = 0x3f << 16 | 1 << 23 | 0b11 << 24 | 0b11 << 26 | 0b11 << 28 | 0b11 << 30;
    const WALKED: u64 = 0b01 << 24 | 0b01 << 26 | 0b11 << 28 | 0b10 << 30;
    let before = TCR_EL1.get();
    TTBR1_EL1.set(root);
    set_tcr(before & !UPPER | WALKED | (64 - bits) << 16);
    let seen = look(u64::MAX << bits);
    set_tcr(before);
    seen
}

/// Writes TCR_EL1, of which the lower half is as it was.
fn set_tcr(value: u64) {
    TCR_EL1.set(value);
    // SAFETY: forgetting translations is always allowed.
    unsafe { asm!("isb", "tlbi vmalle1", "dsb nsh", "isb", options(nostack)) };
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x0, x1, x2, x3] = self.registers;
        match self.fault {
            Some(fault) => write!(f, "{fault}"),
            None => write!(f, "no exception, x0 {x0:#x}, x1 {x1:#x}, x2 {x2:#x}, x3 {x3:#x}"),
        }
    }
}

/// Does `something` while interrupts of group 0 could come to this CPU.
pub(crate) fn with_fast_interrupts(something: impl FnOnce()) {
    // SAFETY: none can be taken that the vectors would not report.
    unsafe { asm!("msr daifclr, #1", options(nostack)) };
    something();
    // SAFETY: as before.
    unsafe { asm!("msr daifset, #1", options(nostack)) };
}

/// Has exceptions taken where this life's own map forbids execution, and takes one: from then on the CPU
/// meets with exceptions for ever, without leaving EL1.
pub(crate) fn lose_vectors() {
    VBAR_EL1.set(0);
    // SAFETY: nothing of this life is needed any more.
    unsafe { asm!("isb", "udf #0", options(nostack)) };
}

/// The same without translation: nothing of stage 1 stands between the CPU and what is not there.
pub(crate) fn lose_memory() {
    VBAR_EL1.set(0);
    SCTLR_EL1.modify(SCTLR_EL1::M::Disable);
    // SAFETY: as above.
    unsafe { asm!("isb", "udf #0", options(nostack)) };
}

/// Has translations begin where nothing is.
pub(crate) fn lose_tables() {
    TTBR0_EL1.set(0);
    // SAFETY: as above.
    unsafe { asm!("isb", "tlbi vmalle1", "dsb nsh", "isb", options(nostack)) };
}
