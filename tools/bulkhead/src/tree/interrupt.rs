//! Which interrupt lines a device has.
//!
//! The controller is that of `interrupts-extended`, or the nearest `interrupt-parent`. A node with an
//! `interrupt-map` is no controller but a signpost, and some controllers pass every line on as it is: the
//! line is followed until it ends (Devicetree Specification 2.4).

use super::provider::Reference;
use super::{DEEPEST, NodeId, Tree};

/// Signposts that lead to each other are no board's.
const LONGEST: usize = 8;

/// Controllers that stand before another one and call each line by the name that it has there.
const TRANSPARENT: &[&str] = &["mediatek,mt6577-sysirq", "nvidia,tegra210-ictlr", "nvidia,tegra30-ictlr"];

/// Signposts whose entries leave out the unit address above, as Linux knows of them, too.
const SHORT: &[&str] =
    &["fsl,ls1021a-extirq", "fsl,ls1043a-extirq", "fsl,ls1088a-extirq", "renesas,rza1-irqc"];

/// A line into an interrupt controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The controller.
    pub(crate) controller: NodeId,
    /// What the controller's binding says it is.
    pub(crate) specifier: Vec<u32>,
}

impl Tree {
    /// The interrupt lines of a node, each where the node itself says that it goes.
    pub(crate) fn lines(&self, id: NodeId) -> Result<Vec<Line>, String> {
        let node = self.node(id);
        if node.property("interrupts-extended").is_some() {
            let entries = self.references(id, "interrupts-extended")?;
            let line =
                |entry: Reference| Some(Line { controller: entry.target?, specifier: entry.arguments });
            return Ok(entries.into_iter().filter_map(line).collect());
        }
        let cells = node.cells("interrupts");
        if cells.is_empty() {
            return Ok(Vec::new());
        }
        let controller = self.interrupt_parent(id)?;
        let count = self.count(controller, "#interrupt-cells");
        if count == 0 || !cells.len().is_multiple_of(count) {
            return Err(format!("`interrupts` of `{}` is malformed", node.path));
        }
        Ok(cells.chunks_exact(count).map(|cells| Line { controller, specifier: cells.to_vec() }).collect())
    }

    /// The interrupt lines of a node, each where it ends.
    pub(crate) fn final_lines(&self, id: NodeId) -> Result<Vec<Line>, String> {
        self.lines(id)?.into_iter().map(|line| self.follow(id, line)).collect()
    }

    /// The lines that a signpost passes on for the devices behind it.
    pub(crate) fn mapped_lines(&self, id: NodeId) -> Vec<Line> {
        self.signs(id).into_iter().map(|sign| sign.line).collect()
    }

    /// The controller or signpost that a node's `interrupts` speak to: the first node with interrupt cells on
    /// the way that `interrupt-parent`, or else the tree, leads.
    pub(crate) fn interrupt_parent(&self, id: NodeId) -> Result<NodeId, String> {
        let path = &self.node(id).path;
        let mut at = id;
        for _ in 0..DEEPEST {
            let above = match self.node(at).cell("interrupt-parent") {
                Some(phandle) => self.by_phandle(phandle),
                None => self.node(at).parent,
            };
            at = above.ok_or_else(|| format!("`{path}` has interrupts and no interrupt controller"))?;
            if self.node(at).property("#interrupt-cells").is_some() {
                return Ok(at);
            }
        }
        Err(format!("the way to the interrupt controller of `{path}` goes in circles"))
    }

    fn follow(&self, device: NodeId, mut line: Line) -> Result<Line, String> {
        let unit = self.node(device).cells("reg");
        for _ in 0..LONGEST {
            let controller = self.node(line.controller);
            if controller.property("interrupt-map").is_some() {
                let lost = || format!("no entry of `{}` maps {:?}", controller.path, line.specifier);
                line = self.sign_for(line.controller, &unit, &line.specifier).ok_or_else(lost)?;
            } else if controller.compatible().iter().any(|kind| TRANSPARENT.contains(kind)) {
                line.controller = self.interrupt_parent(line.controller)?;
            } else {
                return Ok(line);
            }
        }
        Err(format!("an interrupt of `{}` goes in circles", self.node(device).path))
    }

    /// Where a signpost leads a device with the unit address `unit`.
    fn sign_for(&self, signpost: NodeId, unit: &[u32], specifier: &[u32]) -> Option<Line> {
        let mask = self.node(signpost).cells("interrupt-map-mask");
        let wide = self.count(signpost, "#address-cells");
        let mut asked: Vec<u32> = (0..wide).map(|at| unit.get(at).copied().unwrap_or(0)).collect();
        asked.extend(specifier);
        let is_meant = |sign: &Sign| {
            sign.child.iter().zip(&asked).enumerate().all(|(at, (sign, asked))| {
                let mask = mask.get(at).copied().unwrap_or(u32::MAX);
                sign & mask == asked & mask
            })
        };
        self.signs(signpost).into_iter().find(is_meant).map(|sign| sign.line)
    }

    /// The entries of an `interrupt-map`, up to the first malformed one.
    fn signs(&self, id: NodeId) -> Vec<Sign> {
        let below = self.count(id, "#address-cells") + self.count(id, "#interrupt-cells");
        let is_short = SHORT.iter().any(|kind| self.node(id).is_a(kind));
        let above = |controller| if is_short { 0 } else { self.count(controller, "#address-cells") };
        let cells = self.node(id).cells("interrupt-map");
        let mut rest = cells.as_slice();
        let mut next = || {
            let (child, after) = rest.split_at_checked(below)?;
            let (phandle, after) = after.split_first()?;
            let controller = self.by_phandle(*phandle)?;
            let after = after.get(above(controller)..)?;
            let (specifier, after) = after.split_at_checked(self.count(controller, "#interrupt-cells"))?;
            rest = after;
            Some(Sign { child: child.to_vec(), line: Line { controller, specifier: specifier.to_vec() } })
        };
        std::iter::from_fn(&mut next).collect()
    }
}

/// An entry of an `interrupt-map`.
struct Sign {
    /// Unit address and specifier below the signpost.
    child: Vec<u32>,
    /// Where they go.
    line: Line,
}

#[cfg(test)]
mod tests {
    use super::super::tests::{node, tree, with};
    use super::*;

    /// A GIC (phandle 1) with `#address-cells` of its own, and a device in a signpost (phandle 2).
    fn mapped(map: &[u32], mask: &[u32]) -> Tree {
        let gic = with(
            with(with(node("gic"), "phandle", 1_u32), "#interrupt-cells", 3_u32),
            "#address-cells",
            2_u32,
        );
        let mut post = with(with(node("post"), "phandle", 2_u32), "#interrupt-cells", 1_u32);
        post = with(with(post, "#address-cells", 1_u32), "interrupt-map", map.to_vec());
        post = with(post, "interrupt-map-mask", mask.to_vec());
        let device = with(with(node("device"), "reg", vec![5_u32]), "interrupts", vec![9_u32]);
        post.add_child(with(device, "interrupt-parent", 2_u32));
        let mut root = node("");
        root.add_child(gic);
        root.add_child(post);
        tree(root)
    }

    fn line(tree: &Tree) -> Result<(String, Vec<u32>), String> {
        let lines = tree.final_lines(tree.at("/post/device").unwrap())?;
        Ok((tree.node(lines[0].controller).path.clone(), lines[0].specifier.clone()))
    }

    #[test]
    fn a_signpost_is_followed_by_unit_address_and_line() {
        let map = [4, 9, 1, 0, 0, 0, 40, 4, 5, 9, 1, 0, 0, 0, 41, 4];
        assert_eq!(line(&mapped(&map, &[0xff, 0xff])).unwrap(), ("/gic".to_owned(), vec![0, 41, 4]));
        assert_eq!(line(&mapped(&map, &[0, 0xff])).unwrap(), ("/gic".to_owned(), vec![0, 40, 4]));
    }

    #[test]
    fn some_signposts_leave_out_the_address_above() {
        let mut tree = mapped(&[5, 9, 1, 0, 41, 4], &[0xff, 0xff]);
        assert!(line(&tree).is_err());
        let post = tree.at("/post").unwrap();
        tree.nodes[post.0].properties.push(("compatible".to_owned(), b"fsl,ls1043a-extirq\0".to_vec()));
        assert_eq!(line(&tree).unwrap(), ("/gic".to_owned(), vec![0, 41, 4]));
    }

    #[test]
    fn a_line_that_no_entry_maps_is_a_fault() {
        let map = [4, 9, 1, 0, 0, 0, 40, 4];
        assert!(line(&mapped(&map, &[0xff, 0xff])).unwrap_err().contains("maps [9]"));
    }

    #[test]
    fn a_signpost_that_leads_to_itself_is_a_fault() {
        let map = [5, 9, 2, 5, 9];
        assert!(line(&mapped(&map, &[0xff, 0xff])).unwrap_err().contains("circles"));
    }

    #[test]
    fn a_malformed_entry_ends_the_map() {
        let tree = mapped(&[4, 9, 1, 0, 0, 0, 40, 4, 5, 9, 1, 0], &[0xff, 0xff]);
        assert_eq!(tree.mapped_lines(tree.at("/post").unwrap()).len(), 1);
    }

    #[test]
    fn a_transparent_controller_passes_the_line_on() {
        let gic = with(with(node("gic"), "phandle", 1_u32), "#interrupt-cells", 3_u32);
        let passes = with(node("sysirq"), "compatible", "mediatek,mt6577-sysirq");
        let passes = with(with(passes, "phandle", 2_u32), "#interrupt-cells", 3_u32);
        let mut root = with(node(""), "interrupt-parent", 2_u32);
        root.add_child(gic);
        root.add_child(with(passes, "interrupt-parent", 1_u32));
        root.add_child(with(node("device"), "interrupts", vec![0_u32, 8, 4]));
        let tree = tree(root);
        let lines = tree.final_lines(tree.at("/device").unwrap()).unwrap();
        assert_eq!(lines, [Line { controller: tree.at("/gic").unwrap(), specifier: vec![0, 8, 4] }]);
    }
}
