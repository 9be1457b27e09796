//! Writes the file.
//!
//! Offsets in the file are offsets in the window, and behind it in the RAM that follows; what nobody has is zero.

use super::draft::Draft;
use super::{Assembly, Content, count};
use crate::expand::System;
use crate::hypervisor;
use crate::records::{conduit, console, records};
use bulkhead_plan::{BootHeader, Span};
use bulkhead_verify::hypervisor_digest;

/// The file while it is written, from low addresses to high ones.
struct Image {
    base: u64,
    bytes: Vec<u8>,
    contents: Vec<Content>,
}

/// Writes what was decided.
pub(super) fn write(system: &System<'_>, draft: Draft<'_>, hypervisor: &[u8]) -> Assembly {
    let window = draft.own.window.base.0;
    let mut image = Image { base: window, bytes: Vec::new(), contents: Vec::new() };
    let plan = records(system, &draft.spaces, &draft.placements, draft.own);
    image.put(window, hypervisor, "hypervisor");
    image.fill_up_to(draft.plan.base.0);
    let plan = plan.encode(&draft.tables, draft.tables_place, hypervisor_digest(&image.bytes));
    image.put(draft.plan.base.0, &plan, "plan");
    image.put(draft.tables_place.base.0, &draft.tables, "stage-2 tables");
    let partitions = || system.partitions.iter().zip(&draft.placements);
    let each = || partitions().zip(&draft.pieces);
    for ((partition, placement), pieces) in each().filter(|((partition, _), _)| !partition.in_place) {
        for (load, piece) in placement.loads.iter().zip(pieces) {
            image.put(load.source.0, piece.bytes, &format!("{} of `{}`", piece.what, partition.name()));
        }
    }
    for ((partition, placement), tree) in partitions().zip(&draft.trees) {
        if let (Some(tree), Some(load)) = (tree, placement.loads.last()) {
            image.put(load.source.0, tree, &format!("device tree of `{}`", partition.name()));
        }
    }
    image.contents.push(Content { span: draft.own.heap, what: "heap".to_owned() });
    let image_size = count(image.bytes.len());
    let standing = each().filter(|((partition, _), _)| partition.in_place);
    let mut standing: Vec<_> =
        standing.flat_map(|((_, placement), pieces)| placement.loads.iter().zip(pieces)).collect();
    standing.sort_by_key(|(load, _)| load.source);
    for (load, piece) in standing {
        image.fill_up_to(load.source.0);
        image.bytes.extend(piece.whole());
    }
    let header = BootHeader {
        window: draft.own.window,
        image_size,
        file_size: count(image.bytes.len()),
        plan_offset: draft.plan.base.0 - window,
        plan_size: draft.plan.size,
        heap: draft.own.heap,
        console: console(system.board),
        conduit: conduit(system.board),
        reserved: 0,
    };
    hypervisor::stamp(&mut image.bytes, &header);
    let (spaces, window) = (draft.spaces, draft.own.window);
    Assembly { image: image.bytes, contents: image.contents, spaces, window, trees: draft.trees }
}

impl Image {
    fn fill_up_to(&mut self, at: u64) {
        self.bytes.resize(usize::try_from(at - self.base).unwrap_or(usize::MAX), 0);
    }

    fn put(&mut self, at: u64, bytes: &[u8], what: &str) {
        self.fill_up_to(at);
        self.bytes.extend_from_slice(bytes);
        self.contents.push(Content { span: Span::new(at, count(bytes.len())), what: what.to_owned() });
    }
}
