//! The CPUs that partitions ask for.
//!
//! A person counts CPUs as the device tree lists them; the affinity, which firmware and GIC want, differs
//! from board to board. Whoever names CPUs is served first, then whoever has a place in the lock file, then
//! whoever wants a number of them, and at last whoever takes the rest.

use super::System;
use crate::board::Board;
use crate::diagnostic::{Code, Diagnostic, Located, Report, Site};
use crate::load::{CpuWish, PartitionWish, Wish};

/// The CPUs of one partition, with where each was asked for.
pub(super) type Cpus<'a> = Vec<(usize, &'a Site)>;

/// The board's CPUs while they are given out.
struct Pool<'b> {
    board: &'b Board,
    taken: Vec<usize>,
}

/// The CPUs of every partition, without those that cannot be.
pub(super) fn cpus<'a>(wish: &'a Wish, board: &Board, report: &mut Report) -> Vec<Cpus<'a>> {
    let partitions = &wish.system.partitions;
    let mut pool = Pool { board, taken: named(wish, board) };
    let mut given: Vec<Option<Cpus<'a>>> = Vec::new();
    for partition in partitions {
        given.push(match &partition.cpus.value {
            CpuWish::Listed(list) => Some(pool.listed(partition, list, report)),
            CpuWish::Count(count) => pool.pinned(wish, partition, *count),
            CpuWish::Rest => None,
        });
    }
    for (partition, given) in partitions.iter().zip(&mut given) {
        if let (CpuWish::Count(count), None) = (&partition.cpus.value, &given) {
            *given = Some(pool.counted(partition, *count, report));
        }
    }
    let mut rest = |partition| pool.rest(partition, report);
    given
        .into_iter()
        .zip(partitions)
        .map(|(given, partition)| given.unwrap_or_else(|| rest(partition)))
        .collect()
}

/// "CPU 2 is free", if one is that no partition has.
pub(crate) fn free_cpus(system: &System<'_>) -> Option<String> {
    let owned = system.partitions.iter().flat_map(|partition| &partition.cpus);
    Pool { board: system.board, taken: owned.map(|(index, _)| *index).collect() }.offer()
}

/// Every CPU of the board that any partition asks for by its number.
fn named(wish: &Wish, board: &Board) -> Vec<usize> {
    let lists = wish.system.partitions.iter().filter_map(|partition| match &partition.cpus.value {
        CpuWish::Listed(list) => Some(list),
        CpuWish::Count(_) | CpuWish::Rest => None,
    });
    lists.flatten().filter_map(|cpu| index(cpu.value, board)).collect()
}

fn index(number: u64, board: &Board) -> Option<usize> {
    usize::try_from(number).ok().filter(|index| *index < board.cpus.len())
}

impl Pool<'_> {
    fn listed<'a>(
        &self,
        partition: &'a PartitionWish,
        list: &'a [Located<u64>],
        report: &mut Report,
    ) -> Cpus<'a> {
        let mut found: Cpus<'a> = Vec::new();
        if list.is_empty() {
            report.push(self.none(partition));
        }
        for wished in list {
            match self.one(partition, wished, &found) {
                Ok(index) => found.push((index, &wished.site)),
                Err(fault) => report.push(fault),
            }
        }
        found
    }

    /// The CPU that is asked for beside those `found` before it.
    fn one(
        &self,
        partition: &PartitionWish,
        wished: &Located<u64>,
        found: &Cpus<'_>,
    ) -> Result<usize, Diagnostic> {
        let (board, number, name) = (self.board, wished.value, &partition.name.value);
        let Some(index) = index(number, board) else {
            let title = format!("board `{}` has no CPU {number}, which `{name}` asks for", board.name);
            let note = format!("it has {} CPUs, numbered from 0", board.cpus.len());
            let unknown = Diagnostic::new(Code::CpuUnknown, title).at(&wished.site, "no such CPU").note(note);
            return Err(unknown.help_if(self.offer()));
        };
        if let Some(why) = &board.cpus[index].unusable {
            let title = format!("CPU {number} of board `{}` cannot be given to `{name}`", board.name);
            let unusable = Diagnostic::new(Code::CpuUnusable, title).at(&wished.site, why);
            return Err(unusable.help_if(self.offer()));
        }
        if let Some((_, first)) = found.iter().find(|(other, _)| *other == index) {
            let title = format!("CPU {number} stands twice in the list of `{name}`");
            let repeated =
                Diagnostic::new(Code::CpuRepeated, title).at(&wished.site, "again").at(first, "here");
            return Err(repeated.help("leave one of them out"));
        }
        Ok(index)
    }

    /// The CPUs that the lock file gives, if they differ, are as many as wished for, and are still to be had.
    fn pinned<'a>(&mut self, wish: &Wish, partition: &'a PartitionWish, count: u64) -> Option<Cpus<'a>> {
        let pin = wish.pin(&partition.name.value)?;
        let pinned: Option<Vec<usize>> = pin.cpus.iter().map(|cpu| index(cpu.value, self.board)).collect();
        let free = self.free();
        let pinned = pinned.filter(|cpus| u64::try_from(cpus.len()) == Ok(count))?;
        let differ = pinned.iter().enumerate().all(|(at, cpu)| !pinned[..at].contains(cpu));
        if count == 0 || !differ || !pinned.iter().all(|cpu| free.contains(cpu)) {
            return None;
        }
        Some(self.give(pinned, partition))
    }

    fn counted<'a>(&mut self, partition: &'a PartitionWish, count: u64, report: &mut Report) -> Cpus<'a> {
        let free = self.free();
        if count == 0 {
            report.push(self.none(partition));
        } else if u64::try_from(free.len()).is_ok_and(|free| free < count) {
            let title = format!("there are not {count} CPUs left for `{}`", partition.name.value);
            let left = format!(
                "{} left",
                if free.is_empty() { "none is".to_owned() } else { free.len().to_string() }
            );
            let few = Diagnostic::new(Code::CpusTooFew, title).at(&partition.cpus.site, left);
            report.push(few.help("ask for fewer, or take some from another partition"));
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.give(free.into_iter().take(count).collect(), partition)
    }

    fn rest<'a>(&mut self, partition: &'a PartitionWish, report: &mut Report) -> Cpus<'a> {
        let free = self.free();
        if free.is_empty() {
            let title = format!("no CPU is left for `{}`", partition.name.value);
            let few = Diagnostic::new(Code::CpusTooFew, title).at(&partition.cpus.site, "takes the rest");
            report.push(few.help("take one from another partition"));
        }
        self.give(free, partition)
    }

    fn give<'a>(&mut self, cpus: Vec<usize>, partition: &'a PartitionWish) -> Cpus<'a> {
        self.taken.extend(&cpus);
        cpus.into_iter().map(|cpu| (cpu, &partition.cpus.site)).collect()
    }

    /// The CPUs that can be given and that nobody has.
    fn free(&self) -> Vec<usize> {
        let usable = self.board.cpus.iter().enumerate().filter(|(_, cpu)| cpu.unusable.is_none());
        usable.map(|(index, _)| index).filter(|index| !self.taken.contains(index)).collect()
    }

    fn none(&self, partition: &PartitionWish) -> Diagnostic {
        let title = format!("partition `{}` has no CPU", partition.name.value);
        Diagnostic::new(Code::NoCpu, title).at(&partition.cpus.site, "none").help_if(self.offer())
    }

    /// "CPU 2 is free", if one is.
    fn offer(&self) -> Option<String> {
        let free: Vec<String> = self.free().iter().map(usize::to_string).collect();
        match free.as_slice() {
            [] => None,
            [one] => Some(format!("CPU {one} is free")),
            [most @ .., last] => Some(format!("CPUs {} and {last} are free", most.join(", "))),
        }
    }
}
