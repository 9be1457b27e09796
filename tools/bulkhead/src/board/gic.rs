//! The board's interrupt controller.
//!
//! Frames are those of GICv3 §12.10: per CPU 64 KiB of RD_base and 64 KiB of SGI_base, unless the tree
//! gives another stride (GICv4 has four frames).

use crate::tree::{NodeId, Tree};
use bulkhead_plan::{Pa, Span, Trigger};

/// Bytes between two redistributors of a GICv3.
pub(crate) const STRIDE: u64 = 0x2_0000;

/// Bytes of one frame.
const FRAME: u64 = 0x1_0000;

/// A GICv3.
#[derive(Debug)]
pub(crate) struct Gic {
    /// Its node.
    pub(crate) node: NodeId,
    /// GICD.
    pub(crate) distributor: Span,
    /// The regions that hold the redistributors.
    pub(crate) redistributors: Vec<Span>,
    /// Its ITSs: control and translation frame each.
    pub(crate) translators: Vec<Span>,
    /// Every frame of it, for nobody else to own.
    pub(crate) frames: Vec<Span>,
    stride: u64,
}

/// An interrupt as the GIC's binding describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// A shared peripheral interrupt.
    Spi(u32, Trigger),
    /// A private one of each CPU.
    Ppi(u32),
}

impl Gic {
    /// The redistributor of the `index`th CPU: frames are used in the order of the CPUs, which the
    /// hypervisor checks at boot against each frame's GICR_TYPER.
    pub(super) fn redistributor(&self, index: usize) -> Option<Pa> {
        let frames = self.redistributors.iter().flat_map(|region| {
            let count = region.size / self.stride;
            (0..count).map(|frame| Pa(region.base.0 + frame * self.stride))
        });
        frames.into_iter().nth(index)
    }

    /// What a specifier means; `None` if it is no interrupt of a GICv3 without the extended ranges.
    pub(crate) fn wire(specifier: &[u32]) -> Option<Wire> {
        let [kind, number, flags, ..] = *specifier else { return None };
        match kind {
            0 => {
                let trigger = match flags & 0xf {
                    1 | 2 => Trigger::Edge,
                    _ => Trigger::Level,
                };
                Some(Wire::Spi(number.checked_add(32)?, trigger))
            }
            1 => (number < 16).then(|| Wire::Ppi(number + 16)),
            _ => None,
        }
    }
}

/// An INTID as a device tree writes it.
pub(crate) fn wire_text(intid: u32) -> String {
    match intid {
        32.. => format!("SPI {}", intid - 32),
        16.. => format!("PPI {}", intid - 16),
        _ => format!("SGI {intid}"),
    }
}

/// The one GICv3 of a tree.
pub(super) fn gic(tree: &Tree) -> Result<Gic, String> {
    let node = tree
        .ids()
        .find(|id| tree.node(*id).is_a("arm,gic-v3"))
        .ok_or("this tree has no GICv3, the only interrupt controller supported")?;
    let frames = tree.registers(node)?;
    let regions = tree.node(node).cell("#redistributor-regions").unwrap_or(1);
    let regions = usize::try_from(regions).unwrap_or(usize::MAX);
    let (distributor, rest) = frames.split_first().ok_or("the GIC of this tree has no registers")?;
    let redistributors = rest.get(..regions).ok_or("the GIC of this tree lacks redistributor regions")?;
    let stride = match tree.node(node).cells("redistributor-stride")[..] {
        [] => STRIDE,
        [0, low] | [low] if low != 0 && u64::from(low).is_multiple_of(STRIDE) => u64::from(low),
        _ => return Err("`redistributor-stride` of the GIC is malformed".to_owned()),
    };
    if frames.iter().take(1 + regions).any(|frame| !frame.base.is_aligned(FRAME)) {
        return Err("a frame of the GIC of this tree is not aligned to 64 KiB".to_owned());
    }
    let mut translators = Vec::new();
    let mut all = frames.clone();
    for child in &tree.node(node).children {
        let registers = tree.registers(*child)?;
        if tree.node(*child).is_a("arm,gic-v3-its") {
            translators.extend(registers.first());
        }
        all.extend(registers);
    }
    let (distributor, redistributors) = (*distributor, redistributors.to_vec());
    Ok(Gic { node, distributor, redistributors, translators, frames: all, stride })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_become_intids() {
        assert_eq!(Gic::wire(&[0, 47, 1]), Some(Wire::Spi(79, Trigger::Edge)));
        assert_eq!(Gic::wire(&[0, 8, 4]), Some(Wire::Spi(40, Trigger::Level)));
        assert_eq!(Gic::wire(&[1, 11, 0xf08]), Some(Wire::Ppi(27)));
    }

    #[test]
    fn what_is_no_interrupt_is_refused() {
        for specifier in [&[][..], &[0, 1], &[1, 16, 4], &[2, 0, 4], &[0, u32::MAX, 4]] {
            assert_eq!(Gic::wire(specifier), None, "{specifier:?}");
        }
    }
}
