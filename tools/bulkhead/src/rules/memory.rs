//! P03: memory comes in blocks.
//!
//! Blocks of 2 MiB keep the stage-2 tables at one page for a gigabyte, and TLB misses cheap.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::System;
use crate::load::{MemoryWish, size_text};
use bulkhead_plan::BLOCK;

/// A partition's memory is a positive multiple of 2 MiB.
pub(super) fn sizes_are_whole_blocks(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        let memory = &partition.wish.memory;
        let MemoryWish::Bytes(size) = memory.value else { continue };
        if size == 0 || !size.is_multiple_of(BLOCK) {
            let title = format!("the memory of `{}` is no multiple of 2 MiB", partition.name());
            let next = size.checked_next_multiple_of(BLOCK).map(|next| next.max(BLOCK) >> 20);
            report.push(
                Diagnostic::new(Code::MemoryUnit, title)
                    .at(&memory.site, format!("this is {}", size_text(size)))
                    .help_if(next.map(|next| format!("the next size that can be is \"{next}M\""))),
            );
        }
    }
}

/// What is left can go to one partition only.
pub(super) fn one_takes_the_rest(system: &System<'_>, report: &mut Report) {
    let mut takers = system.partitions.iter().filter_map(|it| Some((it.name(), it.wish.rest.as_ref()?)));
    let Some((first, site)) = takers.next() else { return };
    for (other, again) in takers {
        let title = format!("`{first}` and `{other}` both take the rest");
        let shared = Diagnostic::new(Code::RestShared, title).at(again, "again").at(site, "here");
        report.push(shared.help(format!("say what `{other}` gets by `cpus`, `memory` and `devices`")));
    }
}

/// RAM begins at a block, or no block could map it.
pub(super) fn ram_bases_are_aligned(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        let Some(base) = &partition.wish.ram_base else { continue };
        if !base.value.is_multiple_of(BLOCK) {
            let title = format!("the RAM base of `{}` is no multiple of 2 MiB", partition.name());
            let below = base.value - base.value % BLOCK;
            report.push(
                Diagnostic::new(Code::RamBaseUnaligned, title)
                    .at(&base.site, format!("{:#x} is not aligned", base.value))
                    .help(format!("{below:#x} is")),
            );
        }
    }
}
