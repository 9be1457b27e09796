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

    /// Steps over the trapped instruction, which is 4 bytes long in AArch64.
    pub fn skip(&mut self) {
        self.pc = self.pc.wrapping_add(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn register_31_is_the_zero_register() {
        let mut registers = Registers { x: [7; 31], pc: 0, pstate: 0 };
        registers.write(31, 9);
        assert_eq!(registers.read(31), 0);
        assert_eq!(registers.x, [7; 31]);
    }
}
