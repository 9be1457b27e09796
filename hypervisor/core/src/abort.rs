//! A stage-2 fault: where the guest reached, and how.
//!
//! Arm ARM, ESR_EL2 (ISS of aborts) and HPFAR_EL2, which holds bits 12 and up of the intermediate
//! physical address. For a fault on the guest's own table walk (S1PTW) that is the address of the table.

use crate::bits::{bit, field};
use crate::exit::Syndrome;
use crate::inject::Exception;
use bulkhead_plan::Ipa;

/// A refused access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort {
    /// The address that stage 2 refused.
    pub ipa: Ipa,
    syndrome: Syndrome,
}

impl Abort {
    pub(crate) fn decode(syndrome: &Syndrome) -> Self {
        let page = field(syndrome.hpfar, 43, 4);
        Self { ipa: Ipa(page << 12 | field(syndrome.far, 11, 0)), syndrome: *syndrome }
    }

    /// Whether stage 2 has no mapping for the address; only then is the address known (HPFAR_EL2).
    pub const fn is_unmapped(&self) -> bool {
        field(self.syndrome.esr, 5, 2) == 0b0001
    }

    /// Whether it happened while the guest's own tables were walked.
    pub const fn is_on_walk(&self) -> bool {
        bit(self.syndrome.esr, 7)
    }

    /// Whether a cache maintenance or address translation instruction caused it (data aborts only).
    pub const fn is_maintenance(&self) -> bool {
        bit(self.syndrome.esr, 8)
    }

    /// ESR_EL2.
    pub const fn esr(&self) -> u64 {
        self.syndrome.esr
    }

    /// What a load or store of the guest is told.
    pub const fn as_data(&self) -> Exception {
        Exception::DataAbort { esr: self.syndrome.esr, far: self.syndrome.far }
    }

    /// What an instruction fetch of the guest is told.
    pub const fn as_fetch(&self) -> Exception {
        Exception::InstructionAbort { esr: self.syndrome.esr, far: self.syndrome.far }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_comes_from_two_registers() {
        let abort = Abort::decode(&Syndrome { esr: 0, far: 0xffff_8000_1234_5678, hpfar: 0x0908_0000 >> 8 });
        assert_eq!(abort.ipa, Ipa(0x0908_0678));
        assert_eq!(Abort::decode(&Syndrome { esr: 0, far: 0, hpfar: u64::MAX }).ipa, Ipa(0xf_ffff_ffff_f000));
    }
}
