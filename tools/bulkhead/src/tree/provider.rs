//! Which other nodes a device depends on.
//!
//! A blob does not say which cells are phandles; the bindings do. The table below holds those of the
//! common bindings of Linux (`Documentation/devicetree/bindings`). A phandle in a vendor's own property is
//! not seen. `iommus` and `msi-parent` are left out: a guest has neither an SMMU nor an ITS.

use super::{NodeId, Tree};

/// A dependency of a node.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    /// The property that names it.
    pub(crate) property: String,
    /// The node it names.
    pub(crate) provider: NodeId,
}

/// Properties that list phandles, each followed by as many cells as the named property of the provider
/// says; `None`: by no cells.
const SPECIFIERS: &[(&str, Option<&str>)] = &[
    ("assigned-clock-parents", Some("#clock-cells")),
    ("assigned-clocks", Some("#clock-cells")),
    ("clocks", Some("#clock-cells")),
    ("cooling-device", Some("#cooling-cells")),
    ("dmas", Some("#dma-cells")),
    ("gpios", Some("#gpio-cells")),
    ("hwlocks", Some("#hwlock-cells")),
    ("interconnects", Some("#interconnect-cells")),
    ("io-channels", Some("#io-channel-cells")),
    ("mboxes", Some("#mbox-cells")),
    ("memory-region", None),
    ("mux-controls", Some("#mux-control-cells")),
    ("nvmem", None),
    ("nvmem-cells", None),
    ("operating-points-v2", None),
    ("phy-handle", None),
    ("phys", Some("#phy-cells")),
    ("power-domains", Some("#power-domain-cells")),
    ("power-supplies", None),
    ("pwms", Some("#pwm-cells")),
    ("resets", Some("#reset-cells")),
    ("sound-dai", Some("#sound-dai-cells")),
    ("syscon", None),
    ("thermal-sensors", Some("#thermal-sensor-cells")),
];

impl Tree {
    /// The nodes that a node depends on, its interrupt controllers among them.
    pub(crate) fn needs(&self, id: NodeId) -> Result<Vec<Need>, String> {
        let mut needs = Vec::new();
        for (property, _) in &self.node(id).properties {
            let Some(cells) = specifier_cells(property) else { continue };
            for (provider, _) in self.specifiers(id, property, cells)? {
                needs.push(Need { property: property.clone(), provider });
            }
        }
        for line in self.lines(id)? {
            needs.push(Need { property: "interrupts".to_owned(), provider: line.controller });
        }
        Ok(needs)
    }

    /// The entries of a property that lists phandles; a phandle of zero is a gap.
    pub(super) fn specifiers(
        &self,
        id: NodeId,
        property: &str,
        cells: Option<&str>,
    ) -> Result<Vec<(NodeId, Vec<u32>)>, String> {
        let node = self.node(id);
        let malformed = || format!("`{property}` of `{}` is malformed", node.path);
        let all = node.cells(property);
        let mut rest = all.as_slice();
        let mut found = Vec::new();
        while let Some((&phandle, after)) = rest.split_first() {
            rest = after;
            if phandle == 0 {
                continue;
            }
            let provider = self.by_phandle(phandle).ok_or_else(malformed)?;
            let count =
                cells.map_or(Some(0), |cells| self.node(provider).cell(cells)).ok_or_else(malformed)?;
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let (specifier, after) = rest.split_at_checked(count).ok_or_else(malformed)?;
            found.push((provider, specifier.to_vec()));
            rest = after;
        }
        Ok(found)
    }
}

/// How a property lists phandles, if it does.
fn specifier_cells(property: &str) -> Option<Option<&'static str>> {
    if let Some((_, cells)) = SPECIFIERS.iter().find(|(known, _)| *known == property) {
        return Some(*cells);
    }
    let is_pinctrl = property
        .strip_prefix("pinctrl-")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    if is_pinctrl || property.ends_with("-supply") {
        return Some(None);
    }
    (property.ends_with("-gpios") || property.ends_with("-gpio")).then_some(Some("#gpio-cells"))
}
