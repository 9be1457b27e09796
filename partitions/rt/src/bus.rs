//! Addresses of the device tree as CPUs see them, through the buses in between.
//!
//! A bus says by `ranges` where the addresses of what hangs on it are on its own bus (Devicetree Specification 0.4
//! §2.3.8); an empty one changes nothing. The crate `fdt` knows a node's parent, but not the parent's: so a bus is
//! looked for once more, by where its property lies.

use crate::machine::Span;
use crate::tree::{Flat, TreeError, TreeNode};

/// `span`, which is in the `reg` of `node`, as a CPU sees it.
pub(crate) fn seen_by_cpus(tree: &Flat, node: &TreeNode, span: Span) -> Result<Span, TreeError> {
    let (mut node, mut base) = (*node, span.base);
    while let Some(bus) = bus_of(tree, &node)? {
        let ranges = bus.ranges()?.into_iter().flat_map(|ranges| ranges.iter::<u64, u64, u64>());
        let inside = |child: u64, length: u64| base.checked_sub(child).filter(|offset| *offset < length);
        let mut moved = ranges.map_while(Result::ok).filter_map(|range| {
            Some(range.parent_bus_address.wrapping_add(inside(range.child_bus_address, range.len)?))
        });
        base = moved.next().unwrap_or(base);
        node = bus;
    }
    Ok(Span { base, ..span })
}

/// The bus that a node hangs on, if it translates addresses.
fn bus_of(tree: &Flat, node: &TreeNode) -> Result<Option<TreeNode>, TreeError> {
    let Some(parent) = node.parent() else { return Ok(None) };
    let Some(ranges) = parent.raw_property("ranges")? else { return Ok(None) };
    for candidate in tree.root()?.all_nodes()? {
        let (_, candidate) = candidate?;
        let own = candidate.raw_property("ranges")?;
        if own.is_some_and(|own| own.value.as_ptr() == ranges.value.as_ptr()) {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}
