//! Traces of a life: a pattern in memory, in registers, in the state of interrupts.
//!
//! What a guest begins with is the state of a CPU that was reset, as far as it has a value there, and zeroed memory
//! beside its image (docs/architecture.md).

use crate::attack::traces::{self, READ_VECTOR, WRITE_VECTOR};
use crate::attack::{Slots, enable_vectors};
use crate::encoding::Encoding;
use crate::frames::own::own_spis;
use crate::interface::{Interface, Register};
use crate::plain::Plain;
use core::fmt;
use guest_rt::{Machine, Span, gic};

/// The pattern.
const PATTERN: u64 = 0x6f9a_2d1b_c35e_8704;
/// How far from the beginning of RAM the pattern is, beyond the image, and how much of it there is.
const OFFSET: u64 = 0x20_0000;
const SIZE: u64 = 0x20_0000;

/// Registers that keep what is written and begin as zero: TPIDR_EL0, TPIDRRO_EL0, CONTEXTIDR_EL1, SP_EL0, AMAIR_EL1,
/// TTBR1_EL1, PAR_EL1, AFSR0_EL1, CNTKCTL_EL1, CNTP_CVAL_EL0, DBGBVR0_EL1, DBGWVR0_EL1, CSSELR_EL1.
const REGISTERS: [Encoding; 13] = [
    Encoding::new(3, 3, 13, 0, 2),
    Encoding::new(3, 3, 13, 0, 3),
    Encoding::new(3, 0, 13, 0, 1),
    Encoding::new(3, 0, 4, 1, 0),
    Encoding::new(3, 0, 10, 3, 0),
    Encoding::new(3, 0, 2, 0, 1),
    Encoding::new(3, 0, 7, 4, 0),
    Encoding::new(3, 0, 5, 1, 0),
    Encoding::new(3, 0, 14, 1, 0),
    Encoding::new(3, 3, 14, 2, 2),
    Encoding::new(2, 0, 0, 0, 4),
    Encoding::new(2, 0, 0, 0, 6),
    Encoding::new(3, 2, 0, 0, 0),
];
/// Registers of the GIC's CPU interface, with what they begin with in the bits that matter; how an interrupt
/// ends is among these of the control register, which has others that say what there is.
const INTERFACE: [(Register, u64, u64); 4] = [
    (Register::Mask, 0xff, 0),
    (Register::Running, 0xff, 0xff),
    (Register::Active, u64::MAX, 0),
    (Register::Enable, 1, 0),
];

/// What was found of a former life.
pub(super) enum Found {
    /// A word of memory.
    Memory(u64),
    /// A system register and its value.
    Register(Encoding, u64),
    /// A register of the GIC's CPU interface, and its value.
    Interface(Register, u64),
    /// A vector register.
    Vector(&'static str, u64),
    /// The word of one of the GIC's frames, and its value.
    Interrupts(u64, u64),
}

/// Leaves traces in memory and registers; interrupts are the condition's.
pub(super) fn leave(machine: &Machine) {
    traces::fill(place(machine), PATTERN);
    for register in REGISTERS {
        Slots::the().run_one(register.write(), [PATTERN, 0, 0, 0]);
    }
    enable_vectors();
    for instruction in WRITE_VECTOR {
        instruction.run([0, PATTERN, 0, 0]);
    }
}

/// Looks for them.
pub(super) fn look(plain: &Plain, machine: &Machine) -> Option<Found> {
    let memory = || traces::find(place(machine)).map(Found::Memory);
    let read = |register: Encoding| Slots::the().run_one(register.read(), [0; 4]).registers[0];
    let registers = || {
        let strange = REGISTERS.into_iter().find(|register| read(*register) != 0);
        strange.map(|register| Found::Register(register, read(register)))
    };
    let interface = || {
        let interface = Interface::of(machine);
        let read = |register| interface.read(register).unwrap_or(u64::MAX);
        let control = (Register::Control, interface.drop_mode(), 0);
        let all = INTERFACE.into_iter().chain([control]);
        let strange = all.into_iter().find(|(register, mask, value)| read(*register) & mask != *value);
        strange.map(|(register, ..)| Found::Interface(register, read(register)))
    };
    let vectors = || {
        enable_vectors();
        let value = |text| {
            READ_VECTOR.iter().find(|read| read.text == text).map_or(0, |read| read.run([0; 4]).registers[1])
        };
        let strange = READ_VECTOR.iter().find(|read| value(read.text) != 0);
        strange.map(|read| Found::Vector(read.text, value(read.text)))
    };
    let interrupts = || {
        let mut words = idle(machine);
        let strange = words.find(|(mask, address)| plain.word(*address) & mask != 0);
        strange.map(|(_, address)| Found::Interrupts(address, plain.word(address)))
    };
    memory().or_else(registers).or_else(interface).or_else(vectors).or_else(interrupts)
}

/// Words of the GIC in which nothing is enabled, pending or active, with the bits that say so.
fn idle(machine: &Machine) -> impl Iterator<Item = (u64, u64)> {
    const STATES: [u64; 3] = [0x100, 0x200, 0x300];
    /// Whether SGIs of a GICv2 can be disabled is its own choice (GICv2 §4.3.5).
    const PPIS: u64 = 0xffff_0000;
    let enables = if machine.has_gicv2() { PPIS } else { 0xffff_ffff };
    let masks = [enables, 0xffff_ffff, 0xffff_ffff];
    // Of a GICv2 a CPU sees its own only.
    let frames = if machine.has_gicv2() { 1 } else { machine.cpus().len() as u64 };
    let bank = gic::own_bank(machine);
    let banks = (0..frames).map(move |frame| bank + frame * 0x2_0000);
    let private = banks.flat_map(move |bank| [0, 1, 2].map(|state| (masks[state], bank + STATES[state])));
    let distributor = machine.distributor.base;
    let shared = own_spis(machine)
        .flat_map(move |spi| STATES.map(|state| (1 << (spi % 32), distributor + state + spi / 32 * 4)));
    private.chain(shared)
}

fn place(machine: &Machine) -> Span {
    let base = machine.memory().first().map_or(0, |ram| ram.base);
    Span { base: base + OFFSET, size: SIZE }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(address) => write!(f, "memory at {address:#x}"),
            Self::Register(register, value) => write!(f, "{register} = {value:#x}"),
            Self::Interface(register, value) => write!(f, "{register} = {value:#x}"),
            Self::Vector(text, value) => write!(f, "`{text}` = {value:#x}"),
            Self::Interrupts(address, value) => write!(f, "interrupts at {address:#x}: {value:#x}"),
        }
    }
}
