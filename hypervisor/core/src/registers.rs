//! The registers of a vCPU that EL2 sees while the guest does not run.
//!
//! The layout is that of the frame which `vectors.S` saves and restores: assembly takes its offsets from
//! here with `offset_of!`.

/// General-purpose registers, program counter and processor state of a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Registers {
    /// x0 to x30.
    pub x: [u64; 31],
    /// Where the guest goes on: ELR_EL2.
    pub pc: u64,
    /// Its processor state: SPSR_EL2.
    pub pstate: u64,
}

impl Registers {
    /// What an instruction with register number `number` reads: 31 is the zero register.
    pub fn read(&self, number: u8) -> u64 {
        self.x.get(usize::from(number)).copied().unwrap_or(0)
    }

    /// What an instruction with register number `number` writes: 31 is the zero register.
    pub fn write(&mut self, number: u8, value: u64) {
        if let Some(register) = self.x.get_mut(usize::from(number)) {
            *register = value;
        }
    }

    /// Steps over the trapped instruction, which is 4 bytes long in AArch64, as if it had been executed:
    /// single step has advanced, and what comes next is no branch target.
    pub fn skip(&mut self) {
        self.pc = self.pc.wrapping_add(4);
        self.pstate &= !(SS | BTYPE);
    }
}

/// SPSR_EL2.SS and SPSR_EL2.BTYPE.
const SS: u64 = 1 << 21;
const BTYPE: u64 = 0b11 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulated_instruction_was_executed() {
        let mut registers = Registers { x: [0; 31], pc: 8, pstate: SS | BTYPE | 0x3c5 };
        registers.skip();
        assert_eq!((registers.pc, registers.pstate), (12, 0x3c5));
    }

    #[test]
    fn register_31_is_the_zero_register() {
        let mut registers = Registers { x: [7; 31], pc: 0, pstate: 0 };
        registers.write(31, 9);
        assert_eq!(registers.read(31), 0);
        assert_eq!(registers.x, [7; 31]);
    }
}
