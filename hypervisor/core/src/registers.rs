//! The registers of a vCPU that EL2 sees while the guest does not run.
//!
//! The layout is that of the frame which `vectors.S` saves and restores: assembly takes its offsets from
//! here with `offset_of!`.

use crate::bits::bit;

/// General-purpose registers, program counter and processor state of a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Registers {
    /// x0 to x30, and the zero register, which stays zero: so every number of an instruction is in reach.
    pub x: [u64; 32],
    /// Where the guest goes on: ELR_EL2.
    pub pc: u64,
    /// Its processor state: SPSR_EL2.
    pub pstate: u64,
    /// OSLSR_EL1.OSLK, as it finds it: the OS lock itself stays off (decision 0015).
    pub os_lock: u64,
}

impl Registers {
    /// These values.
    pub const fn new(x: [u64; 31], pc: u64, pstate: u64) -> Self {
        let mut registers = Self { x: [0; 32], pc, pstate, os_lock: 0 };
        if let Some((_, all_but_zero)) = registers.x.split_last_mut() {
            all_but_zero.copy_from_slice(&x);
        }
        registers
    }

    /// What an instruction with register number `number` reads: 31 is the zero register.
    #[inline]
    pub fn read(&self, number: u8) -> u64 {
        self.x.get(usize::from(number & ZERO)).copied().unwrap_or(0)
    }

    /// What an instruction with register number `number` writes: 31 is the zero register.
    #[inline]
    pub fn write(&mut self, number: u8, value: u64) {
        if let Some(register) = self.x.get_mut(usize::from(number & ZERO)).filter(|_| number & ZERO != ZERO) {
            *register = value;
        }
    }

    /// Steps over the trapped instruction, which is 4 bytes long in AArch64, as if it had been executed:
    /// single step has advanced, and what comes next is no branch target.
    pub const fn skip(&mut self) {
        (self.pc, self.pstate) = Self::behind(self.pc, self.pstate);
    }

    /// Program counter and processor state behind an instruction of AArch64 at `pc`.
    pub const fn behind(pc: u64, pstate: u64) -> (u64, u64) {
        (pc.wrapping_add(4), pstate & !(SS | BTYPE))
    }

    /// Steps over the instruction that `esr` is about, whatever state it was executed in.
    pub const fn skip_as(&mut self, esr: u64) {
        match bit(self.pstate, 4) {
            true => self.skip_aarch32(!bit(esr, 25)),
            false => self.skip(),
        }
    }

    /// Steps over a trapped instruction of AArch32, which in T32 may be 2 bytes long and in an IT block
    /// (Arm ARM, `ITAdvance`).
    pub const fn skip_aarch32(&mut self, is_short: bool) {
        self.pc = self.pc.wrapping_add(if is_short { 2 } else { 4 });
        let it = (self.pstate >> 10 & 0x3f) << 2 | self.pstate >> 25 & 3;
        let next = if it & 0b111 == 0 { 0 } else { it & 0xe0 | it << 1 & 0x1f };
        self.pstate &= !(SS | IT);
        self.pstate |= (next >> 2) << 10 | (next & 3) << 25;
    }
}

/// The number of the zero register, and all that a number can be.
const ZERO: u8 = 31;
/// SPSR_EL2.SS: single step.
pub const SS: u64 = 1 << 21;
/// SPSR_EL2.BTYPE: what the last instruction was, for branch target identification.
pub const BTYPE: u64 = 0b11 << 10;
/// PSTATE.IT of AArch32: bits 7 to 2, then bits 1 and 0.
const IT: u64 = 0x3f << 10 | 0b11 << 25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulated_instruction_was_executed() {
        let mut registers = Registers::new([0; 31], 8, SS | BTYPE | 0x3c5);
        registers.skip();
        assert_eq!((registers.pc, registers.pstate), (12, 0x3c5));
    }

    #[test]
    fn an_it_block_goes_on_behind_the_instruction() {
        let packed = |it: u64| (it >> 2) << 10 | (it & 3) << 25;
        // ITTE EQ: 0b0000_0110; the next of its instructions, the last one, and none.
        for (before, after) in
            [(0b0000_0110, 0b0000_1100), (0b0000_1100, 0b0001_1000), (0b0001_1000, 0), (0, 0)]
        {
            let mut registers = Registers::new([0; 31], 0, 1 << 4 | packed(before));
            registers.skip_aarch32(true);
            assert_eq!((registers.pc, registers.pstate), (2, 1 << 4 | packed(after)), "{before:#b}");
        }
    }

    #[test]
    fn the_syndrome_tells_how_long_an_instruction_of_aarch32_is() {
        for (pstate, esr, length) in [(0b0101, 0, 4), (1 << 4, 1 << 25, 4), (1 << 4, 0, 2)] {
            let mut registers = Registers::new([0; 31], 0x100, pstate);
            registers.skip_as(esr);
            assert_eq!(registers.pc, 0x100 + length, "{pstate:#x} {esr:#x}");
        }
    }

    #[test]
    fn register_31_is_the_zero_register() {
        let mut registers = Registers::new([7; 31], 0, 0);
        registers.write(31, 9);
        assert_eq!(registers.read(31), 0);
        assert_eq!(registers, Registers::new([7; 31], 0, 0));
    }
}
