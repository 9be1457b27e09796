//! P01: a CPU has one owner.
//!
//! Nothing is scheduled, so there is no way to share one.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::{System, free_cpus};

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
                    report.push(shared.help_if(free_cpus(system.wish, system.board)));
                }
            }
        }
    }
}
