//! A load or store of the guest, as the syndrome describes it.
//!
//! Arm ARM, ESR_ELx, ISS encoding for a data abort: valid only with ISV = 1. A trapped access without a
//! valid syndrome (load pairs, writeback, exclusives) is answered by an abort, as on a bus that does not
//! take it.

use crate::bits::{bit, field};
use crate::registers::Registers;

/// Bytes of one access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// 1 byte.
    Byte,
    /// 2 bytes.
    Half,
    /// 4 bytes.
    Word,
    /// 8 bytes.
    Double,
}

/// A decoded access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mmio {
    /// Size of the access.
    pub width: Width,
    /// The value stored, cut to the width; `None` for a load.
    pub store: Option<u64>,
    register: u8,
    sign_extend: bool,
    wide: bool,
}

impl Width {
    /// The width of `2^log2` bytes, from the two bits of ESR's SAS.
    const fn from_log2(log2: u64) -> Self {
        match log2 {
            0 => Self::Byte,
            1 => Self::Half,
            2 => Self::Word,
            _ => Self::Double,
        }
    }

    /// Its size.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
            Self::Word => 4,
            Self::Double => 8,
        }
    }

    /// All the bits that an access of this width moves.
    pub const fn mask(self) -> u64 {
        match self {
            Self::Byte => 0xff,
            Self::Half => 0xffff,
            Self::Word => 0xffff_ffff,
            Self::Double => u64::MAX,
        }
    }
}

impl Mmio {
    /// What `esr` says of a data abort; `None` if it says nothing (ISV = 0).
    pub fn decode(esr: u64, registers: &Registers) -> Option<Self> {
        if !bit(esr, 24) {
            return None;
        }
        let width = Width::from_log2(field(esr, 23, 22));
        let register = u8::try_from(field(esr, 20, 16)).unwrap_or(31);
        let store = bit(esr, 6).then(|| registers.read(register) & width.mask());
        Some(Self { width, store, register, sign_extend: bit(esr, 21), wide: bit(esr, 15) })
    }

    /// Ends a load: `value` goes into the guest's register as the instruction asked for it.
    pub fn load(&self, registers: &mut Registers, value: u64) {
        let value = value & self.width.mask();
        let extended = if self.sign_extend { sign_extend(value, self.width) } else { value };
        registers.write(self.register, if self.wide { extended } else { extended & 0xffff_ffff });
    }
}

fn sign_extend(value: u64, width: Width) -> u64 {
    let sign = (width.mask() >> 1).wrapping_add(1);
    (value ^ sign).wrapping_sub(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISV: u64 = 1 << 24;

    #[test]
    fn an_access_without_syndrome_is_not_guessed_at() {
        assert_eq!(Mmio::decode(0, &Registers::default()), None);
    }

    #[test]
    fn a_store_is_cut_to_its_width() {
        let mut registers = Registers::default();
        registers.x[3] = 0x1234_5678;
        let store = Mmio::decode(ISV | 1 << 22 | 3 << 16 | 1 << 6, &registers).unwrap();
        assert_eq!((store.width, store.store), (Width::Half, Some(0x5678)));
    }

    #[test]
    fn a_load_extends_as_the_instruction_says() {
        let mut registers = Registers::new([u64::MAX; 31], 0, 0);
        let signed_byte_to_w5 = Mmio::decode(ISV | 1 << 21 | 5 << 16, &registers).unwrap();
        signed_byte_to_w5.load(&mut registers, 0x80);
        assert_eq!(registers.x[5], 0xffff_ff80);
        let signed_byte_to_x5 = Mmio::decode(ISV | 1 << 21 | 5 << 16 | 1 << 15, &registers).unwrap();
        signed_byte_to_x5.load(&mut registers, 0x80);
        assert_eq!(registers.x[5], 0xffff_ffff_ffff_ff80);
        let word = Mmio::decode(ISV | 2 << 22 | 5 << 16, &registers).unwrap();
        word.load(&mut registers, u64::MAX);
        assert_eq!(registers.x[5], 0xffff_ffff);
    }
}
