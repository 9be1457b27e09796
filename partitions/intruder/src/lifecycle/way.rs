//! The ways to end a life: in what condition its first CPU is, what the others do, and what ends it.

use super::condition::Condition;
use super::notebook::Notebook;
use super::occupation::Occupation;
use crate::attack;
use crate::plain::Plain;
use core::fmt;
use guest_rt::{Machine, gic};

/// A way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    condition: Condition,
    others: Option<Occupation>,
    end: End,
}

/// What ends a life.
#[derive(Clone, Copy, Debug)]
enum End {
    /// A call of SYSTEM_RESET, by HVC or by SMC, or of SYSTEM_RESET2, of 32 or of 64 bits.
    Call(&'static str, u64),
    /// A fault that the partition can do nothing about: its exceptions lead out of its memory.
    NoMemory,
    /// The same: its translations do.
    NoTables,
    /// Exceptions for ever, which EL2 does not get to see: ended by the partition that controls this one.
    NoVectors,
    /// The partition that controls it: until then, it does this.
    Order(Occupation),
}

const RESETS: [End; 4] = [
    End::Call("hvc #0", 0x8400_0009),
    End::Call("smc #0", 0x8400_0009),
    End::Call("hvc #0", 0x8400_0012),
    End::Call("smc #0", 0xc400_0012),
];

/// All of them, as far as the machine has CPUs for them, and guards for what only a guarded partition can be
/// stopped in.
pub(super) fn ways(machine: &Machine) -> impl Iterator<Item = Way> {
    let alone = |condition, end| Way { condition, others: None, end };
    let by_call =
        Condition::ALL.into_iter().flat_map(move |condition| RESETS.map(|end| alone(condition, end)));
    let by_fault = Condition::ALL.into_iter().map(move |condition| alone(condition, End::NoMemory));
    let by_order = Occupation::ALL.into_iter().map(move |work| alone(Condition::Quiet, End::Order(work)));
    let asleep =
        Condition::ASLEEP.into_iter().map(move |condition| alone(condition, End::Order(Occupation::Wfi)));
    let is_guarded = machine.argument("interrupts") == Some("guarded");
    let deaf =
        Condition::DEAF.into_iter().map(move |condition| alone(condition, End::Order(Occupation::Wfi)));
    let has_others = machine.cpus().len() > 1;
    let with_others = Occupation::ALL.into_iter().flat_map(|work| {
        [RESETS[0], End::NoMemory, End::Order(work)].map(|end| Way {
            condition: Condition::Quiet,
            others: Some(work),
            end,
        })
    });
    by_call
        .chain(by_fault)
        .chain([End::NoTables, End::NoVectors].map(move |end| alone(Condition::Quiet, end)))
        .chain(by_order)
        .chain(asleep)
        .chain(deaf.filter(move |_| is_guarded))
        .chain(with_others.filter(move |_| has_others))
}

impl Way {
    /// Goes it.
    pub(super) fn end(&self, plain: &Plain, machine: &'static Machine, notebook: &Notebook) {
        if let Some(work) = self.others {
            work.begin_on_others(machine);
        }
        if let End::Order(_) = self.end {
            gic::Private::open(machine);
        }
        self.condition.make(plain, machine);
        notebook.turn_page();
        match self.end {
            End::Call(conduit, function) => super::occupation::call(conduit, function),
            End::NoMemory => attack::lose_memory(),
            End::NoVectors => attack::lose_vectors(),
            End::NoTables => attack::lose_tables(),
            End::Order(work) => work.go_on(machine),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            End::Call(conduit, function) => write!(f, "`{conduit}` {function:#x}")?,
            End::NoMemory => f.write_str("no memory")?,
            End::NoVectors => f.write_str("no vectors")?,
            End::NoTables => f.write_str("no tables")?,
            End::Order(work) => write!(f, "an order, during {work:?}")?,
        }
        write!(f, ", {:?}", self.condition)?;
        match self.others {
            Some(work) => write!(f, ", others {work:?}"),
            None => Ok(()),
        }
    }
}
