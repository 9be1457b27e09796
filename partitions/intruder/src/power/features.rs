//! PSCI_FEATURES, and every number of the PSCI's range: what is said to exist does.

use super::{INVALID_PARAMETERS, NOT_SUPPORTED, call, result};
use crate::attack::Instruction;
use crate::attack::calls::Call;
use crate::random::Random;
use crate::tally::Tally;

const PSCI_VERSION: u64 = 0x8400_0000;
const PSCI_FEATURES: u64 = 0x8400_000a;
const SYSTEM_RESET2: [u64; 2] = [0x8400_0012, 0xc400_0012];
const MIGRATE_INFO_TYPE: u64 = 0x8400_0006;

/// Whether an implementation of PSCI 1.1 has a function (§5.1, table of functions).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mandatory,
    Optional,
    /// It may stop the caller, so that it is called only if it is said not to exist.
    Final,
    /// There is no such number.
    Reserved,
}

/// The functions by their number, of 32 and of 64 bits.
const fn kind(number: u64, is_wide: bool) -> Kind {
    match (number, is_wide) {
        (0 | 0xa, false) | (3 | 4, _) => Kind::Mandatory,
        (1, _) | (2 | 8 | 9, false) => Kind::Mandatory,
        (0xc | 0xe | 0x12, _) | (0xb, false) => Kind::Final,
        (5 | 7 | 0xd | 0x10 | 0x11 | 0x14, _) | (6 | 0xf | 0x13 | 0x15..=0x17, false) => Kind::Optional,
        _ => Kind::Reserved,
    }
}

/// Asks for every function, and calls those that cannot stop the caller.
pub(super) fn attack(tally: &mut Tally, conduit: &Instruction<Call>, random: &mut Random) {
    for (number, is_wide) in (0..0x20).flat_map(|number| [(number, false), (number, true)]) {
        let function = PSCI_VERSION + number + if is_wide { 1 << 30 } else { 0 };
        let asked = conduit.run([PSCI_FEATURES, function, 0, 0]);
        let says = result(PSCI_FEATURES, &asked);
        let is_right = match kind(number, is_wide) {
            Kind::Mandatory => says >= 0,
            Kind::Optional | Kind::Final => says >= 0 || says == NOT_SUPPORTED,
            Kind::Reserved => says == NOT_SUPPORTED,
        };
        let is_right = is_right && asked.fault.is_none();
        tally.judge(is_right, format_args!("`{}` PSCI_FEATURES of {function:#x}: {asked}", conduit.text));
        if says == NOT_SUPPORTED {
            call(tally, conduit, [function, random.next(), random.next(), random.next()], &[NOT_SUPPORTED]);
        }
    }
    for function in SYSTEM_RESET2 {
        // Reserved and vendor-specific types of reset, of which there are none (§5.12).
        for kind in [1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
            call(tally, conduit, [function, kind, 0, 0], &[INVALID_PARAMETERS, NOT_SUPPORTED]);
        }
    }
    call(tally, conduit, [PSCI_VERSION, 0, 0, 0], &[0x1_0001, 0x1_0002, 0x1_0003]);
    call(tally, conduit, [MIGRATE_INFO_TYPE, 0, 0, 0], &[2, NOT_SUPPORTED]);
    for function in [PSCI_FEATURES, 0x8000_0001, 0x8000_8000, 0xdead_beef, 0xffff_ffff] {
        let says: &[i64] = if function == PSCI_FEATURES { &[0] } else { &[NOT_SUPPORTED] };
        call(tally, conduit, [PSCI_FEATURES, function, u64::MAX, u64::MAX], says);
    }
}
