//! Plain loads and stores: one general-purpose register, no writeback.
//!
//! Those are what the syndrome of an abort describes (Arm ARM, ISS of a data abort, ISV), so they are what a
//! trapped frame can answer.

use crate::attack::forms::{FORMS, Form};
use crate::attack::{Instruction, Left};

/// Sizes of an access, by their position here.
pub(crate) const SIZES: [u64; 4] = [1, 2, 4, 8];

/// The instructions.
#[derive(Clone, Copy)]
pub(crate) struct Plain {
    loads: [&'static Instruction<Form>; SIZES.len()],
    stores: [&'static Instruction<Form>; SIZES.len()],
}

impl Plain {
    /// Finds them among all forms.
    pub(crate) fn new() -> Self {
        let form = |text: &str| match FORMS.iter().find(|form| form.text == text) {
            Some(form) => form,
            None => panic!("no form of access is called {text}"),
        };
        Self {
            loads: ["ldrb w1, [x0]", "ldrh w1, [x0]", "ldr w1, [x0]", "ldr x1, [x0]"].map(form),
            stores: ["strb w1, [x0]", "strh w1, [x0]", "str w1, [x0]", "str x1, [x0]"].map(form),
        }
    }

    /// Loads `SIZES[size]` bytes from `address` into x1.
    pub(crate) fn load(&self, size: usize, address: u64) -> Left {
        self.loads[size].run([address, 0, 0, 0])
    }

    /// Stores `SIZES[size]` bytes of `value` at `address`.
    pub(crate) fn store(&self, size: usize, address: u64, value: u64) -> Left {
        self.stores[size].run([address, value, 0, 0])
    }

    /// Loads the word at `address`, which must be there.
    pub(crate) fn word(&self, address: u64) -> u64 {
        let left = self.load(2, address);
        assert!(left.fault.is_none(), "the intruder's own register at {address:#x}: {left}");
        left.registers[VALUE]
    }

    /// Stores a word at `address`, which must be there.
    pub(crate) fn set_word(&self, address: u64, value: u64) {
        let left = self.store(2, address, value);
        assert!(left.fault.is_none(), "the intruder's own register at {address:#x}: {left}");
    }
}

/// The register of a form that holds the value.
pub(crate) const VALUE: usize = 1;
