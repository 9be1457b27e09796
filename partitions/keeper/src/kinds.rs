//! The instructions that are tried, and what each does.
//!
//! Each is trapped where a partition is guarded, if not everywhere, and every way through the vectors of EL2 has some.
//! The first two are not: what they leave behind is what the others must, but for their operands.

use crate::interface::{self, Fill, Taking};
use crate::place::Place;
use crate::raw::instructions;
use aarch64_cpu::registers::{ID_AA64MMFR0_EL1, ID_AA64PFR0_EL1};
use bulkhead_abi::{CALL_UID, UUID};
use core::fmt;
use guest_rt::cpu;
use tock_registers::interfaces::Readable;

/// What an instruction does.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Nothing that is seen here.
    Nothing,
    /// It waits until an interrupt is pending.
    Waits,
    /// It ends in an exception of this class, with this address in its base register.
    Refused(u64, Place),
    /// A call of this function with this argument, which gives these words from x0 on.
    Call(u32, fn() -> u64, &'static [u64]),
    /// Its operand is filled with this.
    Reads(Fill),
    /// Its operand is taken for this.
    Writes(Taking),
    /// Its operand is filled with what is here, extended like that.
    Loads(Place, fn(u64) -> u64),
    /// Its operand is stored here.
    Stores(Place),
}

/// Where an instruction without effect is in the table, and one that does not exist.
pub(crate) const NOP: usize = 0;
/// See [`NOP`].
pub(crate) const UDF: usize = 1;

/// Classes of exceptions, as ESR_EL1.EC has them.
const UNKNOWN: u64 = 0x00;
const DATA_ABORT: u64 = 0x25;

/// What PSCI and SMCCC answer.
const NOT_SUPPORTED: &[u64] = &[u64::MAX];
const SUCCESS: &[u64] = &[0];
const VERSION_1_1: &[u64] = &[0x1_0001];
const IDENTITY: &[u64] = &[UUID[0] as u64, UUID[1] as u64, UUID[2] as u64, UUID[3] as u64];

/// Functions of the SMCCC (DEN 0028 §7), of PSCI 1.1 §5.1, and some that are nobody's: in PSCI's range and elsewhere.
const SMCCC_VERSION: u32 = 0x8000_0000;
const PSCI_VERSION: u32 = 0x8400_0000;
const PSCI_FEATURES: u32 = 0x8400_000a;
const AFFINITY_INFO: u32 = 0xc400_0004;
const CPU_ON: u32 = 0xc400_0003;
const NOBODYS: u32 = 0xc600_7fff;
const NOBODYS_NEAR: u32 = 0x8400_001f;

instructions!(INSTRUCTIONS: Kind = [
    "plain nop" => Kind::Nothing,
    "plain udf #0" => Kind::Refused(UNKNOWN, Place::Nowhere),

    "plain hvc #0" => Kind::Call(NOBODYS, || 0, NOT_SUPPORTED),
    "plain hvc #0" => Kind::Call(NOBODYS_NEAR, || 0, NOT_SUPPORTED),
    "plain hvc #0" => Kind::Call(PSCI_VERSION, || 0, VERSION_1_1),
    "plain hvc #0" => Kind::Call(SMCCC_VERSION, || 0, VERSION_1_1),
    "plain hvc #0" => Kind::Call(PSCI_FEATURES, || CPU_ON.into(), SUCCESS),
    "plain hvc #0" => Kind::Call(AFFINITY_INFO, cpu::affinity, SUCCESS),
    "plain hvc #0" => Kind::Call(CALL_UID, || 0, IDENTITY),
    "plain smc #0" => Kind::Call(NOBODYS, || 0, NOT_SUPPORTED),
    "plain smc #0" => Kind::Call(NOBODYS_NEAR, || 0, NOT_SUPPORTED),
    "plain smc #0" => Kind::Call(PSCI_VERSION, || 0, VERSION_1_1),
    "plain smc #0" => Kind::Call(SMCCC_VERSION, || 0, VERSION_1_1),
    "plain smc #0" => Kind::Call(PSCI_FEATURES, || CPU_ON.into(), SUCCESS),
    "plain smc #0" => Kind::Call(AFFINITY_INFO, cpu::affinity, SUCCESS),
    "plain smc #0" => Kind::Call(CALL_UID, || 0, IDENTITY),

    "writes icc_pmr_el1" => Kind::Writes(interface::MASK),
    "reads icc_pmr_el1" => Kind::Reads(interface::mask),
    "writes icc_ctlr_el1" => Kind::Writes(interface::CONTROL),
    "reads icc_ctlr_el1" => Kind::Reads(interface::control),
    "reads icc_rpr_el1" => Kind::Reads(interface::running_priority),
    "writes icc_sgi1r_el1" => Kind::Writes(interface::SGI_TO_ITSELF),
    "writes icc_sgi1r_el1" => Kind::Writes(interface::SGI_TO_NOBODY),
    "writes icc_dir_el1" => Kind::Writes(interface::DEACTIVATION),
    "writes icc_dir_el1" => Kind::Writes(interface::FOREIGN_DEACTIVATION),
    "reads icc_iar1_el1" => Kind::Reads(interface::pending),
    "reads icc_hppir1_el1" => Kind::Reads(interface::pending),
    "writes icc_eoir1_el1" => Kind::Writes(interface::END),
    "writes icc_bpr1_el1" => Kind::Writes(interface::BINARY_POINT),
    "reads icc_bpr1_el1" => Kind::Reads(interface::binary_point),
    "writes icc_igrpen1_el1" => Kind::Writes(interface::GROUP_ENABLE),
    "reads icc_igrpen1_el1" => Kind::Reads(interface::group_enable),
    "writes icc_ap1r0_el1" => Kind::Writes(interface::ACTIVE_PRIORITIES),
    "reads icc_ap1r0_el1" => Kind::Reads(interface::active_priorities),
    "plain wfi" => Kind::Waits,

    "reads id_aa64pfr0_el1" => Kind::Reads(|_, _| ID_AA64PFR0_EL1.get()),
    "reads id_aa64mmfr0_el1" => Kind::Reads(|_, _| ID_AA64MMFR0_EL1.get()),
    "reads actlr_el1" => Kind::Reads(|_, _| 0),
    "reads s3_0_c11_c0_0" => Kind::Refused(UNKNOWN, Place::Nowhere),
    "writes s3_0_c11_c0_0" => Kind::Refused(UNKNOWN, Place::Nowhere),
    "plain ic ialluis" => Kind::Nothing,

    "moves ldr, w" => Kind::Loads(Place::Enabled, word),
    "moves str, w" => Kind::Stores(Place::Enabled),
    "moves ldr, w" => Kind::Loads(Place::Pending, word),
    "moves str, w" => Kind::Stores(Place::Pending),
    "moves ldar, w" => Kind::Loads(Place::Enabled, word),
    "moves stlr, w" => Kind::Stores(Place::Enabled),
    "moves ldrsw, x" => Kind::Loads(Place::Enabled, signed_word),
    "moves ldr, w" => Kind::Loads(Place::Priorities, word),
    "moves ldrsw, x" => Kind::Loads(Place::Priorities, signed_word),
    "moves str, w" => Kind::Stores(Place::Priorities),
    "moves ldrb, w" => Kind::Loads(Place::Priority, byte),
    "moves ldrsb, w" => Kind::Loads(Place::Priority, |value| word(signed_byte(value))),
    "moves ldrsb, x" => Kind::Loads(Place::Priority, signed_byte),
    "moves strb, w" => Kind::Stores(Place::Priority),
    "moves ldr, x" => Kind::Loads(Place::Route, |value| value),
    "moves str, x" => Kind::Stores(Place::Route),
    "moves ldr, w" => Kind::Loads(Place::Control, word),
    "moves str, w" => Kind::Stores(Place::Control),
    "moves ldr, w" => Kind::Loads(Place::Type, word),
    "moves ldxr, w" => Kind::Refused(DATA_ABORT, Place::Type),
    "moves ldr, w" => Kind::Loads(Place::PrivateType, word),
    "moves ldr, x" => Kind::Loads(Place::PrivateType, |value| value),
    "moves ldr, w" => Kind::Loads(Place::Flags, word),
    "moves ldrh, w" => Kind::Loads(Place::Divisor, half),
    "moves ldrsh, w" => Kind::Loads(Place::Divisor, |value| word(signed_half(value))),
    "moves ldrsh, x" => Kind::Loads(Place::Divisor, signed_half),
    "moves strh, w" => Kind::Stores(Place::Divisor),
    "moves ldr, x" => Kind::Refused(DATA_ABORT, Place::Nowhere),
    "moves str, x" => Kind::Refused(DATA_ABORT, Place::Nowhere),
]);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(function, ..) => write!(f, "function {function:#x}"),
            Self::Refused(_, place) | Self::Loads(place, _) | Self::Stores(place) => write!(f, "{place:?}"),
            Self::Nothing | Self::Waits | Self::Reads(_) | Self::Writes(_) => f.write_str("register"),
        }
    }
}

fn byte(value: u64) -> u64 {
    value & 0xff
}

fn half(value: u64) -> u64 {
    value & 0xffff
}

fn word(value: u64) -> u64 {
    value & 0xffff_ffff
}

fn signed_byte(value: u64) -> u64 {
    signed(value, 8)
}

fn signed_half(value: u64) -> u64 {
    signed(value, 16)
}

fn signed_word(value: u64) -> u64 {
    signed(value, 32)
}

/// The lowest `bits` bits of `value`, as a signed number.
fn signed(value: u64, bits: u32) -> u64 {
    let spare = u64::BITS - bits;
    (value.cast_signed() << spare >> spare).cast_unsigned()
}
