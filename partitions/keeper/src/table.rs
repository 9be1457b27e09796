//! The instructions that are tried.
//!
//! Each is trapped where a partition is guarded, if not everywhere, and every way through the vectors of EL2 has some.
//! The first two are not: what they leave behind is what the others must, but for their operands.

use crate::interface::Port;
use crate::kinds::{Kind, On, byte, half, signed_byte, signed_half, signed_word, word};
use crate::place::Place;
use crate::raw::instructions;
use crate::taking;
use aarch64_cpu::registers::{ID_AA64MMFR0_EL1, ID_AA64PFR0_EL1};
use bulkhead_abi::{CALL_UID, UUID};
use guest_rt::cpu;
use tock_registers::interfaces::Readable;

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

instructions!(INSTRUCTIONS: [
    On::Any => [
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
        "plain wfi" => Kind::Waits,

        "reads id_aa64pfr0_el1" => Kind::Reads(|_, _| ID_AA64PFR0_EL1.get()),
        "reads id_aa64mmfr0_el1" => Kind::Reads(|_, _| ID_AA64MMFR0_EL1.get()),
        "reads actlr_el1" => Kind::Reads(|_, _| 0),
        "writes oslar_el1" => Kind::Writes(taking::OS_LOCK),
        "reads oslsr_el1" => Kind::Reads(taking::os_lock),
        "reads osdlr_el1" => Kind::Reads(|_, _| 0),
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
        "moves ldr, w" => Kind::Loads(Place::Control, word),
        "moves str, w" => Kind::Stores(Place::Control),
        "moves ldr, w" => Kind::Loads(Place::Type, word),
        "moves ldxr, w" => Kind::Refused(DATA_ABORT, Place::Type),
        "moves ldr, w" => Kind::Loads(Place::Flags, word),
        "moves ldrh, w" => Kind::Loads(Place::Divisor, half),
        "moves ldrsh, w" => Kind::Loads(Place::Divisor, |value| word(signed_half(value))),
        "moves ldrsh, x" => Kind::Loads(Place::Divisor, signed_half),
        "moves strh, w" => Kind::Stores(Place::Divisor),
        "moves ldr, x" => Kind::Refused(DATA_ABORT, Place::Nowhere),
        "moves str, x" => Kind::Refused(DATA_ABORT, Place::Nowhere),
    ],
    On::Gicv3 => [
        "writes icc_pmr_el1" => Kind::Writes(taking::MASK),
        "reads icc_pmr_el1" => Kind::Reads(taking::mask),
        "writes icc_ctlr_el1" => Kind::Writes(taking::CONTROL),
        "reads icc_ctlr_el1" => Kind::Reads(taking::control),
        "reads icc_rpr_el1" => Kind::Reads(taking::running_priority),
        "writes icc_sgi1r_el1" => Kind::Writes(taking::SGI_TO_ITSELF),
        "writes icc_sgi1r_el1" => Kind::Writes(taking::SGI_TO_NOBODY),
        "writes icc_dir_el1" => Kind::Writes(taking::DEACTIVATION),
        "writes icc_dir_el1" => Kind::Writes(taking::FOREIGN_DEACTIVATION),
        "reads icc_iar1_el1" => Kind::Reads(taking::pending),
        "reads icc_hppir1_el1" => Kind::Reads(taking::pending),
        "writes icc_eoir1_el1" => Kind::Writes(taking::END),
        "writes icc_bpr1_el1" => Kind::Writes(taking::BINARY_POINT),
        "reads icc_bpr1_el1" => Kind::Reads(taking::binary_point),
        "writes icc_igrpen1_el1" => Kind::Writes(taking::GROUP_ENABLE),
        "reads icc_igrpen1_el1" => Kind::Reads(taking::group_enable),
        "writes icc_ap1r0_el1" => Kind::Writes(taking::ACTIVE_PRIORITIES),
        "reads icc_ap1r0_el1" => Kind::Reads(taking::active_priorities),

        "moves ldr, x" => Kind::Loads(Place::Route, |value| value),
        "moves str, x" => Kind::Stores(Place::Route),
        "moves ldr, w" => Kind::Loads(Place::PrivateType, word),
        "moves ldr, x" => Kind::Loads(Place::PrivateType, |value| value),
    ],
    On::Gicv2 => [
        "moves str, w" => Kind::WritesAt(Place::Interface(Port::Mask), taking::MASK),
        "moves ldr, w" => Kind::ReadsAt(Place::Interface(Port::Mask), taking::mask),
        "moves str, w" => Kind::WritesAt(Place::Interface(Port::Control), taking::CONTROL),
        "moves str, w" => Kind::WritesAt(Place::Interface(Port::Control), taking::FIQS),
        "moves ldr, w" => Kind::ReadsAt(Place::Interface(Port::Control), taking::control),
        "moves ldr, w" => Kind::ReadsAt(Place::Interface(Port::RunningPriority), taking::running_priority),
        "moves str, w" => Kind::WritesAt(Place::Signal, taking::SGI_TO_ITSELF),
        "moves stlr, w" => Kind::WritesAt(Place::Signal, taking::SGI_TO_ITSELF),
        "moves str, w" => Kind::WritesAt(Place::Signal, taking::SGI_TO_NOBODY),
        "moves str, w" => Kind::WritesAt(Place::Interface(Port::Deactivate), taking::DEACTIVATION),
        "moves str, w" => Kind::WritesAt(Place::Interface(Port::Deactivate), taking::FOREIGN_DEACTIVATION),
        "moves ldr, w" => Kind::ReadsAt(Place::Interface(Port::Acknowledge), taking::pending),
        "moves ldar, w" => Kind::ReadsAt(Place::Interface(Port::Acknowledge), taking::pending),
        "moves ldrsw, x" => Kind::ReadsAt(Place::Interface(Port::Acknowledge), taking::pending),
        "moves ldr, w" => Kind::ReadsAt(Place::Interface(Port::HighestPending), taking::pending_by_first),
        "moves str, w" => Kind::WritesAt(Place::Interface(Port::End), taking::END),
        "moves stlr, w" => Kind::WritesAt(Place::Interface(Port::End), taking::END),
        "moves str, w" => Kind::WritesAt(Place::Interface(Port::BinaryPoint), taking::BINARY_POINT),
        "moves ldr, w" => Kind::ReadsAt(Place::Interface(Port::BinaryPoint), taking::binary_point),
        "moves str, w" => Kind::WritesAt(Place::Interface(Port::ActivePriorities), taking::ACTIVE_PRIORITIES),
        "moves ldr, w" => Kind::ReadsAt(Place::Interface(Port::ActivePriorities), taking::active_priorities),

        "moves ldr, w" => Kind::Loads(Place::OwnEnabled, word),
        "moves ldrsw, x" => Kind::Loads(Place::OwnEnabled, signed_word),
        "moves str, w" => Kind::Stores(Place::OwnEnabled),
        "moves ldr, w" => Kind::Loads(Place::OwnPending, word),
        "moves str, w" => Kind::Stores(Place::OwnPending),
        "moves ldr, w" => Kind::Loads(Place::OwnPriorities, word),
        "moves str, w" => Kind::Stores(Place::OwnPriorities),
        "moves ldr, w" => Kind::Loads(Place::OwnTargets, word),
        "moves ldr, w" => Kind::Loads(Place::Targets, word),
        "moves str, w" => Kind::Stores(Place::Targets),
        "moves ldrb, w" => Kind::Loads(Place::Target, byte),
        "moves strb, w" => Kind::Stores(Place::Target),
        "moves ldr, w" => Kind::Loads(Place::Senders, word),
        "moves str, w" => Kind::Stores(Place::Senders),
        "moves ldrb, w" => Kind::Loads(Place::Sender, byte),
        "moves strb, w" => Kind::Stores(Place::Sender),
    ],
]);
