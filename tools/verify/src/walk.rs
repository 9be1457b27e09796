//! Every mapping that the tables of an image have.
//!
//! What the plan says of regions is not looked at: these are the addresses that the hardware would reach.

use bulkhead_core::stage2::{Flaw, Leaf, Start, Tables, Visited};
use bulkhead_plan::Plan;

/// The leaves of each partition, by rising IPA; `None` if the tables cannot be walked.
pub(crate) fn walk(plan: &Plan<'_>, tables: &[u8]) -> Option<Vec<Vec<Leaf>>> {
    let tables = Tables::new(tables, plan.header.tables.base);
    let mut visited = Visited::new();
    let mut all = Vec::new();
    for partition in plan.partitions {
        let mut leaves = Vec::new();
        let mut visit = |leaf| {
            leaves.push(leaf);
            Ok::<(), Flaw>(())
        };
        tables.walk(partition.root, Start::new(partition.vtcr)?, &mut visited, &mut visit).ok()?;
        all.push(leaves);
    }
    Some(all)
}
