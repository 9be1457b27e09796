//! Gives out addresses: of RAM, then of what each partition sees.
//!
//! RAM is given first fit, in the order of the file, aligned so that stage 2 needs large blocks only; but what
//! holds an image in place lies behind the window, so that one file has both. A partition sees its RAM where the board's RAM begins, so that an image for the bare board runs as it is,
//! and every device where it really is.

use crate::board::{Board, STRIDE, joined, outer_pages, without};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::{Partition, System};
use crate::load::{MemoryWish, size_text};
use bulkhead_plan::{BLOCK, GIGABYTE, Ipa, PAGE, Pa, Region, RegionKind, Span};

/// Bits of an address that a partition can see: what a stage-2 root of one page covers.
pub(crate) const IPA_BITS: u32 = 39;
/// Bytes from a CPU's RD_base to its SGI_base.
const SGI_BASE: u64 = 0x1_0000;

/// Bits of an address that a partition can see and its device tree can say.
pub(crate) fn address_bits(board: &Board) -> u32 {
    let cells = board.tree.node(board.tree.root()).cell("#address-cells").unwrap_or(2);
    if cells == 1 { 32 } else { IPA_BITS }
}

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
    /// The CPU interface of a GICv2.
    pub(crate) cpu_interface: Ipa,
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

/// What of a stretch of memory a partition could have.
pub(crate) fn whole_blocks(span: Span) -> Option<Span> {
    let start = span.base.0.checked_next_multiple_of(BLOCK)?;
    let size = span.end()?.checked_sub(start)? & !(BLOCK - 1);
    (size > 0).then(|| Span::new(start, size))
}

/// Gives every partition its addresses, `window` being the hypervisor's; `None` after a fault was filed.
pub(crate) fn allocate(system: &System<'_>, window: Span, report: &mut Report) -> Option<Vec<Space>> {
    let board = system.board;
    let mut spaces = Vec::new();
    let mut unwired = system.wish.board.unwired.iter().filter_map(|it| u32::try_from(it.value).ok());
    for (partition, home) in system.partitions.iter().zip(homes(system, window, report)) {
        let uart = virtual_uart(board, partition, &mut unwired);
        match home.map(|home| space(board, partition, home, uart)) {
            Some(Ok(space)) => spaces.push(space),
            Some(Err(fault)) => report.push(fault),
            None => {}
        }
    }
    (spaces.len() == system.partitions.len()).then_some(spaces)
}

/// The memory of every partition: first of those that have a place in the lock file, then of the others in
/// the order of the file, then what is left.
fn homes(system: &System<'_>, window: Span, report: &mut Report) -> Vec<Option<Span>> {
    let mut free: Vec<Span> = system.board.memory.iter().flat_map(|ram| without(*ram, window)).collect();
    let behind = behind(system, window);
    let pinned = |partition: &Partition<'_>, free: &mut Vec<Span>| {
        let pin = system.wish.pin(partition.name())?;
        let home = Span::new(pin.memory.value, pin.size.value);
        let is_wanted = partition.wish.memory.value == MemoryWish::Bytes(home.size) && home.size > 0;
        let is_free = home.base.is_aligned(BLOCK) && free.iter().any(|span| span.contains(&home));
        let is_free = is_free && (!partition.in_place || behind.contains(&home));
        (is_wanted && is_free).then(|| give(free, home))
    };
    let mut homes: Vec<Option<Span>> = system.partitions.iter().map(|it| pinned(it, &mut free)).collect();
    let mut homeless: Vec<_> =
        system.partitions.iter().zip(&mut homes).filter(|(_, home)| home.is_none()).collect();
    // What lies behind each other in one file: the smallest first, for the file holds all but the last of it.
    homeless.sort_by_key(|(partition, _)| match (partition.wish.memory.value, partition.in_place) {
        (MemoryWish::Bytes(size), true) => (0, size),
        (MemoryWish::Bytes(_), false) => (1, 0),
        (MemoryWish::Rest, _) => (2, 0),
    });
    for (partition, home) in homeless {
        *home = match (partition.wish.memory.value, partition.in_place) {
            (MemoryWish::Bytes(size), false) => take(&free, size),
            (MemoryWish::Bytes(size), true) => first_fit(&inside(&free, behind), size, BLOCK),
            (MemoryWish::Rest, false) => largest(&free),
            (MemoryWish::Rest, true) => largest(&inside(&free, behind)),
        };
        match home {
            Some(home) => _ = give(&mut free, *home),
            None => report.push(full(system, partition, (&free, window))),
        }
    }
    homes
}

/// Where one file reaches from the window on: the RAM behind it, but for the block that keeps room for the
/// firmware's device tree when that file moves.
fn behind(system: &System<'_>, window: Span) -> Span {
    let ram = system.board.memory.iter().find(|ram| ram.contains(&window));
    let end = ram.and_then(Span::end).unwrap_or(0).saturating_sub(BLOCK);
    let start = window.end().unwrap_or(u64::MAX);
    Span::new(start, end.saturating_sub(start))
}

/// What of `free` lies in `place`.
fn inside(free: &[Span], place: Span) -> Vec<Span> {
    let within = |span: &Span| {
        let start = span.base.max(place.base).0;
        let size = span.end()?.min(place.end()?).checked_sub(start)?;
        Some(Span::new(start, size))
    };
    free.iter().filter_map(within).collect()
}

fn give(free: &mut Vec<Span>, home: Span) -> Span {
    *free = free.iter().flat_map(|span| without(*span, home)).collect();
    home
}

/// The largest free stretch of whole blocks.
fn largest(free: &[Span]) -> Option<Span> {
    // Of two of one size the lower one.
    free.iter().filter_map(|span| whole_blocks(*span)).rev().max_by_key(|span| span.size)
}

/// The first place for `size` bytes, in large blocks if it can be.
fn take(free: &[Span], size: u64) -> Option<Span> {
    let units = if size.is_multiple_of(GIGABYTE) { [GIGABYTE, BLOCK] } else { [BLOCK, BLOCK] };
    units.into_iter().find_map(|unit| first_fit(free, size, unit))
}

/// The first place for `size` bytes from a multiple of `unit` on.
fn first_fit(free: &[Span], size: u64, unit: u64) -> Option<Span> {
    free.iter().find_map(|span| {
        let home = Span::new(span.base.0.checked_next_multiple_of(unit)?, size);
        span.contains(&home).then_some(home)
    })
}

/// The UART of a partition that has none, where the board's console is. Interrupts are given in the order of
/// the file, as long as there are any; without one a driver has to poll.
fn virtual_uart(
    board: &Board,
    partition: &Partition<'_>,
    unwired: &mut impl Iterator<Item = u32>,
) -> Option<VirtualUart> {
    let base = board.console.and_then(|console| console.virtual_uart());
    let base = base.filter(|_| partition.uart(board).is_none())?;
    Some(VirtualUart { base, interrupt: unwired.next() })
}

fn space(
    board: &Board,
    partition: &Partition<'_>,
    home: Span,
    uart: Option<VirtualUart>,
) -> Result<Space, Diagnostic> {
    let redistributors = Ipa(board.gic.redistributors.first().map_or(0, |region| region.base.0));
    let own_frames = board.gic.redistributors.first().map_or(0, |_| count(partition.cpus.len()));
    let pages = partition.devices.iter().flat_map(|device| &device.registers).map(|span| outer_pages(*span));
    let devices: Vec<Span> = joined(pages.collect());
    let distributor = board.gic.distributor;
    let interface = board.gic.cpu_interface.map(|it| Span { base: Pa(it.base), ..it.place });
    let virtual_frames = [
        distributor,
        interface.unwrap_or_default(),
        Span::new(redistributors.0, STRIDE.saturating_mul(own_frames)),
        uart.map_or(Span::default(), |uart| Span::new(uart.base.0, PAGE)),
    ];
    let all = || devices.iter().chain(&virtual_frames);
    let ram = region(Ipa(ram_base(board, partition, home, all())), home, RegionKind::Ram);
    fits(board, partition, &ram, all())?;
    let mut regions = vec![ram];
    regions.extend(devices.into_iter().map(|span| region(Ipa(span.base.0), span, RegionKind::Device)));
    for (vcpu, (cpu, _)) in (0..).zip(&partition.cpus) {
        let Some(own) = board.cpus[*cpu].redistributor else { continue };
        let seen = Ipa(redistributors.0 + vcpu * STRIDE + SGI_BASE);
        regions.push(region(seen, Span::new(own.0 + SGI_BASE, PAGE), RegionKind::SgiFrame));
    }
    // Who is guarded has every access to the interface looked at.
    if let Some(interface) = board.gic.cpu_interface.filter(|_| !partition.is_guarded()) {
        let page = Span { size: PAGE, ..interface.place };
        regions.push(region(Ipa(interface.base), page, RegionKind::CpuInterface));
    }
    regions.sort_by_key(|region| region.ipa);
    let cpu_interface = Ipa(interface.map_or(0, |seen| seen.base.0));
    let distributor = Ipa(distributor.base.0);
    Ok(Space { ram, regions, distributor, redistributors, cpu_interface, uart })
}

/// Where a partition sees its memory. Who takes the rest may get more of it than there is room where the
/// board's RAM begins; where the memory really is, there is room.
fn ram_base<'a>(
    board: &Board,
    partition: &Partition<'_>,
    home: Span,
    mut devices: impl Iterator<Item = &'a Span>,
) -> u64 {
    let usual = Span::new(board.ram_base(), home.size);
    match &partition.wish.ram_base {
        _ if partition.identity => home.base.0,
        Some(wished) => wished.value,
        None if partition.wish.memory.value == MemoryWish::Rest && devices.any(|it| it.overlaps(&usual)) => {
            home.base.0
        }
        None => usual.base.0,
    }
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
    let bits = address_bits(board);
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

fn full(system: &System<'_>, partition: &Partition<'_>, (free, window): (&[Span], Span)) -> Diagnostic {
    let board = system.board;
    let title = format!("the memory of `{}` does not fit the board", partition.name());
    let label = match partition.wish.memory.value {
        MemoryWish::Bytes(size) => format!("asks for {}", size_text(size)),
        MemoryWish::Rest => "takes the rest".to_owned(),
    };
    let all = size_text(board.ram.iter().map(|span| span.size).sum());
    let stated = match system.wish.board.memory.is_empty() {
        true => Some(format!(
            "if `{}` has more than the {all} of its device tree, `[[memory]]` in its `board.toml` says so",
            board.name
        )),
        false => None,
    };
    let behind = partition.in_place.then(|| inside(free, behind(system, window)));
    let free = behind.as_deref().unwrap_or(free);
    let behind_it =
        if partition.in_place { "; an image in place lies behind that, with 2 MiB to spare" } else { "" };
    Diagnostic::new(Code::MemoryFull, title)
        .at(&partition.wish.memory.site, label)
        .note(format!("the hypervisor has {window} and the partitions before it have theirs{behind_it}"))
        .help(format!("the largest free stretch is {}", size_text(largest(free).map_or(0, |span| span.size))))
        .help_if(stated)
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
    fn a_gigabyte_lies_where_one_block_maps_it() {
        let free = [Span::new(0x4020_0000, 0xbfe0_0000)];
        assert_eq!(take(&free, GIGABYTE), Some(Span::new(0x8000_0000, GIGABYTE)));
        assert_eq!(take(&free, BLOCK), Some(Span::new(0x4020_0000, BLOCK)));
    }

    #[test]
    fn a_gigabyte_lies_in_small_blocks_rather_than_nowhere() {
        let free = [Span::new(0x4020_0000, 0x5000_0000)];
        assert_eq!(take(&free, GIGABYTE), Some(Span::new(0x4020_0000, GIGABYTE)));
    }

    #[test]
    fn what_does_not_fit_lies_nowhere() {
        assert_eq!(take(&[Span::new(0x4010_0000, BLOCK)], BLOCK), None);
    }

    #[test]
    fn what_is_inside_of_a_place_is_cut_to_it() {
        let free = [Span::new(0, 0x1000), Span::new(0x2000, 0x2000), Span::new(0x5000, 0x1000)];
        let cut = [Span::new(0x3000, 0x1000), Span::new(0x5000, 0x800)];
        assert_eq!(inside(&free, Span::new(0x3000, 0x2800)), cut);
    }
}
