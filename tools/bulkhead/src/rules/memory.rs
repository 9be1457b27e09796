//! P03: memory comes in blocks.
//!
//! Blocks of 2 MiB keep the stage-2 tables at one page for a gigabyte, and TLB misses cheap.

use crate::allocate::{Space, whole_blocks};
use crate::board::without;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::System;
use crate::load::{MemoryWish, size_text};
use bulkhead_plan::{BLOCK, GIGABYTE, Span};

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

/// Memory of a gigabyte lies so that one entry maps it: both addresses have the same distance to the next one.
pub(super) fn large_blocks_are_used(system: &System<'_>, spaces: &[Space], report: &mut Report) {
    for (partition, space) in system.partitions.iter().zip(spaces) {
        let (seen, home) = (space.ram_seen(), space.ram.span);
        let distance = |span: Span| span.base.0 % GIGABYTE;
        if home.size < GIGABYTE || distance(seen) == distance(home) {
            continue;
        }
        let title = format!("the memory of `{}` cannot be mapped by blocks of 1 GiB", partition.name());
        let base = seen.base.0 - distance(seen) + distance(home);
        report.push(
            Diagnostic::new(Code::LargeBlocksLost, title)
                .of(partition.name())
                .at(
                    &partition.wish.memory.site,
                    format!("{} at {home}, seen at {seen}", size_text(home.size)),
                )
                .note("it takes one entry of 2 MiB for each 2 MiB, and a TLB holds few of them")
                .help(format!("`ram-base = {base:#x}` fits; so does a multiple of 1 GiB as `memory`")),
        );
    }
}

/// Memory that nobody owns is of no use.
pub(super) fn is_owned(system: &System<'_>, spaces: &[Space], window: Span, report: &mut Report) {
    if system.partitions.iter().any(|partition| partition.wish.rest.is_some()) {
        return;
    }
    let taken = spaces.iter().map(|space| space.ram.span).chain([window]);
    let free = taken.fold(system.board.memory.clone(), |free, taken| {
        free.into_iter().flat_map(|span| without(span, taken)).collect()
    });
    let free: Vec<Span> = free.into_iter().filter_map(whole_blocks).collect();
    if let Some(largest) = free.iter().max_by_key(|span| span.size) {
        let sum = free.iter().fold(0_u64, |sum, span| sum.saturating_add(span.size));
        let title = format!("{} of memory are nobody's", size_text(sum));
        let note = format!("the largest stretch is {} at {largest}", size_text(largest.size));
        report.push(
            Diagnostic::new(Code::MemoryFree, title).note(note).help("add to the `memory` of a partition"),
        );
    }
}
