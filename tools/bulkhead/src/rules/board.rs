//! P07: the hypervisor has its place on the board.
//!
//! Here are the faults of the board file that need the facts of the device tree to be seen.

use crate::board::{refuse_console, unsupported};
use crate::diagnostic::{Code, Diagnostic, Report, Site, did_you_mean};
use crate::expand::{Partition, System};
use crate::load::size_text;
use bulkhead_plan::{BLOCK, Span, limits};

/// The hypervisor as it is today can run on the board.
pub(super) fn can_run(system: &System<'_>, report: &mut Report) {
    let (board, file) = (system.board, &system.wish.board);
    for obstacle in &board.obstacles {
        report.push(unsupported(file, obstacle));
    }
    if board.console.is_some_and(|console| !console.is_known(&board.tree))
        && let Some(refused) = refuse_console(&board.tree, file, "not a PL011, the only UART supported")
    {
        report.push(refused);
    }
}

/// The window begins at a block of RAM.
pub(super) fn window_is_in_ram(system: &System<'_>, report: &mut Report) {
    let window = &system.wish.board.window;
    let title = format!("the hypervisor's window cannot begin at {:#x}", window.value);
    let misplaced = |why: &str| Diagnostic::new(Code::WindowMisplaced, &title).at(&window.site, why);
    if !window.value.is_multiple_of(BLOCK) {
        let below = window.value - window.value % BLOCK;
        report.push(misplaced("no multiple of 2 MiB").help(format!("{below:#x} is one")));
    } else if !system.board.memory.iter().any(|ram| ram.contains(&Span::new(window.value, BLOCK))) {
        let ram: Vec<String> = system.board.memory.iter().map(Span::to_string).collect();
        report.push(misplaced("no free RAM there").note(format!(
            "board `{}` has RAM at {}",
            system.board.name,
            ram.join(", ")
        )));
    }
}

/// A system may ask for a larger machine, not for a smaller one: the board file says what all have.
pub(super) fn machine_is_not_reduced(system: &System<'_>, report: &mut Report) {
    let Some(qemu) = &system.wish.board.qemu else { return };
    let mut reduced = |what: &str, least: String, wished: &Site, board: &Site| {
        let title = format!("the system asks for {what} than board `{}` has", system.board.name);
        let reduced =
            Diagnostic::new(Code::MachineReduced, title).at(wished, "less").at(board, "the board's");
        report.push(reduced.help(format!("ask for {least} or more, or leave the key out")));
    };
    let file = &system.wish.system;
    if let Some(wished) = file.cpus.as_ref().filter(|wished| wished.value < qemu.cpus.value) {
        reduced("fewer CPUs", qemu.cpus.value.to_string(), &wished.site, &qemu.cpus.site);
    }
    if let Some(wished) = file.memory.as_ref().filter(|wished| wished.value.0 < qemu.memory.value.0) {
        reduced("less memory", size_text(qemu.memory.value.0), &wished.site, &qemu.memory.site);
    }
}

/// What a serial line of the machine is, the board has.
pub(super) fn serial_lines_exist(system: &System<'_>, report: &mut Report) {
    let Some(qemu) = &system.wish.board.qemu else { return };
    let tree = &system.board.tree;
    for serial in qemu.serial.iter().filter(|serial| tree.find(&serial.value).is_none()) {
        let title = format!("board `{}` has no serial line `{}`", system.board.name, serial.value);
        let paths = tree.ids().map(|id| tree.node(id).path.as_str());
        let unknown = Diagnostic::new(Code::SerialUnknown, title).at(&serial.site, "no such device");
        report.push(unknown.help_if(did_you_mean(&serial.value, paths)));
    }
}

/// The plan can hold what the system has.
pub(super) fn limits_are_kept(system: &System<'_>, report: &mut Report) {
    let count = |each: fn(&Partition<'_>) -> usize| system.partitions.iter().map(each).sum();
    let counts = [
        ("CPUs", system.board.cpus.len(), limits::CPUS),
        ("stretches of RAM", system.board.memory.len(), limits::MEMORY),
        ("partitions", system.partitions.len(), limits::PARTITIONS),
        (
            "interrupts",
            // One more each, for its virtual UART.
            count(|it| 1 + it.devices.iter().map(|device| device.interrupts.len()).sum::<usize>()),
            limits::INTERRUPTS,
        ),
        (
            "regions",
            count(|it| {
                1 + it.cpus.len() + it.devices.iter().map(|device| device.registers.len()).sum::<usize>()
            }),
            limits::REGIONS,
        ),
    ];
    for (what, count, most) in counts.into_iter().filter(|(_, count, most)| count > most) {
        let title = format!("there are {count} {what}, and a plan can hold {most}");
        report
            .push(Diagnostic::new(Code::LimitExceeded, title).at(&system.wish.system.site, "of this system"));
    }
}
