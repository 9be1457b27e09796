//! Gives out addresses: of RAM, then of what each partition sees.
//!
//! RAM is given first fit, in the order of the file, aligned so that stage 2 needs large blocks only. A
//! partition sees its RAM where the board's RAM begins, so that an image for the bare board runs as it is,
//! and every device where it really is.

use crate::board::{Board, STRIDE, joined, outer_pages, without};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::{Partition, System};
use crate::load::size_text;
use bulkhead_plan::{BLOCK, GIGABYTE, Ipa, PAGE, Pa, Region, RegionKind, Span};

/// Bits of an address that a partition can see: what a stage-2 root of one page covers.
pub(crate) const IPA_BITS: u32 = 39;
/// Bytes from a CPU's RD_base to its SGI_base.
const SGI_BASE: u64 = 0x1_0000;

/// What a partition sees.
#[derive(Debug)]
pub(crate) struct Space {
    /// Its RAM.
    pub(crate) ram: Region,
    /// All that it reaches by itself, RAM included, by rising IPA.
    pub(crate) regions: Vec<Region>,
    /// The distributor.
    pub(crate) distributor: Ipa,
    /// The first redistributor.
    pub(crate) redistributors: Ipa,
    /// A virtual PL011, if it has no UART of its own.
    pub(crate) uart: Option<VirtualUart>,
}

/// A UART that the hypervisor plays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VirtualUart {
    /// Where the partition sees it.
    pub(crate) base: Ipa,
    /// The interrupt that it raises, if the board has one to spare.
    pub(crate) interrupt: Option<u32>,
}

impl Space {
    /// The partition's own addresses of its RAM.
    pub(crate) fn ram_seen(&self) -> Span {
        Span { base: Pa(self.ram.ipa.0), size: self.ram.span.size }
    }
}

/// Gives every partition its addresses, `window` being the hypervisor's; `None` after a fault was filed.
pub(crate) fn allocate(system: &System<'_>, window: Span, report: &mut Report) -> Option<Vec<Space>> {
    let board = system.board;
    let mut free: Vec<Span> = board.memory.iter().flat_map(|ram| without(*ram, window)).collect();
    let mut spaces = Vec::new();
    let mut unwired = system.wish.board.unwired.iter().filter_map(|it| u32::try_from(it.value).ok());
    for partition in &system.partitions {
        let uart = virtual_uart(board, partition, &mut unwired);
        match take(&mut free, partition.wish.memory.value.0) {
            Some(home) => match space(board, partition, home, uart) {
                Ok(space) => spaces.push(space),
                Err(fault) => report.push(fault),
            },
            None => report.push(full(partition, &free, window)),
        }
    }
    (spaces.len() == system.partitions.len()).then_some(spaces)
}

/// Takes `size` bytes from the first stretch that holds them, in large blocks if it can.
fn take(free: &mut Vec<Span>, size: u64) -> Option<Span> {
    let units = if size.is_multiple_of(GIGABYTE) { [GIGABYTE, BLOCK] } else { [BLOCK, BLOCK] };
    let fit = |unit: u64| {
        free.iter().find_map(|span| {
            let home = Span::new(span.base.0.checked_next_multiple_of(unit)?, size);
            span.contains(&home).then_some(home)
        })
    };
    let home = units.into_iter().find_map(fit)?;
    *free = free.iter().flat_map(|span| without(*span, home)).collect();
    Some(home)
}

/// The UART of a partition that has none, where the board's console is. Interrupts are given in the order of
/// the file, as long as there are any; without one a driver has to poll.
fn virtual_uart(
    board: &Board,
    partition: &Partition<'_>,
    unwired: &mut impl Iterator<Item = u32>,
) -> Option<VirtualUart> {
    match (partition.uart(board), board.console) {
        (None, Some(console)) => Some(VirtualUart { base: Ipa(console.base.0), interrupt: unwired.next() }),
        _ => None,
    }
}

fn space(
    board: &Board,
    partition: &Partition<'_>,
    home: Span,
    uart: Option<VirtualUart>,
) -> Result<Space, Diagnostic> {
    let wished = partition.wish.ram_base.as_ref().map_or(board.ram_base(), |base| base.value);
    let base = if partition.identity { home.base.0 } else { wished };
    let ram = region(Ipa(base), home, RegionKind::Ram);
    let redistributors = Ipa(board.gic.redistributors.first().map_or(0, |region| region.base.0));
    let pages = partition.devices.iter().flat_map(|device| &device.registers).map(|span| outer_pages(*span));
    let devices: Vec<Span> = joined(pages.collect());
    let distributor = board.gic.distributor;
    let virtual_frames = [
        distributor,
        Span::new(redistributors.0, STRIDE.saturating_mul(count(partition.cpus.len()))),
        uart.map_or(Span::default(), |uart| Span::new(uart.base.0, PAGE)),
    ];
    fits(board, partition, &ram, devices.iter().chain(&virtual_frames))?;
    let mut regions = vec![ram];
    regions.extend(devices.into_iter().map(|span| region(Ipa(span.base.0), span, RegionKind::Device)));
    for (vcpu, (cpu, _)) in (0..).zip(&partition.cpus) {
        let seen = Ipa(redistributors.0 + vcpu * STRIDE + SGI_BASE);
        let frame = Span::new(board.cpus[*cpu].redistributor.0 + SGI_BASE, PAGE);
        regions.push(region(seen, frame, RegionKind::SgiFrame));
    }
    regions.sort_by_key(|region| region.ipa);
    Ok(Space { ram, regions, distributor: Ipa(distributor.base.0), redistributors, uart })
}

/// What the partition sees has room beside each other and below the last address.
fn fits<'a>(
    board: &Board,
    partition: &Partition<'_>,
    ram: &Region,
    devices: impl Iterator<Item = &'a Span>,
) -> Result<(), Diagnostic> {
    let seen = Span { base: Pa(ram.ipa.0), size: ram.span.size };
    let site = partition.wish.ram_base.as_ref().map_or(&partition.wish.memory.site, |base| &base.site);
    let cells = board.tree.node(board.tree.root()).cell("#address-cells").unwrap_or(2);
    let bits = if cells == 1 { 32 } else { IPA_BITS };
    let too_high = |span: &Span| span.end().is_none_or(|end| end > 1 << bits);
    for device in devices {
        if too_high(device) {
            let title = format!("a device of `{}` lies too high", partition.name());
            let own = partition.devices.iter().find(|own| own.registers.iter().any(|it| it.overlaps(device)));
            let site = own.map_or(&partition.wish.site, |own| own.site);
            let high = Diagnostic::new(Code::AddressTooHigh, title).at(site, "too high");
            return Err(high.note(format!("its registers are {device}; a partition sees {bits} bits")));
        }
        if device.overlaps(&seen) {
            let title = format!("the RAM of `{}` covers registers that it sees", partition.name());
            let covered = Diagnostic::new(Code::RamOverDevice, title).at(site, format!("RAM at {seen}"));
            let note = format!("the registers are {device}");
            return Err(covered.note(note).help("choose another `ram-base`, or less memory"));
        }
    }
    if too_high(&seen) {
        let title = format!("the RAM of `{}` lies too high", partition.name());
        let high = Diagnostic::new(Code::AddressTooHigh, title).at(site, format!("RAM at {seen}"));
        return Err(high.note(format!("a partition sees {bits} bits")).help("choose a lower `ram-base`"));
    }
    Ok(())
}

fn full(partition: &Partition<'_>, free: &[Span], window: Span) -> Diagnostic {
    let wish = partition.wish;
    let largest = free.iter().filter_map(|span| {
        let start = span.base.0.checked_next_multiple_of(BLOCK)?;
        Some(span.end()?.checked_sub(start)? & !(BLOCK - 1))
    });
    let largest = largest.max().unwrap_or(0);
    let title = format!("the memory of `{}` does not fit the board", partition.name());
    Diagnostic::new(Code::MemoryFull, title)
        .at(&wish.memory.site, format!("asks for {}", size_text(wish.memory.value.0)))
        .note(format!("the hypervisor has {window} and the partitions before it have theirs"))
        .help(format!("the largest free stretch is {}", size_text(largest)))
}

fn region(ipa: Ipa, span: Span, kind: RegionKind) -> Region {
    Region { ipa, span, kind, reserved: 0 }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gigabyte_is_taken_where_one_block_maps_it() {
        let mut free = vec![Span::new(0x4020_0000, 0xbfe0_0000)];
        assert_eq!(take(&mut free, GIGABYTE), Some(Span::new(0x8000_0000, GIGABYTE)));
        assert_eq!(take(&mut free, BLOCK), Some(Span::new(0x4020_0000, BLOCK)));
    }

    #[test]
    fn a_gigabyte_takes_small_blocks_rather_than_none() {
        let mut free = vec![Span::new(0x4020_0000, 0x5000_0000)];
        assert_eq!(take(&mut free, GIGABYTE), Some(Span::new(0x4020_0000, GIGABYTE)));
    }

    #[test]
    fn what_does_not_fit_takes_nothing() {
        let mut free = vec![Span::new(0x4010_0000, BLOCK)];
        assert_eq!(take(&mut free, BLOCK), None);
        assert_eq!(free.len(), 1);
    }
}
