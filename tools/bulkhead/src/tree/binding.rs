//! Which properties name other nodes, and how.
//!
//! A blob does not say which cells are phandles; the bindings do. The table holds the common bindings of Linux
//! and the usual ways in which vendors name a block of system registers (`Documentation/devicetree/bindings`).
//! A phandle in any other vendor's property is not seen.

/// How a property names nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Naming {
    /// What stands behind each phandle.
    pub(super) arguments: Arguments,
    /// What it means for the node that has the property.
    pub(crate) bond: Bond,
}

/// What stands behind a phandle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    /// As many cells as this property of the named node says; none if it says nothing.
    Counted(&'static str),
    /// So many cells, then the next phandle.
    Fixed(usize),
    /// Everything else: there is one phandle only.
    Rest,
}

/// What a reference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bond {
    /// The device does not work without the other one.
    Need,
    /// The device does without, or without a part of what it can do.
    Link,
}

use Arguments::{Counted, Fixed, Rest};
use Bond::{Link, Need};

/// The bindings; a `*` stands for anything.
const BINDINGS: &[(&str, Arguments, Bond)] = &[
    ("access-controllers", Counted("#access-controller-cells"), Link),
    ("affinity", Fixed(0), Link),
    ("allwinner,sram", Counted("#allwinner,sram-cells"), Need),
    ("amlogic,ao-secure", Fixed(0), Need),
    ("amlogic,ao-sysctrl", Fixed(0), Need),
    ("amlogic,canvas", Fixed(0), Need),
    ("assigned-clock-parents", Counted("#clock-cells"), Need),
    ("assigned-clocks", Counted("#clock-cells"), Need),
    ("backlight", Fixed(0), Need),
    ("clocks", Counted("#clock-cells"), Need),
    ("cooling-device", Counted("#cooling-cells"), Link),
    ("cpu", Fixed(0), Link),
    ("cpu-idle-states", Fixed(0), Link),
    ("cpus", Fixed(0), Link),
    ("dmas", Counted("#dma-cells"), Need),
    ("domain-idle-states", Fixed(0), Link),
    ("extcon", Fixed(0), Need),
    ("fsl,blk-ctrl", Rest, Need),
    ("fsl,usbmisc", Counted("#index-cells"), Need),
    ("fsl,usbphy", Fixed(0), Need),
    ("gpio", Counted("#gpio-cells"), Need),
    ("gpio-ranges", Fixed(3), Link),
    ("gpios", Counted("#gpio-cells"), Need),
    ("hwlocks", Counted("#hwlock-cells"), Need),
    ("interconnects", Counted("#interconnect-cells"), Need),
    ("interrupt-affinity", Fixed(0), Link),
    ("io-backends", Counted("#io-backend-cells"), Need),
    ("io-channels", Counted("#io-channel-cells"), Need),
    ("iommus", Counted("#iommu-cells"), Link),
    ("leds", Fixed(0), Link),
    ("marvell,system-controller", Fixed(0), Need),
    ("mboxes", Counted("#mbox-cells"), Need),
    ("mediatek,*syscon*", Rest, Need),
    ("mediatek,apmixedsys", Rest, Need),
    ("mediatek,infracfg", Rest, Need),
    ("mediatek,larb", Fixed(0), Need),
    ("mediatek,larbs", Fixed(0), Need),
    ("mediatek,pericfg", Rest, Need),
    ("mediatek,scp", Rest, Need),
    ("mediatek,smi", Fixed(0), Need),
    ("mediatek,topckgen", Rest, Need),
    ("memory-region", Fixed(0), Need),
    ("mmc-pwrseq", Fixed(0), Need),
    ("msi-parent", Counted("#msi-cells"), Link),
    ("mux-controls", Counted("#mux-control-cells"), Need),
    ("mux-states", Counted("#mux-state-cells"), Need),
    ("next-level-cache", Fixed(0), Link),
    ("nvmem", Fixed(0), Need),
    ("nvmem-cells", Counted("#nvmem-cell-cells"), Need),
    ("operating-points-v2", Fixed(0), Need),
    ("panel", Fixed(0), Link),
    ("pcs-handle", Fixed(0), Need),
    ("performance-domains", Counted("#performance-domain-cells"), Link),
    ("phy-handle", Fixed(0), Need),
    ("phys", Counted("#phy-cells"), Need),
    ("power-domains", Counted("#power-domain-cells"), Need),
    ("power-supplies", Fixed(0), Link),
    ("pwms", Counted("#pwm-cells"), Need),
    ("qcom,bcm-voters", Fixed(0), Need),
    ("qcom,freq-domain", Counted("#freq-domain-cells"), Link),
    ("qcom,gmu", Fixed(0), Need),
    ("qcom,halt-regs", Rest, Need),
    ("qcom,ice", Fixed(0), Need),
    ("qcom,qmp", Rest, Need),
    ("qcom,rpm-msg-ram", Fixed(0), Need),
    ("qcom,smem-states", Counted("#qcom,smem-state-cells"), Need),
    ("remote-endpoint", Fixed(0), Link),
    ("renesas,fcp", Fixed(0), Need),
    ("required-opps", Fixed(0), Link),
    ("resets", Counted("#reset-cells"), Need),
    ("rockchip,*grf", Rest, Need),
    ("rockchip,pmu", Rest, Need),
    ("samsung,*syscon*", Rest, Need),
    ("samsung,sysreg", Rest, Need),
    ("secure-monitor", Fixed(0), Need),
    ("shmem", Fixed(0), Need),
    ("sound-dai", Counted("#sound-dai-cells"), Need),
    ("syscon", Rest, Need),
    ("thermal-sensors", Counted("#thermal-sensor-cells"), Need),
    ("ti,sci", Fixed(0), Need),
    ("ti,syscon-*", Rest, Need),
    ("trip", Fixed(0), Link),
    ("wakeup-parent", Fixed(0), Link),
];

impl Naming {
    /// Whether a driver finds an entry by its place in the list.
    pub(crate) fn keeps_places(self) -> bool {
        matches!(self.arguments, Counted(_))
    }
}

/// How a property names nodes, if it does.
pub(crate) fn naming(property: &str) -> Option<Naming> {
    let listed = BINDINGS.iter().find(|(pattern, ..)| matches(pattern, property));
    let (arguments, bond) = match listed {
        Some((_, arguments, bond)) => (*arguments, *bond),
        None if is_pin_state(property) || property.ends_with("-supply") => (Fixed(0), Need),
        None if is_lines(property) => (Counted("#gpio-cells"), Need),
        None => return None,
    };
    Some(Naming { arguments, bond })
}

/// The property that names the entries of another: what has lost its entries loses these as well.
pub(crate) fn names_of(property: &str) -> Option<String> {
    let stem = match property {
        "nvmem-cells" => "nvmem-cell",
        "interrupts-extended" => "interrupt",
        other => other.strip_suffix('s')?,
    };
    Some(format!("{stem}-names"))
}

/// Whether a pattern with at most two stars fits a text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, end)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(start) else { return false };
    match end.split_once('*') {
        Some((middle, end)) => {
            rest.match_indices(middle).any(|(at, _)| rest[at + middle.len()..].ends_with(end))
        }
        None => rest.ends_with(end),
    }
}

fn is_pin_state(property: &str) -> bool {
    let number = property.strip_prefix("pinctrl-");
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// GPIO lines; `nr-gpios` only counts some.
fn is_lines(property: &str) -> bool {
    let is_count = ["nr-gpio", "nr-gpios", "num-gpios"].iter().any(|count| property.ends_with(count));
    !is_count && (property.ends_with("-gpios") || property.ends_with("-gpio"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("arm,cortex-a*-pmu", "arm,cortex-a72-pmu"));
        assert!(matches("arm,coresight*", "arm,coresight-etm4x"));
        assert!(matches("mediatek,*syscon*", "mediatek,syscon-wakeup"));
        assert!(matches("mediatek,*syscon*", "mediatek,syscon"));
        assert!(!matches("mediatek,*syscon*", "mediatek,sys"));
        assert!(!matches("arm,cortex-a*-pmu", "arm,cortex-a-pm"));
        assert!(!matches("arm,pl011", "arm,pl0111"));
    }

    #[test]
    fn properties_that_only_look_like_references_are_none() {
        for property in ["nr-gpios", "pinctrl-names", "clock-names", "#clock-cells", "reg", "supply"] {
            assert_eq!(naming(property), None, "{property}");
        }
    }

    #[test]
    fn a_property_that_follows_a_pattern_is_known() {
        let need = |arguments| Some(Naming { arguments, bond: Need });
        assert_eq!(naming("vdd-l7-supply"), need(Fixed(0)));
        assert_eq!(naming("pinctrl-12"), need(Fixed(0)));
        assert_eq!(naming("reset-gpios"), need(Counted("#gpio-cells")));
        assert_eq!(naming("rockchip,pipe-phy-grf"), need(Rest));
    }

    #[test]
    fn names_go_with_what_they_name() {
        assert_eq!(names_of("clocks").as_deref(), Some("clock-names"));
        assert_eq!(names_of("nvmem-cells").as_deref(), Some("nvmem-cell-names"));
        assert_eq!(names_of("vdd-supply"), None);
    }
}
