//! P0622 to P0626, P0629: a command line can be read, and speaks of what its partition has.
//!
//! Only what Linux documents is understood (`Documentation/admin-guide/kernel-parameters.txt`); a word that is
//! not known is nobody's fault.

use crate::board::{Board, counts_as_disk};
use crate::diagnostic::{Code, Diagnostic, Located, Report};
use crate::expand::{Device, Partition, System};
use crate::guest::{Guest, Program};
use crate::tree::NodeId;

/// Bytes that a kernel for arm64 keeps, the final zero included (`COMMAND_LINE_SIZE`).
const LONGEST: usize = 2048;

/// What a console of Linux is called, and the kinds of UART that are called so.
const CONSOLES: &[(&str, &[&str])] = &[
    ("ttyAMA", &["arm,pl011", "arm,sbsa-uart"]),
    ("ttyS", &["ns16550a", "snps,dw-apb-uart", "brcm,bcm2835-aux-uart"]),
    ("ttymxc", &["fsl,imx21-uart", "fsl,imx53-uart", "fsl,imx6q-uart"]),
    ("ttyPS", &["cdns,uart-r1p8", "cdns,uart-r1p12", "xlnx,xuartps"]),
];

/// Words that take a list of CPUs.
const CPU_LISTS: &[&str] = &["isolcpus", "nohz_full", "rcu_nocbs", "irqaffinity"];

/// A command line is text to its end.
pub(super) fn are_text(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        let Some(line) = &partition.wish.bootargs else { continue };
        // A tab stands between words as a space does.
        let control = line.value.chars().find(|letter| letter.is_control() && *letter != '\t');
        report.extend(control.map(|control| unreadable(partition, line, control)));
    }
}

/// Every rule about what the command line of a kernel says.
pub(super) fn speaks_of_own_things(system: &System<'_>, guests: &[Option<Guest>], report: &mut Report) {
    for (partition, guest) in system.partitions.iter().zip(guests) {
        let Some(Guest { program: Program::Kernel { .. }, initrd }) = guest else { continue };
        let line = partition.wish.bootargs.as_ref();
        let words: Vec<&str> = line.map_or_else(Vec::new, |line| line.value.split_whitespace().collect());
        if initrd.is_none() && !words.iter().any(|word| word.starts_with("root=")) {
            report.push(root_missing(partition));
        }
        let Some(line) = line else { continue };
        if line.value.len() >= LONGEST {
            report.push(too_long(partition, line));
        }
        for word in words {
            report_word(system.board, partition, (line, word), report);
        }
    }
}

fn unreadable(partition: &Partition<'_>, line: &Located<String>, control: char) -> Diagnostic {
    let number = u32::from(control);
    let title =
        format!("the command line of `{}` holds the control character U+{number:04X}", partition.name());
    let why =
        if control == '\0' { "its guest reads no further than there" } else { "is not one line of text" };
    Diagnostic::new(Code::CommandLineUnreadable, title)
        .of(partition.name())
        .at(&line.site, why)
        .help("write a space instead; in three quotes, `\\` at the end of a line joins it to the next")
}

fn report_word(
    board: &Board,
    partition: &Partition<'_>,
    (line, word): (&Located<String>, &str),
    report: &mut Report,
) {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    match key {
        "console" => report.extend(console_foreign(board, partition, line, value)),
        "earlycon" => report.extend(early_console_foreign(board, partition, line, value)),
        "root" => report.extend(root_foreign(board, partition, line, value)),
        key if CPU_LISTS.contains(&key) => report.extend(cpu_foreign(partition, line, word)),
        _ => {}
    }
}

fn root_missing(partition: &Partition<'_>) -> Diagnostic {
    let title = format!("the kernel of `{}` has neither an initrd nor a root file system", partition.name());
    Diagnostic::new(Code::RootMissing, title)
        .of(partition.name())
        .at(&partition.wish.image.site, "panics once it has started, unless it has one built in")
        .help("add `initrd`, or `root=` to its `bootargs`")
}

fn too_long(partition: &Partition<'_>, line: &Located<String>) -> Diagnostic {
    let title = format!("a kernel does not keep all of the command line of `{}`", partition.name());
    Diagnostic::new(Code::CommandLineTooLong, title)
        .of(partition.name())
        .at(&line.site, format!("{} bytes; a kernel keeps {}", line.value.len(), LONGEST - 1))
        .help("make it shorter; most words can be said in the guest's own files")
}

/// The one UART that a guest finds.
struct Uart<'a> {
    /// Its node of the board, if it is the partition's own.
    node: Option<NodeId>,
    name: String,
    kinds: Vec<&'a str>,
    base: Option<u64>,
}

/// The partition's own UART, else the virtual one in the place of the hypervisor's.
fn uart<'a>(board: &'a Board, partition: &Partition<'_>) -> Option<Uart<'a>> {
    let tree = &board.tree;
    if let Some(node) = partition.uart(board) {
        let registers = tree.registers(node).unwrap_or_default();
        let (name, kinds) = (format!("`{}`", tree.node(node).path), tree.node(node).compatible());
        return Some(Uart { node: Some(node), name, kinds, base: registers.first().map(|span| span.base.0) });
    }
    let base = board.console?.virtual_uart()?.0;
    let name = format!("the virtual PL011 at {base:#x}");
    Some(Uart { node: None, name, kinds: vec!["arm,pl011"], base: Some(base) })
}

fn console_foreign(
    board: &Board,
    partition: &Partition<'_>,
    line: &Located<String>,
    value: &str,
) -> Option<Diagnostic> {
    let device = value.split(',').next().unwrap_or_default();
    let name = device.trim_end_matches(|c: char| c.is_ascii_digit());
    let (_, kinds) = CONSOLES.iter().find(|(known, _)| *known == name)?;
    let uart = uart(board, partition)?;
    let is = |found: &[&str], kinds: &[&str]| found.iter().any(|it| kinds.contains(it));
    // A second UART of its own has a number of its own.
    let is_second = |other: &Device<'_>| {
        Some(other.node) != uart.node && is(&board.tree.node(other.node).compatible(), kinds)
    };
    let is_first = is(&uart.kinds, kinds) && device.strip_prefix(name) == Some("0");
    if is_first || partition.devices.iter().any(is_second) {
        return None;
    }
    let right = CONSOLES.iter().find(|(_, kinds)| is(&uart.kinds, kinds));
    let right = right.map(|(name, _)| format!("write `console={name}0`"));
    let title = format!("`{}` has no console `{device}`", partition.name());
    let foreign = Diagnostic::new(Code::ConsoleForeign, title).of(partition.name());
    Some(foreign.at(&line.site, format!("its UART is {}", uart.name)).help_if(right))
}

fn early_console_foreign(
    board: &Board,
    partition: &Partition<'_>,
    line: &Located<String>,
    value: &str,
) -> Option<Diagnostic> {
    let address = value.split(',').find_map(|part| part.strip_prefix("0x"))?;
    let address = u64::from_str_radix(address, 16).ok()?;
    let uart = uart(board, partition)?;
    let begins_there = |node| {
        let registers = board.tree.registers(node).unwrap_or_default();
        registers.first().is_some_and(|span| span.base.0 == address)
    };
    if uart.base == Some(address) || partition.devices.iter().any(|device| begins_there(device.node)) {
        return None;
    }
    let title = format!("`{}` has no console at {address:#x}", partition.name());
    let foreign = Diagnostic::new(Code::ConsoleForeign, title).of(partition.name());
    let foreign = foreign.at(&line.site, format!("its UART is {}", uart.name));
    Some(foreign.help("write `earlycon` alone: the device tree says which UART"))
}

fn root_foreign(
    board: &Board,
    partition: &Partition<'_>,
    line: &Located<String>,
    value: &str,
) -> Option<Diagnostic> {
    let is_disk = |node| counts_as_disk(&board.tree, node, value).unwrap_or(true);
    let is_known = counts_as_disk(&board.tree, board.tree.root(), value).is_some();
    if !is_known || partition.devices.iter().any(|device| is_disk(device.node)) {
        return None;
    }
    let title = format!("`{}` owns no device that could be `{value}`", partition.name());
    let owned =
        |id: &NodeId| board.is_assignable(*id) && counts_as_disk(&board.tree, *id, value) == Some(true);
    let found = board.tree.ids().filter(owned).last();
    let help =
        found.map(|id| format!("such a device is `{}`: add it to `devices`", board.tree.node(id).path));
    let foreign = Diagnostic::new(Code::RootForeign, title).of(partition.name());
    Some(foreign.at(&line.site, "its kernel waits for it, or panics").help_if(help))
}

fn cpu_foreign(partition: &Partition<'_>, line: &Located<String>, word: &str) -> Option<Diagnostic> {
    let (_, list) = word.split_once('=')?;
    let numbers = list.split([',', '-']).filter_map(|part| part.parse::<usize>().ok());
    let count = partition.cpus.len();
    let largest = numbers.max().filter(|number| *number >= count)?;
    let title = format!("`{word}` of `{}` names CPU {largest}, which it does not have", partition.name());
    let last = count.checked_sub(1)?;
    let foreign = Diagnostic::new(Code::CpuOfCommandLine, title).of(partition.name());
    let foreign = foreign.at(&line.site, format!("a kernel numbers its own CPUs, here 0 to {last}"));
    Some(
        foreign
            .at(&partition.wish.cpus.site, "the board's numbers")
            .help("count in the order of `cpus`, from 0"),
    )
}
