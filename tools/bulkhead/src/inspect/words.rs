//! The words for what an image holds.
//!
//! `inspect`, `diff` and `report` say a thing by the same words, so what one of them shows the others know.

use super::{Board, Console, OwnedCpu, Owner, Restart, SilenceStep};
use std::fmt;

/// Something that a partition sees at an address, and that the hypervisor answers for.
pub(crate) struct Address {
    /// What it is.
    pub(crate) what: String,
    /// Where the partition sees it.
    pub(crate) at: u64,
}

impl Board {
    /// How CPUs are started and the board is turned off.
    pub(crate) fn firmware_text(&self) -> &'static str {
        match self.firmware {
            "PSCI" => "PSCI",
            _ => "none, CPUs wait in a spin table",
        }
    }
}

impl Owner {
    /// The shape of its stage 2.
    pub(crate) fn stage2_text(&self) -> String {
        let plural = if self.root_pages == 1 { "" } else { "s" };
        format!("{} bits in {} page{plural}", self.address_bits, self.root_pages)
    }

    /// What the hypervisor answers for.
    pub(crate) fn answered(&self) -> Vec<Address> {
        let address = |what: &str, at| Address { what: what.to_owned(), at };
        let uart = match self.virtual_uart_interrupt {
            Some(intid) => format!("virtual PL011, interrupt {intid}"),
            None => "virtual PL011, polled".to_owned(),
        };
        let mut all = vec![address("distributor", self.distributor)];
        all.extend(self.redistributors.map(|at| address("redistributors", at)));
        all.extend(self.cpu_interface.map(|at| address("CPU interface", at)));
        all.extend(self.virtual_uart.map(|at| address(&uart, at)));
        all
    }
}

impl OwnedCpu {
    /// What the partition sees it as, and where the board has what is its own.
    pub(crate) fn seen_text(&self) -> String {
        let redistributor = self.redistributor.map(|at| format!(", redistributor at {at:#x}"));
        let interface = self.interface.map(|number| format!(", CPU interface {number}"));
        let release = self.release.map(|at| format!(", waits at {at:#x}"));
        let own: String = [redistributor, interface, release].into_iter().flatten().collect();
        format!("its CPU {:#x}{own}", self.virtual_mpidr)
    }
}

impl fmt::Display for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:#x}", self.kind, self.base)?;
        self.heir.iter().try_for_each(|heir| write!(f, ", that of `{heir}` once all have begun"))
    }
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("stop, it has one life"),
            Self::OnRequest => f.write_str("stop"),
            Self::OnFault { max_restarts, delay_ms } => {
                let plural = if *max_restarts == 1 { "" } else { "s" };
                write!(f, "restart, at most {max_restarts} time{plural}, first after {delay_ms} ms")
            }
        }
    }
}

impl fmt::Display for SilenceStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, register, value, mask } = self;
        let bits = if *mask == u32::MAX { String::new() } else { format!(" in the bits {mask:#x}") };
        match *kind {
            "write" => write!(f, "write {value:#x} to {register:#x}{bits}"),
            _ => write!(f, "wait until {register:#x} is {value:#x}{bits}"),
        }
    }
}
