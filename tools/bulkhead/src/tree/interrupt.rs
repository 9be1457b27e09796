//! Which interrupt lines a device has.
//!
//! The controller is that of `interrupts-extended`, or the nearest `interrupt-parent` (Devicetree
//! Specification 2.4.1). A bus has those of `interrupt-map`, too (2.4.3): there its slots' lines arrive.

use super::{NodeId, Tree};

/// A line into an interrupt controller.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The controller.
    pub(crate) controller: NodeId,
    /// What the controller's binding says it is.
    pub(crate) specifier: Vec<u32>,
}

impl Tree {
    /// The interrupt lines of a node.
    pub(crate) fn lines(&self, id: NodeId) -> Result<Vec<Line>, String> {
        let node = self.node(id);
        if node.property("interrupts-extended").is_some() {
            let entries = self.specifiers(id, "interrupts-extended", Some("#interrupt-cells"))?;
            let line = |(controller, specifier)| Line { controller, specifier };
            return Ok(entries.into_iter().map(line).collect());
        }
        let cells = node.cells("interrupts");
        if cells.is_empty() {
            return Ok(Vec::new());
        }
        let parent = std::iter::once(id)
            .chain(self.ancestors(id))
            .find_map(|id| self.node(id).cell("interrupt-parent"))
            .ok_or_else(|| format!("`{}` has interrupts and no interrupt controller", node.path))?;
        let controller = self
            .by_phandle(parent)
            .ok_or_else(|| format!("the interrupt controller of `{}` is not in the tree", node.path))?;
        let count = self.node(controller).cell("#interrupt-cells").unwrap_or(0);
        let count = usize::try_from(count).unwrap_or(0);
        if count == 0 || !cells.len().is_multiple_of(count) {
            return Err(format!("`interrupts` of `{}` is malformed", node.path));
        }
        Ok(cells.chunks_exact(count).map(|cells| Line { controller, specifier: cells.to_vec() }).collect())
    }

    /// The lines that a bus passes on for the devices on it, up to the first malformed entry of its map.
    pub(crate) fn mapped_lines(&self, id: NodeId) -> Vec<Line> {
        let count = |id, name| usize::try_from(self.node(id).cell(name).unwrap_or(0)).unwrap_or(usize::MAX);
        let below = count(id, "#address-cells").saturating_add(count(id, "#interrupt-cells"));
        let cells = self.node(id).cells("interrupt-map");
        let mut rest = cells.as_slice();
        let mut next = || {
            let (phandle, after) = rest.get(below..)?.split_first()?;
            let controller = self.by_phandle(*phandle)?;
            let after = after.get(count(controller, "#address-cells")..)?;
            let (specifier, after) = after.split_at_checked(count(controller, "#interrupt-cells"))?;
            rest = after;
            Some(Line { controller, specifier: specifier.to_vec() })
        };
        std::iter::from_fn(&mut next).collect()
    }
}
