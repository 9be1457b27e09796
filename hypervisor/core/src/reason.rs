//! Why EL2 was entered, for the counters.
//!
//! Every entry has exactly one reason, so the counts by reason add up to the entries that the vectors
//! count by themselves.

/// A reason; as a number it is the index of its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Reason {
    /// PSCI, SMCCC or an unknown function, by `HVC` or `SMC`.
    Call,
    /// Generation of an SGI.
    Sgi,
    /// A trapped `WFI`.
    Wait,
    /// Another trapped register of the GIC CPU interface, in memory or not.
    Interface,
    /// The distributor's frame.
    Distributor,
    /// A redistributor's frame.
    Redistributor,
    /// The virtual UART.
    Uart,
    /// A trapped system register with an answer.
    SystemRegister,
    /// An instruction or register that does not exist.
    Undefined,
    /// An access to what the partition does not own.
    Abort,
    /// A physical interrupt taken at EL2: there is none, but for FIQs that a guest has asked a GICv2 for.
    Interrupt,
    /// An SError.
    SError,
    /// A fault while the partition is being stopped.
    Stop,
}

/// How many reasons there are.
pub const REASONS: usize = 13;

impl Reason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; REASONS] = [
        Self::Call,
        Self::Sgi,
        Self::Wait,
        Self::Interface,
        Self::Distributor,
        Self::Redistributor,
        Self::Uart,
        Self::SystemRegister,
        Self::Undefined,
        Self::Abort,
        Self::Interrupt,
        Self::SError,
        Self::Stop,
    ];

    /// Its name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Sgi => "sgi",
            Self::Wait => "wait",
            Self::Interface => "interface",
            Self::Distributor => "distributor",
            Self::Redistributor => "redistributor",
            Self::Uart => "uart",
            Self::SystemRegister => "sysreg",
            Self::Undefined => "undefined",
            Self::Abort => "abort",
            Self::Interrupt => "interrupt",
            Self::SError => "serror",
            Self::Stop => "stop",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_complete() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
