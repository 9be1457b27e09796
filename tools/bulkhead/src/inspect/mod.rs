//! What is in an image, from its bytes alone.
//!
//! Whoever holds an image and nothing else, no configuration and no device tree, can see here whom it gives
//! what, and whether it is whole. A damaged image is shown as far as it can be read.

mod board;
mod contents;
mod owner;
mod text;
mod trees;
mod words;

use board::board;
use bulkhead_plan::{NO_PARTITION, Plan, Span};
pub use bulkhead_verify::Stretch;
use bulkhead_verify::{Digest, Examined, examine};
pub use contents::{
    Board, Console, Contents, OwnedCpu, OwnedInterrupt, OwnedLoad, OwnedRegion, Owner, PlanPart, Restart,
    SilenceStep, TablesPart,
};
use owner::owner;
pub(crate) use trees::{Node, nodes};

/// Takes an image apart.
pub fn inspect(image: &[u8]) -> Contents {
    let examined = examine(image);
    let mut contents = Contents { bytes: image.len(), sha256: Digest::of(image), ..Contents::default() };
    contents.window = examined.header.map(|header| header.window.into());
    let plan = examined.plan.as_ref().and_then(|bytes| Plan::decode(bytes.bytes()).ok());
    if let (Some(plan), Some(header)) = (plan, &examined.header) {
        let place = Span::new(header.window.base.0.saturating_add(header.plan_offset), header.plan_size);
        contents.describe(image, &plan, &examined);
        contents.plan = Some(PlanPart {
            version: plan.header.version,
            place: place.into(),
            intact: examined.is_plan_intact,
            hypervisor: Digest::hex(&plan.header.hypervisor_digest),
        });
    }
    contents.faults = examined.faults;
    contents
}

/// What the first bytes of a piece look like.
pub(crate) fn kind_of(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xd0, 0x0d, 0xfe, 0xed, ..] => "device tree",
        [0x1f, 0x8b, ..] => "gzip",
        _ if bytes.starts_with(b"070701") => "cpio archive",
        _ if bytes.get(56..60) == Some(b"ARM\x64") => "arm64 Image",
        _ => "data",
    }
}

impl Contents {
    /// What a plan says, of whose tables and pieces `examined` knows whether they are whole.
    pub(crate) fn describe(&mut self, image: &[u8], plan: &Plan<'_>, examined: &Examined) {
        self.tables = Some(TablesPart {
            place: plan.header.tables.into(),
            intact: examined.are_tables_intact,
            proven: examined.proof.map(|proof| proof.leaves),
        });
        self.board = Some(board(plan));
        self.partitions =
            plan.partitions.iter().map(|partition| owner(image, plan, partition, examined)).collect();
        let free = plan.cpus.iter().filter(|cpu| cpu.partition == NO_PARTITION);
        self.free_cpus = free.map(|cpu| cpu.mpidr).collect();
    }
}

/// The name of the partition with this index; a damaged plan may mean one that there is not.
fn name_of(plan: &Plan<'_>, index: u32) -> String {
    let partition = usize::try_from(index).ok().and_then(|index| plan.partitions.get(index));
    partition.map_or_else(|| format!("partition {index}"), |partition| partition.name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_told_by_their_first_bytes() {
        assert_eq!(kind_of(b"\xd0\x0d\xfe\xed"), "device tree");
        assert_eq!(kind_of(b"070701"), "cpio archive");
        assert_eq!(kind_of(&[]), "data");
    }

    #[test]
    fn what_is_no_image_has_a_fault_and_nothing_else() {
        let contents = inspect(b"no image");
        assert_eq!(contents.faults, ["it does not begin with an arm64 `Image` header"]);
        assert!(contents.window.is_none() && contents.plan.is_none());
    }
}
