//! The CPUs that a partition asks for.
//!
//! A person counts CPUs as the device tree lists them; the affinity, which firmware and GIC want, differs
//! from board to board.

use crate::board::Board;
use crate::diagnostic::{Code, Diagnostic, Report, Site};
use crate::load::{PartitionWish, Wish};

/// Every CPU number that any partition asks for.
pub(super) fn named(wish: &Wish) -> Vec<u64> {
    wish.system.partitions.iter().flat_map(|partition| &partition.cpus.value).map(|cpu| cpu.value).collect()
}

/// The CPUs of one partition, without those that cannot be.
pub(super) fn cpus<'a>(
    wish: &'a PartitionWish,
    board: &Board,
    named: &[u64],
    report: &mut Report,
) -> Vec<(usize, &'a Site)> {
    let name = &wish.name.value;
    if wish.cpus.value.is_empty() {
        let title = format!("partition `{name}` has no CPU");
        report.push(
            Diagnostic::new(Code::NoCpu, title).at(&wish.cpus.site, "none").help_if(free(board, named)),
        );
    }
    let mut found: Vec<(usize, &Site)> = Vec::new();
    for wished in &wish.cpus.value {
        let number = wished.value;
        let index = usize::try_from(number).ok().filter(|index| *index < board.cpus.len());
        let Some(index) = index else {
            let title = format!("board `{}` has no CPU {number}, which `{name}` asks for", board.name);
            let note = format!("it has {} CPUs, numbered from 0", board.cpus.len());
            let unknown = Diagnostic::new(Code::CpuUnknown, title).at(&wished.site, "no such CPU").note(note);
            report.push(unknown.help_if(free(board, named)));
            continue;
        };
        if let Some(why) = &board.cpus[index].unusable {
            let title = format!("CPU {number} of board `{}` cannot be given to `{name}`", board.name);
            let unusable = Diagnostic::new(Code::CpuUnusable, title).at(&wished.site, why);
            report.push(unusable.help_if(free(board, named)));
        } else if let Some((_, first)) = found.iter().find(|(other, _)| *other == index) {
            let title = format!("CPU {number} stands twice in the list of `{name}`");
            let repeated =
                Diagnostic::new(Code::CpuRepeated, title).at(&wished.site, "again").at(first, "here");
            report.push(repeated.help("leave one of them out"));
        } else {
            found.push((index, &wished.site));
        }
    }
    found
}

/// "CPU 2 is free", if one is.
pub(super) fn free(board: &Board, named: &[u64]) -> Option<String> {
    let free: Vec<String> = (0_u64..)
        .zip(&board.cpus)
        .filter(|(number, cpu)| cpu.unusable.is_none() && !named.contains(number))
        .map(|(number, _)| number.to_string())
        .collect();
    match free.as_slice() {
        [] => None,
        [one] => Some(format!("CPU {one} is free")),
        [most @ .., last] => Some(format!("CPUs {} and {last} are free", most.join(", "))),
    }
}
