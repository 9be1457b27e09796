//! What the plan of an image says of the board.

use super::{Board, Console, Stretch, name_of};
use crate::board::uart_kind;
use bulkhead_plan::{Conduit, GicVersion, NO_PARTITION, Plan};

pub(super) fn board(plan: &Plan<'_>) -> Board {
    let board = plan.board;
    let (gic, interface) = match board.gic {
        GicVersion::V2 => (2, Some(board.cpu_interface.into())),
        GicVersion::V3 => (3, None),
    };
    Board {
        name: board.name.to_string(),
        memory: plan.memory.iter().copied().map(Stretch::from).collect(),
        gic,
        distributor: board.distributor.into(),
        cpu_interface: interface,
        translators: plan.translators.iter().copied().map(Stretch::from).collect(),
        wake: (board.wake != 0).then_some(board.wake),
        firmware: match board.conduit {
            Conduit::Smc => "PSCI",
            Conduit::SpinTable => "spin table",
        },
        console: (!board.console.is_none()).then(|| Console {
            kind: uart_kind(&board.console),
            base: board.console.base.0,
            heir: (board.heir != NO_PARTITION).then(|| name_of(plan, board.heir)),
        }),
        heap: board.heap.into(),
        cpus: plan.cpus.len(),
    }
}
