//! Whether a partition may begin again, and what silences its devices before.
//!
//! A partition whose devices could still write into its memory may be stopped, but that memory is never
//! used again. Nor does one begin again whose only image is the one that it has run from.

use super::{Device, Partition};
use crate::board::Board;
use crate::load::{LifeWish, PartitionWish, Silence, SilenceStep, Wish};
use crate::tree::NodeId;
use bulkhead_plan::{Pa, Restart, Step, StepKind};

/// A partition's life, decided.
#[derive(Debug)]
pub(crate) struct Life {
    /// Whether it begins again.
    pub(crate) restart: Restart,
    /// How often after faults.
    pub(crate) max_restarts: u32,
    /// Milliseconds before the first time.
    pub(crate) restart_delay: u32,
    /// What silences its devices.
    pub(crate) silence: Vec<Step>,
    /// The bus masters that nothing silences.
    pub(crate) loud: Vec<NodeId>,
    /// Bit n: it controls partition n.
    pub(crate) controls: u32,
    /// Functions of the firmware that it may call, by rising number.
    pub(crate) functions: Vec<u32>,
}

/// Restarts after faults where a person gives no number, and milliseconds before the first.
pub(crate) const MAX_RESTARTS: u32 = 3;
pub(crate) const RESTART_DELAY: u32 = 100;

/// What follows a fault, as a person writes it.
pub(crate) const STOP: &str = "stop";
pub(crate) const RESTART: &str = "restart";

/// Decides about the partition `wish`, which owns `devices`.
pub(super) fn life(wish: &Wish, partition: &PartitionWish, board: &Board, devices: &[Device<'_>]) -> Life {
    let LifeWish { on_fault, max_restarts, restart_delay, controls, firmware_calls } = &partition.life;
    let mut silence = Vec::new();
    let mut loud = Vec::new();
    for device in devices {
        match steps(wish, board, device) {
            Some(steps) => silence.extend(steps),
            None if device.is_master => loud.push(device.node),
            None => {}
        }
    }
    let in_place = partition.in_place.as_ref().is_some_and(|in_place| in_place.value);
    let after_faults = on_fault.as_ref().is_some_and(|on_fault| on_fault.value == RESTART);
    // One that is too long is refused.
    let delay = restart_delay.as_ref().and_then(|delay| u32::try_from(delay.value).ok());
    let mut functions: Vec<u32> =
        firmware_calls.iter().filter_map(|id| u32::try_from(id.value).ok()).collect();
    functions.sort_unstable();
    functions.dedup();
    let index = |name: &str| wish.system.partitions.iter().position(|other| other.name.value == name);
    let bit = |name: &str| index(name).and_then(|index| 1_u32.checked_shl(u32::try_from(index).ok()?));
    Life {
        restart: match (loud.is_empty() && !in_place, after_faults) {
            (false, _) => Restart::Never,
            (true, false) => Restart::OnRequest,
            (true, true) => Restart::OnFault,
        },
        max_restarts: max_restarts.as_ref().map_or(MAX_RESTARTS, |number| number.value),
        restart_delay: delay.unwrap_or(RESTART_DELAY),
        silence,
        loud,
        controls: controls.iter().filter_map(|name| bit(&name.value)).fold(0, |mask, bit| mask | bit),
        functions,
    }
}

/// The description in the board file that is about `node`: its own, else that of its kind.
pub(crate) fn silence_of<'w>(wish: &'w Wish, board: &Board, node: NodeId) -> Option<&'w Silence> {
    let silences = || wish.board.silences.iter();
    let is_own = |silence: &&Silence| {
        silence.device.as_ref().is_some_and(|device| board.tree.find(&device.value) == Some(node))
    };
    let kinds = board.tree.node(node).compatible();
    let is_of_its_kind = |silence: &&Silence| {
        silence.compatible.as_ref().is_some_and(|kind| kinds.contains(&kind.value.as_str()))
    };
    silences().find(is_own).or_else(|| silences().find(is_of_its_kind))
}

/// Where the register of `step` of the device `node` lies; `None` if it is not one of its device's.
pub(crate) fn register(board: &Board, node: NodeId, step: &SilenceStep) -> Option<Pa> {
    let owner = match &step.of {
        Some(of) => board.tree.find(&of.value)?,
        None => node,
    };
    let offset = step.write.as_ref().or(step.until.as_ref())?.value;
    let registers = board.tree.registers(owner).ok()?;
    let first = registers.first().filter(|span| offset.checked_add(4).is_some_and(|end| end <= span.size))?;
    Some(Pa(first.base.0 + offset)).filter(|address| address.is_aligned(4))
}

/// What silences a device; `None` if nothing does.
fn steps(wish: &Wish, board: &Board, device: &Device<'_>) -> Option<Vec<Step>> {
    let silence = silence_of(wish, board, device.node)?;
    let step = |step: &SilenceStep| {
        Some(Step {
            address: register(board, device.node, step)?,
            value: step.value.value,
            mask: step.mask.as_ref().map_or(u32::MAX, |mask| mask.value),
            kind: if step.write.is_some() { StepKind::Write } else { StepKind::Await },
            reserved: 0,
        })
    };
    Some(silence.steps.iter().filter_map(step).collect())
}

impl Partition<'_> {
    /// Whether a partition may be given a new life at all.
    pub(crate) fn is_renewable(&self) -> bool {
        self.life.restart != Restart::Never
    }
}
