//! Marks: instructions without effect by which code says where it is.
//!
//! A mark is `MOVZ XZR, #number`, which no compiler emits. It costs one instruction wherever it runs, with
//! and without a hypervisor below it, and with and without somebody who counts.

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// From here on, this window is open.
    Begin(u16),
    /// Up to here it was.
    End(u16),
    /// Here, this phase of the hypervisor's boot begins.
    Phase(u16),
}

const MOVZ_XZR: u32 = 0xd280_001f;
const NUMBER: u32 = 0xffff << 5;

const BEGIN: u32 = 0x1;
const END: u32 = 0x2;
const PHASE: u32 = 0x3;

impl Mark {
    /// The mark that this instruction is.
    pub const fn decode(instruction: u32) -> Option<Self> {
        if instruction & !NUMBER != MOVZ_XZR {
            return None;
        }
        let number = instruction >> 5;
        let [low, high, ..] = number.to_le_bytes();
        let which = u16::from_le_bytes([low, high & 0xf]);
        match number >> 12 & 0xf {
            BEGIN => Some(Self::Begin(which)),
            END => Some(Self::End(which)),
            PHASE => Some(Self::Phase(which)),
            _ => None,
        }
    }

    /// The instruction that is this mark.
    pub const fn encode(self) -> u32 {
        let (what, which) = match self {
            Self::Begin(which) => (BEGIN, which),
            Self::End(which) => (END, which),
            Self::Phase(which) => (PHASE, which),
        };
        MOVZ_XZR | (what << 12 | which as u32 & 0xfff) << 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn movz_xzr(number: u32) -> u32 {
        0xd280_001f | number << 5
    }

    #[test]
    fn a_mark_says_what_and_which() {
        assert_eq!(Mark::decode(movz_xzr(0x1001)), Some(Mark::Begin(1)));
        assert_eq!(Mark::decode(movz_xzr(0x2fff)), Some(Mark::End(0xfff)));
        assert_eq!(Mark::decode(movz_xzr(0x3123)), Some(Mark::Phase(0x123)));
    }

    #[test]
    fn a_mark_survives_being_an_instruction() {
        for mark in [Mark::Begin(0), Mark::End(0xfff), Mark::Phase(0x123)] {
            assert_eq!(Mark::decode(mark.encode()), Some(mark));
        }
    }

    #[test]
    fn any_other_instruction_is_none() {
        let other_number = movz_xzr(0x4001);
        let other_register = movz_xzr(0x1001) - 1;
        let other_half = movz_xzr(0x1001) | 1 << 21;
        let hint = 0xd503_201f;
        for instruction in [0, other_number, other_register, other_half, hint] {
            assert_eq!(Mark::decode(instruction), None, "{instruction:#x}");
        }
    }
}
