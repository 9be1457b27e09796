//! That nobody reaches what is another's, said of the mappings themselves.
//!
//! `bulkhead_plan::verify` says the same of the regions in the plan and `bulkhead_core::prove` that mappings
//! and regions agree. Here is the conclusion by itself, on the addresses that the hardware would reach.

use crate::transcript::REDISTRIBUTOR;
use bulkhead_core::stage2::{self, Leaf};
use bulkhead_plan::{GicVersion, PAGE, Plan, Span};

/// Bytes from the first of a CPU's redistributor to the page that its owner may have.
const SGI_BASE: u64 = 0x1_0000;

/// Physical addresses, and who reaches them.
struct Reach {
    span: Span,
    partition: usize,
    is_ram: bool,
}

/// Everything that two reach, or that a partition reaches and nobody but the hypervisor may.
pub(crate) fn faults(plan: &Plan<'_>, walked: &[Vec<Leaf>]) -> Vec<String> {
    let mut all: Vec<Reach> =
        walked.iter().enumerate().flat_map(|(index, leaves)| reach(plan, index, leaves)).collect();
    all.sort_by_key(|reach| reach.span.base);
    let name = |reach: &Reach| {
        plan.partitions.get(reach.partition).map(|it| it.name.to_string()).unwrap_or_default()
    };
    let mut faults = Vec::new();
    for pair in all.windows(2) {
        if let [a, b] = pair
            && a.span.overlaps(&b.span)
        {
            faults.push(format!("`{}` and `{}` both reach {}", name(a), name(b), b.span));
        }
    }
    for reach in &all {
        for (own, what) in hypervisors(plan, reach.partition) {
            if own.overlaps(&reach.span) {
                faults.push(format!("`{}` reaches {own}, {what}", name(reach)));
            }
        }
        let is_in_ram = plan.memory.iter().any(|ram| ram.overlaps(&reach.span));
        if is_in_ram != reach.is_ram {
            let what = if is_in_ram { "RAM as if it were a device" } else { "as RAM what is none" };
            faults.push(format!("`{}` reaches {what}: {}", name(reach), reach.span));
        }
    }
    faults
}

/// Whether this is the page of a GICv2 behind which every CPU finds registers of its own.
fn is_banked(plan: &Plan<'_>, leaf: &Leaf) -> bool {
    let is_page = leaf.pa == plan.board.cpu_interface.base && leaf.size == PAGE;
    plan.board.gic == GicVersion::V2 && is_page
}

/// What one partition reaches and no other may, neighbouring mappings of one kind joined.
fn reach(plan: &Plan<'_>, partition: usize, leaves: &[Leaf]) -> Vec<Reach> {
    let mut sorted: Vec<Reach> = leaves
        .iter()
        .filter(|leaf| !is_banked(plan, leaf))
        .map(|leaf| Reach {
            span: Span { base: leaf.pa, size: leaf.size },
            partition,
            is_ram: leaf.attributes == stage2::RAM,
        })
        .collect();
    sorted.sort_by_key(|reach| reach.span.base);
    let mut joined: Vec<Reach> = Vec::new();
    for reach in sorted {
        match joined.last_mut() {
            Some(last) if last.span.end() == Some(reach.span.base.0) && last.is_ram == reach.is_ram => {
                last.span.size += reach.span.size;
            }
            _ => joined.push(reach),
        }
    }
    joined
}

/// What the hypervisor has for itself, seen from a partition: of the redistributors of its own CPUs it has
/// one page each, of the CPU interface of a GICv2 the first page.
fn hypervisors<'a>(plan: &'a Plan<'_>, partition: usize) -> impl Iterator<Item = (Span, &'static str)> + 'a {
    let board = plan.board;
    let console = board.console.page();
    let keeps_console = !board.console.is_none() && u32::try_from(partition) != Ok(board.heir);
    let console = keeps_console.then_some((console, "the hypervisor's console"));
    let fixed = [(board.window, "the hypervisor's window"), (board.distributor, "the distributor")];
    let translators = plan.translators.iter().map(|span| (*span, "an ITS"));
    let interface = board.cpu_interface;
    let behind = Span::new(interface.base.0.saturating_add(PAGE), interface.size.saturating_sub(PAGE));
    let interface = (interface.size != 0).then_some((behind, "GICC_DIR"));
    let has_frames = board.gic == GicVersion::V3;
    let frames = plan.cpus.iter().filter(move |_| has_frames).flat_map(move |cpu| {
        let is_own = u32::try_from(partition) == Ok(cpu.partition);
        let base = cpu.redistributor.0;
        let page = base.saturating_add(SGI_BASE);
        let behind = if is_own { page.saturating_add(PAGE) } else { page };
        let end = base.saturating_add(REDISTRIBUTOR);
        [Span::new(base, SGI_BASE), Span::new(behind, end.saturating_sub(behind))]
            .map(|span| (span, "a redistributor"))
    });
    fixed.into_iter().chain(console).chain(translators).chain(interface).chain(frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_plan::sample::Sample;
    use bulkhead_plan::{BLOCK, Ipa, Pa};

    fn leaf(pa: u64, size: u64, attributes: u64) -> Leaf {
        Leaf { ipa: Ipa(pa), pa: Pa(pa), size, attributes }
    }

    /// What is found if the partitions of the sample had these mappings.
    fn found(first: &[Leaf], second: &[Leaf]) -> Vec<String> {
        let bytes = Sample::default().encode();
        let plan = Plan::decode(bytes.bytes()).unwrap();
        faults(&plan, &[first.to_vec(), second.to_vec()])
    }

    fn ram(plan: &Plan<'_>, block: u64) -> u64 {
        plan.regions.iter().map(|region| region.span.base.0).max().unwrap() + block * BLOCK
    }

    fn in_ram(block: u64) -> Leaf {
        let bytes = Sample::default().encode();
        leaf(ram(&Plan::decode(bytes.bytes()).unwrap(), block), BLOCK, stage2::RAM)
    }

    #[test]
    fn what_nobody_shares_is_no_fault() {
        assert_eq!(found(&[in_ram(0), in_ram(1)], &[in_ram(2)]), Vec::<String>::new());
    }

    #[test]
    fn memory_that_two_reach_is_found() {
        let faults = found(&[in_ram(0), in_ram(1)], &[in_ram(1)]);
        assert!(
            matches!(faults.as_slice(), [fault] if fault.contains("`first` and `second` both reach")),
            "{faults:?}"
        );
    }

    #[test]
    fn what_is_the_hypervisors_is_found() {
        let bytes = Sample::default().encode();
        let plan = Plan::decode(bytes.bytes()).unwrap();
        let window = leaf(plan.board.window.base.0, BLOCK, stage2::RAM);
        let distributor = leaf(plan.board.distributor.base.0, PAGE, stage2::DEVICE);
        let frame = leaf(plan.cpus[0].redistributor.0, PAGE, stage2::DEVICE);
        for (leaf, what) in [(window, "window"), (distributor, "the distributor"), (frame, "a redistributor")]
        {
            let faults = found(&[leaf], &[]);
            assert!(faults.iter().any(|fault| fault.contains(what)), "{faults:?}");
        }
    }

    #[test]
    fn a_cpu_has_its_own_page_of_interrupts_and_no_other() {
        let bytes = Sample::default().encode();
        let plan = Plan::decode(bytes.bytes()).unwrap();
        let page = |cpu: usize| leaf(plan.cpus[cpu].redistributor.0 + SGI_BASE, PAGE, stage2::DEVICE);
        let others = plan.cpus.iter().position(|cpu| cpu.partition == 1).unwrap();
        assert_eq!(found(&[page(0)], &[]), Vec::<String>::new());
        assert_eq!(found(&[page(others)], &[]).len(), 1);
    }

    #[test]
    fn all_have_the_first_page_of_a_gicv2s_cpu_interface_and_none_the_second() {
        let bytes = Sample::with_gicv2().encode();
        let plan = Plan::decode(bytes.bytes()).unwrap();
        let page = leaf(plan.board.cpu_interface.base.0, PAGE, stage2::DEVICE);
        let second = leaf(plan.board.cpu_interface.base.0 + PAGE, PAGE, stage2::DEVICE);
        assert_eq!(faults(&plan, &[vec![page], vec![page]]), Vec::<String>::new());
        for reached in [vec![second], vec![page, second]] {
            let faults = faults(&plan, &[reached, vec![]]);
            assert!(matches!(faults.as_slice(), [fault] if fault.contains("GICC_DIR")), "{faults:?}");
        }
    }

    #[test]
    fn ram_as_a_device_is_found_and_a_device_as_ram_too() {
        let memory = Leaf { attributes: stage2::DEVICE, ..in_ram(0) };
        assert!(found(&[memory], &[])[0].contains("RAM as if it were a device"));
        assert!(found(&[leaf(0x900_0000, PAGE, stage2::RAM)], &[])[0].contains("as RAM what is none"));
    }
}
