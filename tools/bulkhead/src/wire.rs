//! Writes the plan's bytes.
//!
//! The form is that of `bulkhead-plan`; here the records are only kept, and hashed.

use bulkhead_plan::{Board, Cpu, Draft, Function, Interrupt, Load, Partition, Region, Span, Step};
use bulkhead_verify::digest;

/// All records of a plan.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) board: Board,
    pub(crate) memory: Vec<Span>,
    pub(crate) translators: Vec<Span>,
    pub(crate) cpus: Vec<Cpu>,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) regions: Vec<Region>,
    pub(crate) loads: Vec<Load>,
    pub(crate) interrupts: Vec<Interrupt>,
    pub(crate) steps: Vec<Step>,
    pub(crate) functions: Vec<Function>,
}

/// An index or a count as the plan writes it; limits keep them far below.
pub(crate) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Records {
    /// The plan as bytes; `tables` are the stage-2 tables, which will lie at `place`, `hypervisor_digest` is
    /// that of all before the plan.
    pub(crate) fn encode(&self, tables: &[u8], place: Span, hypervisor_digest: [u8; 32]) -> Vec<u8> {
        let draft = Draft {
            tables: place,
            tables_digest: digest(tables),
            hypervisor_digest,
            board: &self.board,
            memory: &self.memory,
            translators: &self.translators,
            cpus: &self.cpus,
            partitions: &self.partitions,
            regions: &self.regions,
            loads: &self.loads,
            interrupts: &self.interrupts,
            steps: &self.steps,
            functions: &self.functions,
        };
        let mut bytes = vec![0; draft.size().unwrap_or(0)];
        // A plan within its limits is far below 4 GiB; one that is not would not decode, and is not proven.
        let _ = draft.encode(&mut bytes, digest);
        bytes
    }
}
