//! The books: who has executed how much at EL2, and why.
//!
//! Instructions are counted by atomics, because that happens for each; the rest is behind a lock, because it
//! happens for each exit. A CPU is known by the stack of EL2 that it stands on. QEMU's own number of it will
//! not do: while instructions are counted (`-icount`) QEMU says the number of the CPU for which a block was
//! translated, whichever executes it.

use crate::mark::Mark;
use crate::report::{Cause, Exits, Phase, Report, Tally, Window};
use bulkhead_core::sight::{STACK_STRIDE, STACKS};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most CPUs.
const MOST: usize = 64;

/// Where a CPU stands: on the stack of a CPU of the plan, or on none of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(usize);

/// The books of one run.
#[derive(Debug)]
pub struct Books {
    /// Instructions at EL2, by place.
    executed: [Line; MOST + 1],
    ledger: Mutex<Ledger>,
}

/// A count that is changed all the time, in a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Line(AtomicU64);

#[derive(Debug, Default)]
struct Ledger {
    accounts: BTreeMap<usize, Account>,
    open: BTreeMap<u16, Snapshot>,
    windows: BTreeMap<u16, (u64, Snapshot)>,
    phases: Vec<Phase>,
}

/// What is known of a place.
#[derive(Clone, Debug, Default)]
struct Account {
    exits: BTreeMap<Cause, Sum>,
    /// The exit that is under way or was the last, and what had been executed when it began.
    last: Option<(Cause, u64)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    count: u64,
    el2: u64,
}

/// Everything at one moment, or what came between two.
#[derive(Clone, Debug, Default)]
struct Snapshot {
    executed: Vec<u64>,
    exits: BTreeMap<usize, BTreeMap<Cause, Sum>>,
}

impl Place {
    /// On no stack of its own.
    const NOWHERE: usize = 0;

    /// Where a CPU with this stack pointer stands.
    pub fn of(stack_pointer: u64) -> Self {
        let above = stack_pointer.wrapping_sub(STACKS + 1);
        let number = usize::try_from(above / STACK_STRIDE).unwrap_or(usize::MAX);
        Self(if number < MOST { number + 1 } else { Self::NOWHERE })
    }
}

impl Books {
    /// Books of nothing.
    pub const fn new() -> Self {
        let ledger = Ledger {
            accounts: BTreeMap::new(),
            open: BTreeMap::new(),
            windows: BTreeMap::new(),
            phases: Vec::new(),
        };
        Self { executed: [const { Line(AtomicU64::new(0)) }; MOST + 1], ledger: Mutex::new(ledger) }
    }

    /// So many instructions at EL2.
    pub fn execute(&self, place: Place, instructions: u64) {
        self.executed[place.0].0.fetch_add(instructions, Ordering::Relaxed);
    }

    /// An entry through the vectors, before its first instruction.
    pub fn enter(&self, place: Place, cause: Cause) {
        let mut ledger = self.ledger();
        self.settle(&mut ledger, place.0);
        let account = ledger.accounts.entry(place.0).or_default();
        account.exits.entry(cause).or_default().count += 1;
        account.last = Some((cause, self.executed[place.0].0.load(Ordering::Relaxed)));
    }

    /// A mark.
    pub fn mark(&self, mark: Mark) {
        let now = self.snapshot();
        let mut ledger = self.ledger();
        match mark {
            Mark::Begin(window) => drop(ledger.open.insert(window, now)),
            Mark::End(window) => {
                if let Some(begin) = ledger.open.remove(&window) {
                    let (times, sum) = ledger.windows.entry(window).or_default();
                    *times += 1;
                    sum.add(&now.since(&begin));
                }
            }
            Mark::Phase(number) => {
                ledger.phases.push(Phase { number, begins: now.executed.iter().sum() });
            }
        }
    }

    /// What there is to tell; `guest` is what was executed below EL2.
    pub fn report(&self, guest: u64) -> Report {
        let now = self.snapshot();
        let ledger = self.ledger();
        let windows = ledger.windows.iter().map(|(number, (times, sum))| {
            let window = Window { times: *times, cpus: sum.tallies(), stackless: sum.stackless() };
            (*number, window)
        });
        Report {
            cpus: now.tallies(),
            stackless: now.stackless(),
            guest,
            windows: windows.collect(),
            phases: ledger.phases.clone(),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what was executed since the last exit on that exit's account.
    fn settle(&self, ledger: &mut Ledger, place: usize) {
        let executed = self.executed[place].0.load(Ordering::Relaxed);
        let Some(account) = ledger.accounts.get_mut(&place) else { return };
        if let Some((cause, since)) = account.last {
            account.exits.entry(cause).or_default().el2 += executed - since;
            account.last = Some((cause, executed));
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut ledger = self.ledger();
        for place in 0..self.executed.len() {
            self.settle(&mut ledger, place);
        }
        let executed = self.executed.iter().map(|Line(count)| count.load(Ordering::Relaxed)).collect();
        let exits = ledger.accounts.iter().map(|(place, account)| (*place, account.exits.clone()));
        Snapshot { executed, exits: exits.collect() }
    }
}

impl Default for Books {
    fn default() -> Self {
        Self::new()
    }
}

impl Snapshot {
    fn since(mut self, begin: &Self) -> Self {
        self.executed.iter_mut().zip(&begin.executed).for_each(|(now, then)| *now -= then);
        for (place, exits) in &mut self.exits {
            let Some(before) = begin.exits.get(place) else { continue };
            for (cause, then) in before {
                let now = exits.entry(*cause).or_default();
                *now = Sum { count: now.count - then.count, el2: now.el2 - then.el2 };
            }
        }
        self
    }

    fn add(&mut self, other: &Self) {
        self.executed.resize(self.executed.len().max(other.executed.len()), 0);
        self.executed.iter_mut().zip(&other.executed).for_each(|(sum, more)| *sum += more);
        for (place, exits) in &other.exits {
            let sums = self.exits.entry(*place).or_default();
            for (cause, more) in exits {
                let sum = sums.entry(*cause).or_default();
                *sum = Sum { count: sum.count + more.count, el2: sum.el2 + more.el2 };
            }
        }
    }

    fn stackless(&self) -> u64 {
        self.executed.get(Place::NOWHERE).copied().unwrap_or(0)
    }

    /// By CPU, up to the last that has executed anything.
    fn tallies(&self) -> Vec<Tally> {
        let used = self.executed.iter().rposition(|count| *count > 0).unwrap_or(0);
        (1..=used).map(|place| self.tally(place)).collect()
    }

    fn tally(&self, place: usize) -> Tally {
        let exits = self.exits.get(&place).into_iter().flatten();
        let exits = exits.filter(|(_, sum)| sum.count > 0 || sum.el2 > 0);
        Tally {
            el2: self.executed[place],
            exits: exits
                .map(|(cause, Sum { count, el2 })| Exits { cause: *cause, count: *count, el2: *el2 })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Cause = Cause { vector: 0, class: 0x16, detail: 0 };
    const ABORT: Cause = Cause { vector: 0, class: 0x24, detail: 0x800_0000 };

    fn cpu(number: u64) -> Place {
        Place::of(STACKS + (number + 1) * STACK_STRIDE)
    }

    fn exit(books: &Books, place: Place, cause: Cause, instructions: u64) {
        books.enter(place, cause);
        books.execute(place, instructions);
    }

    #[test]
    fn a_cpu_is_known_by_its_stack() {
        assert_eq!(Place::of(STACKS + STACK_STRIDE), Place(1), "an empty stack of the first CPU");
        assert_eq!(Place::of(STACKS + STACK_STRIDE - 0x100), Place(1));
        assert_eq!(Place::of(STACKS + 64 * STACK_STRIDE), Place(64));
        for elsewhere in [0, STACKS, STACKS + 64 * STACK_STRIDE + 1, 0x8000_0000_4000, u64::MAX] {
            assert_eq!(Place::of(elsewhere), Place(Place::NOWHERE), "{elsewhere:#x}");
        }
    }

    #[test]
    fn instructions_belong_to_the_exit_before_them() {
        let books = Books::new();
        books.execute(Place::of(0), 5);
        books.execute(cpu(1), 2);
        exit(&books, cpu(1), CALL, 10);
        exit(&books, cpu(1), ABORT, 20);
        exit(&books, cpu(1), CALL, 30);
        let report = books.report(7);
        assert_eq!((report.stackless, report.guest, report.cpus.len()), (5, 7, 2));
        assert_eq!(report.cpus[0], Tally::default());
        let expected =
            vec![Exits { cause: CALL, count: 2, el2: 40 }, Exits { cause: ABORT, count: 1, el2: 20 }];
        assert_eq!(report.cpus[1], Tally { el2: 62, exits: expected });
    }

    #[test]
    fn a_window_has_what_all_cpus_did_between_its_marks_each_time() {
        let books = Books::new();
        exit(&books, cpu(0), CALL, 100);
        for _ in 0..2 {
            books.mark(Mark::Begin(3));
            exit(&books, cpu(0), CALL, 10);
            exit(&books, cpu(1), ABORT, 1);
            books.execute(Place::of(0), 1);
            books.mark(Mark::End(3));
            exit(&books, cpu(0), ABORT, 100);
        }
        let report = books.report(0);
        let window = &report.windows[&3];
        assert_eq!((window.times, window.el2(), window.exits(), window.stackless), (2, 24, 4, 2));
        assert_eq!(window.cpus[0].exits, [Exits { cause: CALL, count: 2, el2: 20 }]);
        assert_eq!(report.cpus[0].count(), 5);
    }

    #[test]
    fn what_is_under_way_when_a_window_opens_is_shared_at_the_mark() {
        let books = Books::new();
        exit(&books, cpu(0), CALL, 10);
        books.mark(Mark::Begin(1));
        books.execute(cpu(0), 5);
        books.mark(Mark::End(1));
        let window = books.report(0).windows.remove(&1).unwrap();
        assert_eq!(window.cpus[0].exits, [Exits { cause: CALL, count: 0, el2: 5 }]);
    }

    #[test]
    fn a_window_that_was_never_opened_is_never_closed() {
        let books = Books::new();
        books.mark(Mark::End(1));
        assert!(books.report(0).windows.is_empty());
    }

    #[test]
    fn a_phase_knows_what_came_before_it() {
        let books = Books::new();
        books.mark(Mark::Phase(1));
        exit(&books, cpu(0), CALL, 4);
        books.execute(Place::of(0), 1);
        books.mark(Mark::Phase(2));
        let begins =
            books.report(0).phases.iter().map(|phase| (phase.number, phase.begins)).collect::<Vec<_>>();
        assert_eq!(begins, [(1, 0), (2, 5)]);
    }
}
