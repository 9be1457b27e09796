//! Function calls by SMC and HVC: every range of numbers that the convention has.
//!
//! SMC Calling Convention (DEN 0028): bit 31 fast, bit 30 of 64 bits, bits 29 to 24 the owning entity, bits 23
//! to 17 zero, bit 16 the SVE hint, below them the function. What does not exist returns NOT_SUPPORTED, in w0
//! or sign-extended in x0. Nothing reaches the firmware, so all that exists is what is listed here, the calls of
//! Bulkhead's own among it: the intruder controls nobody, so there is nobody whom it can name by them.

use crate::attack::calls::{CALLS, Call};
use crate::attack::{Instruction, Left};
use crate::random::Random;
use crate::tally::Tally;
use crate::target::Targets;
use bulkhead_abi as abi;
use guest_rt::Machine;

/// Attacks by calls.
pub(crate) fn attack(_: &'static Machine, _: &Targets, random: &mut Random) -> Tally {
    let mut tally = Tally::new("SMC and HVC");
    for conduit in CALLS {
        for function in functions() {
            one(&mut tally, conduit, function, random);
        }
        for argument in FEATURES {
            let left = conduit.run([ARCH_FEATURES, argument, 0, 0]);
            let is_right = answer(conduit, ARCH_FEATURES).admits_feature(&left);
            tally.judge(
                is_right,
                format_args!("`{}` SMCCC_ARCH_FEATURES of {argument:#x}: {left}", conduit.text),
            );
        }
        for _ in 0..RANDOM_CALLS {
            again(&mut tally, conduit, random.next() & 0xffff_ffff, random);
        }
    }
    tally
}

/// Calls with random numbers, by each instruction.
const RANDOM_CALLS: u32 = 500;
/// The functions of a range that are tried: its first, what it says of itself, its ends.
const IN_RANGE: [u64; 10] = [0, 1, 2, 0x1f, 0x20, 0x50, 0xff00, 0xff01, 0xff03, 0xffff];
/// Bits that must be zero, and the hint that the caller has no SVE state (DEN 0028 §2.5).
const MODIFIERS: [u64; 4] = [0, 1 << 16, 1 << 17, 1 << 23];
/// SMCCC_VERSION, SMCCC_ARCH_FEATURES and the first call of the PSCI.
const VERSION: u64 = 0x8000_0000;
const ARCH_FEATURES: u64 = 0x8000_0001;
const PSCI_VERSION: u64 = 0x8400_0000;
/// What is asked about: SOC_ID, the four workarounds, what is reserved.
const FEATURES: [u64; 8] =
    [0x8000_0000, 0x8000_0002, 0x8000_8000, 0x8000_7fff, 0x8000_3fff, 0x8000_0003, 0xc000_0002, 0xffff_ffff];

/// The calls of Bulkhead's own.
const CALL_UID: u64 = abi::CALL_UID as u64;
const CALL_REVISION: u64 = abi::CALL_REVISION as u64;
const FIRST_ORDER: u64 = abi::PARTITION_NAME as u64;
const LAST_ORDER: u64 = abi::PARTITION_RESTART as u64;

/// NOT_SUPPORTED.
const NOT_SUPPORTED: i64 = -1;

/// What a call answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// NOT_SUPPORTED.
    Nothing,
    /// There is such a function, and no partition for it: INVALID_PARAMETERS.
    Nobody,
    /// These words.
    Words(&'static [u32]),
    /// SMCCC 1.1 or later, and below 2.
    Version,
    /// It has its own family of attacks, or does something.
    Elsewhere,
    /// Not a call of the convention: whatever it is, it comes back.
    Anything,
}

/// A number for every range, each entity fast and yielding, of 32 and 64 bits.
fn functions() -> impl Iterator<Item = u64> {
    let ranges = (0..0x100_u64).map(|top| top << 24);
    ranges.flat_map(|range| {
        MODIFIERS
            .into_iter()
            .flat_map(move |modifier| IN_RANGE.map(move |function| range | modifier | function))
    })
}

fn one(tally: &mut Tally, conduit: &Instruction<Call>, function: u64, random: &mut Random) {
    let answer = answer(conduit, function);
    if answer == Answer::Elsewhere {
        return;
    }
    let left = conduit.run([function, random.next(), random.next(), random.next()]);
    let is_right = answer.admits(function, &left);
    tally.judge(is_right, format_args!("`{}` {function:#x}: {left}", conduit.text));
}

fn again(tally: &mut Tally, conduit: &Instruction<Call>, function: u64, random: &mut Random) {
    let answer = answer(conduit, function);
    if answer != Answer::Elsewhere {
        let left = conduit.run([function, random.next(), random.next(), random.next()]);
        tally.again(answer.admits(function, &left), format_args!("`{}` {function:#x}: {left}", conduit.text));
    }
}

fn answer(conduit: &Instruction<Call>, function: u64) -> Answer {
    /// The PSCI's numbers, of 32 and of 64 bits (PSCI 1.1 §5.1).
    const PSCI: core::ops::Range<u64> = PSCI_VERSION..PSCI_VERSION + 0x20;
    match function {
        _ if PSCI.contains(&(function & !(1 << 30))) => Answer::Elsewhere,
        _ if conduit.kind == Call::Other => Answer::Anything,
        CALL_UID => Answer::Words(&abi::UUID),
        CALL_REVISION => Answer::Words(&abi::REVISION),
        FIRST_ORDER..=LAST_ORDER => Answer::Nobody,
        VERSION => Answer::Version,
        ARCH_FEATURES => Answer::Elsewhere,
        _ => Answer::Nothing,
    }
}

impl Answer {
    /// Whether `left` is such an answer to a call of `function`.
    fn admits(self, function: u64, left: &Left) -> bool {
        let value = result(function, left);
        left.fault.is_none()
            && match self {
                Self::Nothing => value == NOT_SUPPORTED,
                Self::Nobody => value == abi::INVALID_PARAMETERS,
                Self::Words(words) => {
                    left.registers.iter().zip(words).all(|(x, word)| *x == u64::from(*word))
                }
                Self::Version => (0x1_0001..0x2_0000).contains(&value),
                Self::Elsewhere => false,
                Self::Anything => true,
            }
    }

    /// Whether `left` is an answer to SMCCC_ARCH_FEATURES: there or not, and for a workaround also that none is
    /// needed (DEN 0028 §7.3).
    fn admits_feature(self, left: &Left) -> bool {
        left.fault.is_none() && (self == Self::Anything || (-1..=1).contains(&result(ARCH_FEATURES, left)))
    }
}

/// The result, as wide as the call.
fn result(function: u64, left: &Left) -> i64 {
    const WIDE: u64 = 1 << 30;
    let [x0, ..] = left.registers;
    if function & WIDE != 0 { x0.cast_signed() } else { i64::from(low_word(x0).cast_signed()) }
}

fn low_word(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(0)
}
