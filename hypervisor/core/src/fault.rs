//! The record of a fault: what a partition's CPU was, and what led there.
//!
//! The vectors keep the last exits of each CPU; a fault adds the registers. It is said line by line, so
//! that nobody waits long for the console, and in a form that `bulkhead decode` reads again.

use crate::end::FaultKind;
use crate::exit::Syndrome;
use crate::registers::Registers;
use core::fmt;

/// Exits that are kept; a power of two, for the vectors.
pub const KEPT: usize = 8;

/// An exit, as the vectors keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Seen {
    /// ESR_EL2.
    pub esr: u64,
    /// ELR_EL2.
    pub pc: u64,
}

/// The last exits of a CPU: the nth, counted from one, is in place n modulo [`KEPT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct History(pub [Seen; KEPT]);

/// A partition's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// On which of its CPUs.
    pub vcpu: usize,
    /// How often the partition had begun again before.
    pub restarts: u32,
    /// The registers of that CPU.
    pub registers: Registers,
    /// The syndrome.
    pub syndrome: Syndrome,
    /// The last exits of that CPU, of which there were `entries`.
    pub history: History,
    /// How often that CPU has come to EL2.
    pub entries: u64,
}

impl History {
    /// The last exits of `entries` that there were, the newest first.
    pub fn newest_first(&self, entries: u64) -> impl Iterator<Item = Seen> + use<> {
        let seen = self.0;
        (0..KEPT).filter_map(move |age| {
            let number = entries.checked_sub(u64::try_from(age).ok()?).filter(|number| *number != 0)?;
            let place = usize::try_from(number).ok()?.checked_rem(KEPT)?;
            seen.get(place).copied()
        })
    }
}

impl Fault {
    /// Says the record, line by line.
    pub fn say(&self, mut line: impl FnMut(fmt::Arguments<'_>)) {
        let Self { kind, vcpu, restarts, registers, syndrome, .. } = self;
        line(format_args!("vCPU {vcpu}, restart {restarts}: {kind}"));
        line(format_args!(
            "pc={:#x} pstate={:#x} esr={:#x} far={:#x} hpfar={:#x}",
            registers.pc, registers.pstate, syndrome.esr, syndrome.far, syndrome.hpfar
        ));
        let (_, general) = registers.x.split_last().unwrap_or((&0, &[]));
        for (row, four) in (0_usize..).step_by(4).zip(general.chunks(4)) {
            line(format_args!("{}", Row(row, four)));
        }
        for seen in self.history.newest_first(self.entries) {
            line(format_args!("before: pc={:#x} esr={:#x}", seen.pc, seen.esr));
        }
    }
}

/// Some registers: the number of the first, and their values.
struct Row<'r>(usize, &'r [u64]);

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (number, value) in (self.0..).zip(self.1) {
            write!(f, "{separator}x{number}={value:#x}")?;
            separator = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn numbers(entries: u64) -> Vec<u64> {
        let mut history = History::default();
        for entry in 0..entries {
            history.0[usize::try_from(entry + 1).unwrap() % KEPT] = Seen { esr: entry, pc: 0 };
        }
        history.newest_first(entries).map(|seen| seen.esr).collect()
    }

    #[test]
    fn the_last_exits_come_first() {
        assert_eq!(numbers(0), []);
        assert_eq!(numbers(3), [2, 1, 0]);
        assert_eq!(numbers(11), [10, 9, 8, 7, 6, 5, 4, 3]);
    }

    #[test]
    fn the_record_names_every_register_once() {
        let mut registers = Registers::new([7; 31], 0x4000_0000, 0x3c5);
        registers.x[30] = 0xabc;
        let fault = Fault {
            kind: FaultKind::Vector,
            vcpu: 1,
            restarts: 2,
            registers,
            syndrome: Syndrome { esr: 0x8200_0007, far: 0x200, hpfar: 0 },
            history: History([Seen { esr: 0x5a00_0000, pc: 0x40 }; KEPT]),
            entries: 1,
        };
        let mut lines: Vec<String> = Vec::new();
        fault.say(|line| lines.push(line.to_string()));
        assert_eq!(lines[0], "vCPU 1, restart 2: failed: no memory where it takes its exceptions");
        assert_eq!(lines[1], "pc=0x40000000 pstate=0x3c5 esr=0x82000007 far=0x200 hpfar=0x0");
        assert_eq!(lines[2], "x0=0x7 x1=0x7 x2=0x7 x3=0x7");
        assert_eq!(lines[9], "x28=0x7 x29=0x7 x30=0xabc");
        assert_eq!(lines[10..], ["before: pc=0x40 esr=0x5a000000"]);
    }
}
