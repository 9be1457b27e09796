//! The budgets of `docs/architecture.md`.

use crate::Board;
use std::collections::BTreeMap;

/// Every budget that is counted, by figure; those that are others with a GICv2 follow.
const BUDGETS: &[(&str, f64)] = &[
    ("timer_busy", 0.0),
    ("timer_wfi", 0.0),
    ("spi_device", 0.0),
    ("hvc_null", 60.0),
    ("psci_version", 90.0),
    ("gicd_read", 120.0),
    ("gicd_isenabler_write", 200.0),
    ("sgi_self", 120.0),
    ("sgi_cross_send", 120.0),
    ("pmr_write", 40.0),
    ("guarded_timer", 180.0),
    ("cpu_on", 950.0),
    ("boot", 300_000.0),
    ("text", 88.0 * KIB),
    ("el2_ram", 512.0 * KIB),
];

const OF_GICV2: &[(&str, f64)] = &[("guarded_timer", 230.0)];

const KIB: f64 = 1024.0;

/// The limit of a figure among others of a board. One that was measured on another shape, `NAME@SHAPE`, may cost what
/// `NAME` costs: how many CPUs and partitions there are must not matter.
pub(super) fn limit(board: Board, figure: &str, counts: &BTreeMap<String, f64>) -> Option<f64> {
    let others = if board == Board::VirtGicv2 { OF_GICV2 } else { &[] };
    match figure.split_once('@') {
        Some((name, _)) => counts.get(name).copied(),
        None => others.iter().chain(BUDGETS).find(|(name, _)| *name == figure).map(|(_, limit)| *limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The lines of the document, by figure.
    const LINES: &[(&str, &str)] = &[
        ("timer_busy", "| EL2 instructions per timer or device interrupt | **0** |"),
        ("timer_wfi", "| EL2 instructions per timer or device interrupt | **0** |"),
        ("spi_device", "| EL2 instructions per timer or device interrupt | **0** |"),
        ("hvc_null", "| null hypercall | 60 |"),
        ("psci_version", "| PSCI_VERSION | 90 |"),
        ("gicd_read", "| read of GICD | 120 |"),
        ("gicd_isenabler_write", "| write of GICD_ISENABLER | 200 |"),
        ("sgi_self", "| SGI to self, SGI to another CPU | 120 |"),
        ("sgi_cross_send", "| SGI to self, SGI to another CPU | 120 |"),
        ("pmr_write", "| write of ICC_PMR_EL1 | 40 |"),
        ("guarded_timer", "| timer interrupt of a guarded partition (IAR and EOI) | 180 |"),
        ("cpu_on", "| CPU_ON, from the call to the first instruction of the guest | 950 |"),
        (
            "boot",
            "| entry to first guest, without the image's copy and hash and the firmware's tree | 300,000 |",
        ),
        ("text", "| `.text` of the hypervisor | 88 KiB |"),
        ("el2_ram", "| all EL2 RAM on 4 CPUs | 512 KiB |"),
        ("guarded_timer", "| the same with a GICv2 | 230 |"),
    ];

    #[test]
    fn the_architecture_document_has_every_budget() {
        let text =
            fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/architecture.md")).unwrap();
        for ((figure, limit), (of, line)) in BUDGETS.iter().chain(OF_GICV2).zip(LINES) {
            assert_eq!(figure, of);
            assert!(text.lines().any(|this| this == *line), "{figure}: `{line}`");
            let number = line.trim_end_matches(" |").rsplit("| ").next().unwrap().replace([',', '*'], "");
            let (number, unit) = number.strip_suffix(" KiB").map_or((&*number, 1.0), |kib| (kib, KIB));
            assert_eq!(*limit, number.parse::<f64>().unwrap() * unit, "{figure}: `{line}`");
        }
        assert_eq!(BUDGETS.len() + OF_GICV2.len(), LINES.len());
    }

    #[test]
    fn a_figure_of_another_shape_may_cost_what_its_name_costs() {
        let counts = BTreeMap::from([("sgi_self".to_owned(), 281.0), ("sgi_self@8-cpus".to_owned(), 300.0)]);
        let of = |figure| Board::MEASURED.map(|board| limit(board, figure, &counts));
        assert_eq!(of("sgi_self@8-cpus"), [Some(281.0); 2]);
        assert_eq!((of("storm"), of("pmr_write")), ([None; 2], [Some(40.0); 2]));
        assert_eq!(of("guarded_timer"), [Some(180.0), Some(230.0)]);
    }
}
