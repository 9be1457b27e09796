//! Where a guest's pieces lie in its memory.
//!
//! A kernel goes where RAM begins, its initrd behind it, its device tree on the next 2 MiB boundary: no
//! piece is in the way of another, and the tree does not cross such a boundary, as the boot protocol wants.
//! An ELF program has its device tree in the last 2 MiB, and so has a raw image. A person may put the tree
//! elsewhere, or do without.

use super::{Guest, Program, Segment};
use crate::diagnostic::{Code, Diagnostic};
use crate::expand::Partition;
use crate::load::{TreeWish, size_text};
use bulkhead_plan::{BLOCK, PAGE, Span};

/// The layout of a partition's memory.
#[derive(Debug, Default)]
pub(crate) struct Layout<'a> {
    /// What is put there, the device tree excepted.
    pub(crate) pieces: Vec<Placed<'a>>,
    /// The initrd: first byte and the one behind the last.
    pub(crate) initrd: Option<(u64, u64)>,
    /// Where the device tree goes, if there is one.
    pub(crate) tree: Option<u64>,
    /// Where the first CPU begins.
    pub(crate) entry: u64,
}

/// Bytes and where they go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<'a> {
    /// What a person calls it.
    pub(crate) what: &'static str,
    /// The bytes.
    pub(crate) bytes: &'a [u8],
    /// The partition's address for the first.
    pub(crate) at: u64,
    /// Bytes of memory taken.
    pub(crate) memory_size: u64,
}

impl Placed<'_> {
    /// The bytes with the zeros behind them.
    pub(crate) fn whole(&self) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        bytes.resize(usize::try_from(self.memory_size).unwrap_or(usize::MAX), 0);
        bytes
    }

    /// What it takes, in the partition's own addresses.
    pub(super) fn span(&self) -> Span {
        Span::new(self.at, self.memory_size)
    }
}

/// Lays a guest out in `ram`, which holds the partition's own addresses.
pub(crate) fn lay_out<'a>(
    partition: &Partition<'_>,
    guest: &'a Guest,
    ram: Span,
) -> Result<Layout<'a>, Diagnostic> {
    let start = ram.base.0;
    let end = ram.end().ok_or_else(|| too_large(partition, ram.size, u64::MAX))?;
    match &guest.program {
        Program::Kernel { bytes, text_offset, memory_size } => {
            let kernel = Placed {
                what: "kernel",
                bytes,
                at: start.saturating_add(*text_offset),
                memory_size: *memory_size,
            };
            with_kernel(partition, kernel, guest.initrd.as_deref(), ram)
        }
        Program::Movable { segments, entry } => {
            with_segments(partition, segments, (start, *entry), (start, end))
        }
        Program::Fixed { segments, entry } => with_segments(partition, segments, (0, *entry), (start, end)),
        Program::Raw { bytes, address, entry } => {
            let memory_size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let raw = Placed { what: "raw image", bytes, at: *address, memory_size };
            let tree = place_of_tree(partition, last_block(start, end));
            Ok(Layout { pieces: vec![raw], initrd: None, tree, entry: *entry })
        }
    }
}

fn with_kernel<'a>(
    partition: &Partition<'_>,
    kernel: Placed<'a>,
    initrd: Option<&'a [u8]>,
    ram: Span,
) -> Result<Layout<'a>, Diagnostic> {
    let mut free = kernel.at.saturating_add(kernel.memory_size);
    let mut pieces = vec![kernel];
    let mut place = None;
    if let Some(bytes) = initrd {
        let memory_size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let at = free.checked_next_multiple_of(PAGE).unwrap_or(u64::MAX);
        free = at.saturating_add(memory_size);
        place = Some((at, free));
        pieces.push(Placed { what: "initrd", bytes, at, memory_size });
    }
    let behind = free.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX);
    if partition.wish.tree() == TreeWish::Usual {
        free = behind.saturating_add(BLOCK);
    }
    let needed = free.saturating_sub(ram.base.0);
    if needed > ram.size {
        return Err(too_large(partition, ram.size, needed));
    }
    let tree = place_of_tree(partition, behind);
    Ok(Layout { pieces, initrd: place, tree, entry: kernel.at })
}

/// Segments and entry count from `base`; memory is from `start` to `end`.
fn with_segments<'a>(
    partition: &Partition<'_>,
    segments: &'a [Segment],
    (base, entry): (u64, u64),
    (start, end): (u64, u64),
) -> Result<Layout<'a>, Diagnostic> {
    let usual = last_block(start, end);
    let (limit, behind) = match partition.wish.tree() {
        TreeWish::Usual => (usual, BLOCK),
        TreeWish::At(_) | TreeWish::Nowhere => (end, 0),
    };
    let mut pieces = Vec::new();
    for segment in segments {
        let at = base.saturating_add(segment.physical);
        let last = at.saturating_add(segment.memory_size);
        if at < start || at >= end {
            return Err(outside(partition, Span::new(at, segment.memory_size), (start, limit)));
        }
        if last > limit {
            return Err(too_large(
                partition,
                end.saturating_sub(start),
                (last - start).saturating_add(behind),
            ));
        }
        pieces.push(Placed { what: "segment", bytes: &segment.bytes, at, memory_size: segment.memory_size });
    }
    let tree = place_of_tree(partition, usual);
    Ok(Layout { pieces, initrd: None, tree, entry: base.saturating_add(entry) })
}

/// Where the device tree goes, which usually goes to `usual`.
fn place_of_tree(partition: &Partition<'_>, usual: u64) -> Option<u64> {
    match partition.wish.tree() {
        TreeWish::Nowhere => None,
        TreeWish::At(address) => Some(address),
        TreeWish::Usual => Some(usual),
    }
}

fn last_block(start: u64, end: u64) -> u64 {
    end.saturating_sub(BLOCK).max(start)
}

fn too_large(partition: &Partition<'_>, memory: u64, needed: u64) -> Diagnostic {
    let wish = partition.wish;
    let title = format!("the image of `{}` does not fit its memory", partition.name());
    let needed = needed.checked_next_multiple_of(BLOCK).unwrap_or(needed);
    let with = if wish.tree() == TreeWish::Usual { " with its device tree" } else { "" };
    Diagnostic::new(Code::ImageTooLarge, title)
        .at(&wish.memory.site, format!("this is {}", size_text(memory)))
        .at(&wish.image.site, format!("needs {}{with}", size_text(needed)))
        .help(format!("give it \"{}M\" or more", needed >> 20))
}

fn outside(partition: &Partition<'_>, segment: Span, (start, end): (u64, u64)) -> Diagnostic {
    let title = format!("a segment of the image of `{}` lies outside of its memory", partition.name());
    let memory = Span::new(start, end.saturating_sub(start));
    Diagnostic::new(Code::SegmentOutside, title)
        .at(&partition.wish.image.site, format!("has a segment at {segment}"))
        .note(format!("there is memory for it at {memory}"))
        .help("link it for that memory, or move the memory with `ram-base`")
}
