//! Instructions about caches, translations and levels, of which some are not EL1's.
//!
//! Arm ARM C5.3 to C5.5 (SYS), D19.2 (debug state). x0 is an address of the intruder's own, or a set and way.

use super::instructions;

/// What becomes of an instruction at EL1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It does what it does, to this partition.
    Done,
    /// It belongs to another level or state.
    Undefined,
}

instructions! { SYSTEM_INSTRUCTIONS: Fate = intruder_system_instructions, [
    "ic iallu" => Fate::Done,
    "ic ialluis" => Fate::Done,
    "ic ivau, x0" => Fate::Done,
    "dc ivac, x0" => Fate::Done,
    "dc cvac, x0" => Fate::Done,
    "dc cvau, x0" => Fate::Done,
    "dc civac, x0" => Fate::Done,
    "tlbi vmalle1" => Fate::Done,
    "tlbi vmalle1is" => Fate::Done,
    "tlbi vae1, x0" => Fate::Done,
    "tlbi vae1is, x0" => Fate::Done,
    "tlbi aside1, x0" => Fate::Done,
    "tlbi aside1is, x0" => Fate::Done,
    "tlbi vaae1, x0" => Fate::Done,
    "tlbi vaae1is, x0" => Fate::Done,
    "tlbi vale1, x0" => Fate::Done,
    "tlbi vale1is, x0" => Fate::Done,
    "tlbi vaale1, x0" => Fate::Done,
    "tlbi vaale1is, x0" => Fate::Done,
    "at s1e1r, x0" => Fate::Done,
    "at s1e1w, x0" => Fate::Done,
    "at s1e0r, x0" => Fate::Done,
    "at s1e0w, x0" => Fate::Done,
    "tlbi alle1" => Fate::Undefined,
    "tlbi alle1is" => Fate::Undefined,
    "tlbi vmalls12e1" => Fate::Undefined,
    "tlbi vmalls12e1is" => Fate::Undefined,
    "tlbi ipas2e1, x0" => Fate::Undefined,
    "tlbi ipas2e1is, x0" => Fate::Undefined,
    "tlbi ipas2le1, x0" => Fate::Undefined,
    "tlbi ipas2le1is, x0" => Fate::Undefined,
    "tlbi alle2" => Fate::Undefined,
    "tlbi alle2is" => Fate::Undefined,
    "tlbi vae2, x0" => Fate::Undefined,
    "tlbi vae2is, x0" => Fate::Undefined,
    "tlbi vale2, x0" => Fate::Undefined,
    "tlbi vale2is, x0" => Fate::Undefined,
    "tlbi alle3" => Fate::Undefined,
    "tlbi alle3is" => Fate::Undefined,
    "tlbi vae3, x0" => Fate::Undefined,
    "tlbi vale3, x0" => Fate::Undefined,
    "at s1e2r, x0" => Fate::Undefined,
    "at s1e2w, x0" => Fate::Undefined,
    "at s12e1r, x0" => Fate::Undefined,
    "at s12e1w, x0" => Fate::Undefined,
    "at s12e0r, x0" => Fate::Undefined,
    "at s12e0w, x0" => Fate::Undefined,
    "at s1e3r, x0" => Fate::Undefined,
    "at s1e3w, x0" => Fate::Undefined,
    "dcps1" => Fate::Undefined,
    "dcps2" => Fate::Undefined,
    "dcps3" => Fate::Undefined,
    "drps" => Fate::Undefined,
    "hlt #0" => Fate::Undefined,
    "udf #0" => Fate::Undefined,
    "sys #0, c11, c0, #0, x0" => Fate::Undefined,
    "sys #0, c15, c15, #7, x0" => Fate::Undefined,
    "sys #7, c15, c15, #7, x0" => Fate::Undefined,
    "sysl x1, #0, c11, c0, #0" => Fate::Undefined,
    "sysl x1, #7, c15, c15, #7" => Fate::Undefined,
] }

instructions! { SET_AND_WAY: Fate = intruder_set_and_way, [
    "dc isw, x0" => Fate::Done,
    "dc csw, x0" => Fate::Done,
    "dc cisw, x0" => Fate::Done,
] }
