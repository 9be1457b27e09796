//! P07: the hypervisor has its place on the board.
//!
//! Here are the faults of the board file that need the facts of the device tree to be seen.

use crate::board::{Console, Version, console_unusable, stdout, unsupported};
use crate::diagnostic::{Code, Diagnostic, Located, Report, Site, did_you_mean};
use crate::expand::{Partition, System};
use crate::load::size_text;
use crate::tree::NodeId;
use bulkhead_plan::{BLOCK, GicVersion, PAGE, Span, limits};

/// The hypervisor as it is today can run on the board.
pub(super) fn can_run(system: &System<'_>, report: &mut Report) {
    let (board, file) = (system.board, &system.wish.board);
    for obstacle in &board.obstacles {
        report.push(unsupported(file, obstacle));
    }
    report.extend(console_unusable(board, file));
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

/// Where a board says that the CPU interface of its GIC is, it can be.
pub(super) fn cpu_interface_is_one(system: &System<'_>, report: &mut Report) {
    let (board, Some(address)) = (system.board, &system.wish.board.cpu_interface) else { return };
    let title = format!("the CPU interface of the GIC cannot be at {:#x}", address.value);
    let misplaced = |why: String| Diagnostic::new(Code::CpuInterfaceMisplaced, &title).at(&address.site, why);
    let place = Span::new(address.value, GicVersion::V2.cpu_interface_size());
    let is_other = |id: &NodeId| *id != board.gic.node && board.tree.is_enabled(*id);
    let others = || board.tree.ids().filter(is_other);
    let has_it =
        |id: &NodeId| board.tree.registers(*id).unwrap_or_default().iter().any(|it| it.overlaps(&place));
    if board.gic.version != Version::V2 {
        report.push(misplaced("a GICv3 has none in memory".to_owned()).help("leave it out"));
    } else if !address.value.is_multiple_of(PAGE) {
        let below = address.value - address.value % PAGE;
        report.push(misplaced("no multiple of 4 KiB".to_owned()).help(format!("{below:#x} is one")));
    } else if board.memory.iter().any(|ram| ram.overlaps(&place)) {
        report.push(
            misplaced("memory is there".to_owned()).help("take the address from the manual of the chip"),
        );
    } else if let Some(other) = others().find(has_it) {
        let taken = misplaced(format!("`{}` is there", board.tree.node(other).path));
        report.push(taken.help("take the address from the manual of the chip"));
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

/// What the machine does not model, the board has.
pub(super) fn absent_devices_exist(system: &System<'_>, report: &mut Report) {
    let tree = &system.board.tree;
    let absent = system.wish.board.qemu.iter().flat_map(|qemu| &qemu.absent);
    for device in absent.filter(|device| tree.find(&device.value).is_none()) {
        let title =
            format!("board `{}` has no device `{}` that QEMU could lack", system.board.name, device.value);
        let paths = tree.ids().map(|id| tree.node(id).path.as_str());
        let unknown = Diagnostic::new(Code::DeviceUnknown, title).at(&device.site, "no such device");
        report.push(unknown.help_if(did_you_mean(&device.value, paths)));
    }
}

/// No two serial lines are one device.
pub(super) fn serial_lines_differ(system: &System<'_>, report: &mut Report) {
    let Some(qemu) = &system.wish.board.qemu else { return };
    let node = |serial: &Located<String>| system.board.tree.find(&serial.value);
    for (index, serial) in qemu.serial.iter().enumerate().filter(|(_, serial)| node(serial).is_some()) {
        let earlier = qemu.serial.iter().take(index).find(|earlier| node(earlier) == node(serial));
        if let Some(earlier) = earlier {
            let title = format!("two serial lines of board `{}` are `{}`", system.board.name, serial.value);
            let repeated = Diagnostic::new(Code::SerialRepeated, title).at(&serial.site, "again");
            let help = "leave it out; if QEMU's next `-serial` is another UART, name that";
            report.push(repeated.at(&earlier.site, "here").help(help));
        }
    }
}

/// What is said through a UART of a machine in QEMU can be read.
pub(super) fn consoles_are_seen(system: &System<'_>, report: &mut Report) {
    let (Some(qemu), board) = (&system.wish.board.qemu, system.board) else { return };
    if qemu.serial.iter().any(|serial| board.tree.find(&serial.value).is_none()) {
        return;
    }
    let is_seen = |node| qemu.serial.iter().any(|serial| board.tree.find(&serial.value) == Some(node));
    let unseen = |whose: &str, node: NodeId| {
        let path = &board.tree.node(node).path;
        let title = format!("QEMU has no serial line for `{path}`, the console of {whose}");
        let help = format!("add `{path}` to `serial` in the `[qemu]` of the board");
        Diagnostic::new(Code::ConsoleUnseen, title).about(path).help(help)
    };
    let known = board.console.filter(Console::is_known);
    if let Some(console) = known.map(|console| console.node).filter(|node| !is_seen(*node)) {
        report.push(
            unseen("the hypervisor", console).at_if(system.wish.board.console_site(), "nobody would read it"),
        );
    }
    for partition in &system.partitions {
        let Some(uart) = partition.uart(board).filter(|uart| !is_seen(*uart)) else { continue };
        let site = partition.devices.iter().find(|device| device.node == uart).map(|device| device.site);
        let unseen = unseen(&format!("`{}`", partition.name()), uart).of(partition.name());
        report.push(unseen.at_if(site, "nobody would read it"));
    }
}

/// Firmware sets up the UART that it speaks through, and no other.
pub(super) fn console_is_the_firmwares(system: &System<'_>, report: &mut Report) {
    let tree = &system.board.tree;
    let (Some((stdout, _)), Some(console)) = (stdout(tree), system.board.console) else { return };
    if stdout != console.node {
        let (firmware, own) = (&tree.node(stdout).path, &tree.node(console.node).path);
        let title = format!("the firmware speaks through `{firmware}`, the hypervisor through `{own}`");
        report.push(
            Diagnostic::new(Code::ConsoleElsewhere, title)
                .at_if(system.wish.board.console_site(), "the hypervisor's")
                .note("the hypervisor sets up neither clocks nor pins nor a baud rate: firmware has to")
                .help(format!("`console = \"{firmware}\"`, unless the firmware sets up both")),
        );
    }
}

/// A wish for a machine in QEMU needs one.
pub(super) fn wishes_for_qemu_have_one(system: &System<'_>, report: &mut Report) {
    let file = &system.wish.system;
    if system.wish.board.qemu.is_some() {
        return;
    }
    let cpus = file.cpus.as_ref().map(|cpus| &cpus.site);
    let memory = file.memory.as_ref().map(|memory| &memory.site);
    let disks = file.disks.iter().map(|disk| &disk.image.site);
    for site in cpus.into_iter().chain(memory).chain(disks) {
        let title = format!("board `{}` is no machine of QEMU", system.board.name);
        report.push(
            Diagnostic::new(Code::QemuForNobody, title)
                .at(site, "wished of QEMU")
                .help("take `[qemu]` out of the system, or add it to the board"),
        );
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
