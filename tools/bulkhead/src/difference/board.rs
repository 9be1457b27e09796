//! What differs of the hypervisor and of the board that it believes to be on.

use super::compare::{said, sets, spans};
use super::{Change, How};
use crate::inspect::{Board, Contents, Stretch};
use bulkhead_plan::Span;

pub(super) fn changes(old: &Contents, new: &Contents) -> Vec<Change> {
    let digests = [old, new].map(|it| it.plan.as_ref().map(|plan| &plan.hypervisor));
    let mut changes = Vec::new();
    if digests[0] != digests[1] {
        changes.push(Change { how: How::Changed, what: "its binary".to_owned() });
    }
    let windows = [old, new].map(|it| it.window.map(Span::from));
    changes.extend(spans(windows[0].as_slice(), windows[1].as_slice(), |span| format!("window {span}")));
    if let (Some(old), Some(new)) = (&old.board, &new.board) {
        changes.extend(of_boards([old, new]));
    }
    changes
}

fn of_boards(boards: [&Board; 2]) -> Vec<Change> {
    let texts = |of: fn(&Board) -> String| boards.map(of);
    let facts = [
        ("for the board", texts(|it| it.name.clone())),
        ("CPUs of the board:", texts(|it| it.cpus.to_string())),
        ("firmware:", texts(|it| it.firmware_text().to_owned())),
        ("interrupt controller:", texts(gic)),
    ];
    let mut changes: Vec<Change> = facts.iter().filter_map(|(what, both)| said(what, both)).collect();
    let memory = boards.map(|board| places(&board.memory));
    changes.extend(spans(&memory[0], &memory[1], |span| format!("RAM of the board {span}")));
    let console = boards.map(|board| board.console.iter().map(ToString::to_string).collect());
    changes.extend(sets(&console[0], &console[1], |console| format!("console {console}")));
    changes
}

fn gic(board: &Board) -> String {
    let interface = board.cpu_interface.map(|place| format!(", GICC {place}"));
    let translators = board.translators.iter().map(|place| format!(", ITS {place}"));
    let wake = board.wake.map(|intid| format!(", wakes by interrupt {intid}"));
    let more: String = interface.into_iter().chain(translators).chain(wake).collect();
    format!("GICv{}, distributor {}{more}", board.gic, board.distributor)
}

fn places(stretches: &[Stretch]) -> Vec<Span> {
    stretches.iter().copied().map(Span::from).collect()
}
