//! Extensions of the architecture, by their instructions.
//!
//! What the ID registers do not show is UNDEFINED (Arm ARM D1.2). SVE and SME trap by CPTR_EL2; copies and stores of
//! memory need HCRX_EL2. For memory tags there is no trap, only HCR_EL2.ATA, which takes their effect away.

use crate::attack::Slots;
use crate::attack::extensions::{EXTENSIONS, Extension};
use crate::encoding::Encoding;
use crate::outcome::Expected;
use crate::random::Random;
use crate::tally::Tally;
use crate::target::Targets;
use guest_rt::Machine;

/// An own block that may be written.
#[repr(align(64))]
struct Block([core::sync::atomic::AtomicU64; 8]);

static BLOCK: Block = Block([const { core::sync::atomic::AtomicU64::new(0) }; 8]);

/// Makes scalable vectors as long as they can be, and their first predicate all ones; on a CPU that has them.
pub(crate) fn lengthen_vectors() {
    const ZCR_EL1: Encoding = Encoding::new(3, 0, 1, 2, 0);
    const LEN: u64 = 0xf;
    Slots::the().run_one(ZCR_EL1.write(), [LEN, 0, 0, 0]);
    for instruction in EXTENSIONS.iter().filter(|instruction| instruction.text == "ptrue p0.b") {
        instruction.run([0; 4]);
    }
}

/// Tries each of them.
pub(crate) fn attack(_: &'static Machine, _: &Targets, _: &mut Random) -> Tally {
    let mut tally = Tally::new("extensions");
    let own = BLOCK.0.as_ptr().addr() as u64;
    for instruction in EXTENSIONS {
        let left = instruction.run([own, own, 0, 0]);
        let expected = match instruction.kind {
            Extension::Hint => Expected::Done,
            Extension::Shown(features) if features.iter().any(|feature| feature.is_shown()) => Expected::Done,
            Extension::Shown(_) | Extension::Hidden => Expected::Undefined,
            Extension::Open => Expected::Any(&[Expected::Done, Expected::Undefined]),
        };
        let is_right = expected.admits(&left, 0, None);
        tally.judge(is_right, format_args!("`{}`: {left}, expected {expected}", instruction.text));
    }
    tally
}
