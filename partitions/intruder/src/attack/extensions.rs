//! Instructions of extensions that a CPU may have.
//!
//! x0 is an address of the intruder's own, aligned to 64 bytes, or a value that does not matter.

use super::instructions;
use crate::features::{FLAGM, Feature, PAUTH, RNG, SVE, WFXT};

/// When an extension's instruction exists at EL1.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extension {
    /// If the ID registers show one of these.
    Shown(&'static [Feature]),
    /// Never: no guest is shown it, and EL2 has a trap for it.
    Hidden,
    /// No guest is shown it, but EL2 has no trap for it: it may work, to the CPU's own effect.
    Open,
    /// Always: where the extension is not there it does nothing.
    Hint,
}

instructions! { EXTENSIONS: Extension = intruder_extensions, [
    "cntb x0" => Extension::Shown(&[SVE]),
    "ptrue p0.b" => Extension::Shown(&[SVE]),
    "rdvl x0, #1" => Extension::Shown(&[SVE]),
    "rdsvl x0, #1" => Extension::Hidden,
    "smstart sm" => Extension::Hidden,
    "zero {za}" => Extension::Hidden,
    "pacia x0, x1" => Extension::Shown(PAUTH),
    "pacga x0, x1, x2" => Extension::Shown(PAUTH),
    "xpaci x0" => Extension::Shown(PAUTH),
    "paciasp" => Extension::Hint,
    "autiasp" => Extension::Hint,
    "bti c" => Extension::Hint,
    "esb" => Extension::Hint,
    "psb csync" => Extension::Hint,
    "tsb csync" => Extension::Hint,
    "csdb" => Extension::Hint,
    "irg x0, x0" => Extension::Open,
    "gmi x0, x0, x1" => Extension::Open,
    "stg x0, [x0]" => Extension::Open,
    "ldg x1, [x0]" => Extension::Open,
    "ldgm x1, [x0]" => Extension::Open,
    "stzgm x1, [x0]" => Extension::Open,
    "ld64b x2, [x0]" => Extension::Hidden,
    "st64b x2, [x0]" => Extension::Hidden,
    "st64bv x1, x2, [x0]" => Extension::Hidden,
    "cpyfp [x0]!, [x1]!, x2!" => Extension::Hidden,
    "setp [x0]!, x1!, x2" => Extension::Hidden,
    "wfet x3" => Extension::Shown(&[WFXT]),
    "wfit x3" => Extension::Shown(&[WFXT]),
    "rmif x0, #0, #0" => Extension::Shown(&[FLAGM]),
    "mrs x0, s3_3_c2_c4_0" => Extension::Shown(&[RNG]),
] }
