//! The board's interrupt controller.
//!
//! Frames are those of GICv3 §12.10: per CPU 64 KiB of RD_base and 64 KiB of SGI_base, unless the tree
//! gives another stride (GICv4 has four frames). A GICv2 has one frame for all CPUs (GICv2 §4.1.3), and no
//! redistributors. That frame has two pages. On boards with pages of 64 KiB each of the two is there 16 times
//! (Arm's Server Base System Architecture asks for it), and the two that lie together are the last of the one
//! and the first of the other.

use crate::tree::{NodeId, Tree};
use bulkhead_plan::{GicVersion, PAGE, Pa, Span, Trigger};

/// Bytes between two redistributors of a GICv3.
pub(crate) const STRIDE: u64 = 0x2_0000;

/// Bytes of one frame.
const FRAME: u64 = 0x1_0000;

/// Which of Arm's interrupt controllers it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// GICv2: the CPU interface is a frame.
    V2,
    /// GICv3 or GICv4: the CPU interface is system registers.
    V3,
}

/// An interrupt controller.
#[derive(Debug)]
pub(crate) struct Gic {
    /// Its node.
    pub(crate) node: NodeId,
    /// What it is.
    pub(crate) version: Version,
    /// GICD.
    pub(crate) distributor: Span,
    /// GICC, the CPU interface of a GICv2.
    pub(crate) cpu_interface: Option<CpuInterface>,
    /// The regions that hold the redistributors.
    pub(crate) redistributors: Vec<Span>,
    /// Its ITSs: control and translation frame each.
    pub(crate) translators: Vec<Span>,
    /// Every frame of it, for nobody else to own.
    pub(crate) frames: Vec<Span>,
    stride: u64,
}

/// The CPU interface of a GICv2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuInterface {
    /// Its two pages.
    pub(crate) place: Span,
    /// Where the tree says that they begin, and so a guest looks for them.
    pub(crate) base: u64,
}

/// An interrupt as the GIC's binding describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// A shared peripheral interrupt.
    Spi(u32, Trigger),
    /// A private one of each CPU.
    Ppi(u32),
}

impl Version {
    /// Arm's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V2 => "GICv2",
            Self::V3 => "GICv3",
        }
    }
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

    /// The CPU interface of a GICv2 is at `address`, whatever the tree says. A guest goes on looking for it where the
    /// tree has it, if that can be another view of the same.
    pub(super) fn move_cpu_interface(&mut self, address: u64) {
        let Some(interface) = &mut self.cpu_interface else { return };
        interface.place.base = Pa(address);
        if !(interface.base..interface.base + REPEATED).contains(&address) {
            interface.base = address;
        }
        self.frames.push(interface.place);
    }

    /// What a specifier means; `None` if it is no interrupt of a GIC without the extended ranges.
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

/// The kinds of GICv2, by their `compatible`.
const V2: &[&str] = &["arm,cortex-a15-gic", "arm,cortex-a7-gic", "arm,gic-400", "qcom,msm-qgic2"];
/// The kinds of GICv1.
const V1: &[&str] = &["arm,cortex-a9-gic", "arm,pl390"];
/// Bytes of a GICv2's CPU interface in a tree that has each of its pages 16 times, and from the first of them
/// to the last.
const REPEATED: u64 = 0x2_0000;
const TO_THE_LAST: u64 = 0xf000;

/// The GIC of a tree that stands above all others.
pub(super) fn gic(tree: &Tree) -> Result<Gic, String> {
    let is_v2 = |id: &NodeId| V2.iter().any(|kind| tree.node(*id).is_a(kind));
    let working = || tree.ids().filter(|id| tree.is_enabled(*id));
    match (working().find(|id| tree.node(*id).is_a("arm,gic-v3")), working().find(is_v2)) {
        (Some(node), _) => v3(tree, node),
        (None, Some(node)) => v2(tree, node),
        (None, None) if working().any(|id| V1.iter().any(|kind| tree.node(id).is_a(kind))) => {
            Err("its interrupt controller is a GICv1, and a GICv2 is the oldest one supported".to_owned())
        }
        (None, None) => Err("this tree has no GIC".to_owned()),
    }
}

fn v2(tree: &Tree, node: NodeId) -> Result<Gic, String> {
    let frames = all_frames(tree, node)?;
    let own = tree.registers(node)?;
    let [distributor, interface, ..] = own[..] else {
        return Err("the GIC of this tree lacks GICD or GICC".to_owned());
    };
    if !distributor.base.is_aligned(PAGE) || !interface.base.is_aligned(PAGE) {
        return Err("a frame of the GIC of this tree is not aligned to 4 KiB".to_owned());
    }
    let base = interface.base.0;
    let first = if interface.size == REPEATED { base + TO_THE_LAST } else { base };
    let place = Span::new(first, GicVersion::V2.cpu_interface_size());
    Ok(Gic {
        node,
        version: Version::V2,
        distributor: Span { size: GicVersion::V2.distributor_size(), ..distributor },
        cpu_interface: Some(CpuInterface { place, base }),
        redistributors: Vec::new(),
        translators: Vec::new(),
        frames,
        stride: STRIDE,
    })
}

fn v3(tree: &Tree, node: NodeId) -> Result<Gic, String> {
    let own = tree.registers(node)?;
    let regions = tree.node(node).cell("#redistributor-regions").unwrap_or(1);
    let regions = usize::try_from(regions).unwrap_or(usize::MAX);
    let (distributor, rest) = own.split_first().ok_or("the GIC of this tree has no registers")?;
    let redistributors = rest.get(..regions).ok_or("the GIC of this tree lacks redistributor regions")?;
    let stride = match tree.node(node).cells("redistributor-stride")[..] {
        [] => STRIDE,
        [0, low] | [low] if u64::from(low) >= STRIDE && u64::from(low).is_multiple_of(FRAME) => {
            u64::from(low)
        }
        _ => return Err("`redistributor-stride` of the GIC is malformed".to_owned()),
    };
    if own.iter().take(1 + regions).any(|frame| !frame.base.is_aligned(FRAME)) {
        return Err("a frame of the GIC of this tree is not aligned to 64 KiB".to_owned());
    }
    let is_its = |id: &&NodeId| tree.node(**id).is_a("arm,gic-v3-its");
    let mut translators = Vec::new();
    for its in tree.node(node).children.iter().filter(is_its) {
        translators.extend(tree.registers(*its)?.first());
    }
    Ok(Gic {
        node,
        version: Version::V3,
        distributor: Span { size: GicVersion::V3.distributor_size(), ..*distributor },
        cpu_interface: None,
        redistributors: redistributors.to_vec(),
        translators,
        frames: all_frames(tree, node)?,
        stride,
    })
}

/// The registers of a node and of what lies in it.
fn all_frames(tree: &Tree, node: NodeId) -> Result<Vec<Span>, String> {
    let each = tree.subtree(node).into_iter().map(|id| tree.registers(id));
    Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
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
