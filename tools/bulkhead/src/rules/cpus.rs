//! P01: a CPU has one owner.
//!
//! Nothing is scheduled, so there is no way to share one.

use crate::board::cores;
use crate::diagnostic::{Code, Diagnostic, Report, Site};
use crate::expand::{Partition, System, free_cpus};
use crate::guest::{Guest, Program};

/// A CPU is given to one partition at most.
pub(super) fn have_one_owner(system: &System<'_>, report: &mut Report) {
    let mut owned: Vec<(usize, &str, _)> = Vec::new();
    for partition in &system.partitions {
        for (index, site) in &partition.cpus {
            match owned.iter().find(|(other, ..)| other == index) {
                None => owned.push((*index, partition.name(), *site)),
                Some((_, owner, first)) => {
                    let title = format!("CPU {index} is given to two partitions");
                    let shared = Diagnostic::new(Code::CpuShared, title)
                        .at(site, format!("`{}` asks for it here", partition.name()))
                        .at(first, format!("`{owner}` already owns it"));
                    report.push(shared.help_if(free_cpus(system)));
                }
            }
        }
    }
}

/// Threads share their core's caches and pipeline, so they have one owner.
pub(super) fn siblings_are_together(system: &System<'_>, report: &mut Report) {
    for core in cores(&system.board.tree, &system.board.cpus) {
        let owned: Vec<_> = core.iter().filter_map(|cpu| owner(system, *cpu)).collect();
        let Some(((first, site), others)) = owned.split_first() else { continue };
        let Some((second, again)) = others.iter().find(|(other, _)| other.name() != first.name()) else {
            continue;
        };
        let numbers: Vec<String> = core.iter().map(usize::to_string).collect();
        let title = format!("CPUs {} are threads of one core and have two owners", numbers.join(" and "));
        let apart = Diagnostic::new(Code::SiblingsApart, title).of(second.name()).of(first.name());
        report.push(
            apart
                .at(again, format!("`{}` owns this one", second.name()))
                .at(site, format!("`{}` owns this one", first.name()))
                .help("give all threads of a core to one partition, or leave the others out"),
        );
    }
}

/// A CPU that nobody owns stays off.
pub(super) fn are_owned(system: &System<'_>, report: &mut Report) {
    if let Some(free) = free_cpus(system) {
        report.push(Diagnostic::new(Code::CpusFree, free).help("add to the `cpus` of a partition"));
    }
}

/// A kernel knows how to run on two kinds of CPU; few other programs do.
pub(super) fn are_of_one_kind(system: &System<'_>, guests: &[Option<Guest>], report: &mut Report) {
    let kind = |cpu: usize| {
        let node = system.board.cpus.get(cpu)?.node;
        system.board.tree.node(node).compatible().first().map(|kind| (*kind).to_owned())
    };
    for (partition, guest) in system.partitions.iter().zip(guests) {
        let is_kernel = guest.as_ref().is_none_or(|guest| matches!(guest.program, Program::Kernel { .. }));
        let Some((first, site)) = partition.cpus.first().filter(|_| !is_kernel) else { continue };
        let Some((other, again)) = partition.cpus.iter().find(|(cpu, _)| kind(*cpu) != kind(*first)) else {
            continue;
        };
        let title = format!("the program of `{}` runs on CPUs of two kinds", partition.name());
        let label = |cpu: usize| kind(cpu).unwrap_or_else(|| "of no known kind".to_owned());
        report.push(
            Diagnostic::new(Code::KindsMixed, title)
                .of(partition.name())
                .at(again, label(*other))
                .at(site, label(*first))
                .help("give it CPUs of one kind"),
        );
    }
}

fn owner<'a>(system: &'a System<'_>, cpu: usize) -> Option<(&'a Partition<'a>, &'a Site)> {
    system.partitions.iter().find_map(|partition| {
        let (_, site) = partition.cpus.iter().find(|(own, _)| *own == cpu)?;
        Some((partition, *site))
    })
}
