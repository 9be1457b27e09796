//! P0510, P0618 to P0621, P0627: a program finds what it takes for granted.
//!
//! These are the rules that look into the files; what is wrong with a file itself is told where it is read.

use crate::allocate::Space;
use crate::diagnostic::{Code, Diagnostic, Located, Report};
use crate::expand::{Partition, System};
use crate::guest::{Guest, Program, Segment, is_archive};
use crate::load::TreeWish;
use std::path::Path;

/// `MSR` to the registers without which nothing at EL2 works: VBAR_EL2, HCR_EL2, SCTLR_EL2 (Arm ARM C5.2).
const WRITES_EL2: [u32; 3] = [0xd51c_c000, 0xd51c_1100, 0xd51c_1000];
/// `MRS` from CurrentEL.
const ASKS_FOR_EL: u32 = 0xd538_4240;
/// The bits of an instruction that name its general register.
const REGISTER: u32 = 0x1f;

/// Every rule about one partition's program.
pub(super) fn find_what_they_need(system: &System<'_>, guests: &[Option<Guest>], report: &mut Report) {
    for (partition, guest) in system.partitions.iter().zip(guests) {
        paths_are_anybodys(partition, report);
        let Some(guest) = guest else { continue };
        initrd_is_an_archive(partition, guest, report);
        match &guest.program {
            Program::Kernel { bytes, .. } => {
                kernel_says_its_size(partition, bytes, report);
                kernel_has_a_tree(partition, report);
            }
            Program::Movable { segments, .. } | Program::Fixed { segments, .. } => {
                runs_at_el1(partition, segments, report);
            }
            Program::Raw { .. } => {}
        }
    }
}

/// A kernel does not open a UART without an interrupt as its console.
pub(super) fn virtual_uarts_raise_interrupts(
    system: &System<'_>,
    guests: &[Guest],
    spaces: &[Space],
    report: &mut Report,
) {
    let partitions = system.partitions.iter().zip(guests).zip(spaces);
    for ((partition, guest), space) in partitions {
        let is_polled = space.uart.is_some_and(|uart| uart.interrupt.is_none());
        if !is_polled || !matches!(guest.program, Program::Kernel { .. }) {
            continue;
        }
        let title = format!("the virtual UART of `{}` raises no interrupt", partition.name());
        report.push(
            Diagnostic::new(Code::UartPolled, title)
                .of(partition.name())
                .at(&partition.wish.image.site, "a kernel does not open it as its console")
                .note("early messages appear all the same, for those are polled")
                .help("name SPIs that nothing is connected to as `unwired-interrupts` in `board.toml`")
                .help("or give it a UART of its own"),
        );
    }
}

/// A path that begins at the root is one of this computer.
fn paths_are_anybodys(partition: &Partition<'_>, report: &mut Report) {
    let paths = [Some(&partition.wish.image), partition.wish.initrd.as_ref()];
    let absolute = |path: &&Located<String>| Path::new(&path.value).is_absolute();
    for path in paths.into_iter().flatten().filter(absolute) {
        let title = format!("`{}` of `{}` is a path of this computer", path.value, partition.name());
        let name = Path::new(&path.value).file_name().map(|name| name.to_string_lossy().into_owned());
        let help = name.map(|name| format!("write `{name}`, and name its folder with `--images`"));
        let absolute = Diagnostic::new(Code::PathAbsolute, title).of(partition.name());
        report.push(absolute.at(&path.site, "is found nowhere else").help_if(help));
    }
}

fn initrd_is_an_archive(partition: &Partition<'_>, guest: &Guest, report: &mut Report) {
    let (Some(bytes), Some(initrd)) = (&guest.initrd, &partition.wish.initrd) else { return };
    if !is_archive(bytes) {
        let title = format!("the initrd of `{}` is no archive", partition.name());
        report.push(
            Diagnostic::new(Code::InitrdUnknown, title)
                .of(partition.name())
                .at(&initrd.site, "neither cpio nor compressed")
                .note("a kernel goes on without what it cannot unpack, and finds no `/init`")
                .help("make one with `find . | cpio -o -H newc`"),
        );
    }
}

fn kernel_says_its_size(partition: &Partition<'_>, bytes: &[u8], report: &mut Report) {
    if bytes.get(16..24) == Some(&[0; 8]) {
        let title = format!("the kernel of `{}` does not say how much memory it takes", partition.name());
        report.push(
            Diagnostic::new(Code::KernelSizeUnknown, title)
                .of(partition.name())
                .at(&partition.wish.image.site, "`image_size` in its header is 0")
                .note("kernels before 3.17 are so; what lies behind the file may be cleared as its bss")
                .help("use a newer kernel"),
        );
    }
}

fn kernel_has_a_tree(partition: &Partition<'_>, report: &mut Report) {
    let wish = partition.wish;
    let refused = wish.device_tree.as_ref().filter(|_| wish.tree() == TreeWish::Nowhere).map(|key| &key.site);
    let elsewhere = wish.x0.as_ref().map(|key| &key.site);
    let Some((site, key)) = refused.map(|site| (site, "device-tree")).or(elsewhere.map(|site| (site, "x0")))
    else {
        return;
    };
    let title = format!("the kernel of `{}` does not find a device tree", partition.name());
    report.push(
        Diagnostic::new(Code::KernelWithoutTree, title)
            .of(partition.name())
            .at(site, "x0 does not lead to one")
            .at(&wish.image.site, "a kernel")
            .note("a kernel expects the address of its device tree in x0, and does nothing without")
            .help(format!("leave `{key}` out")),
    );
}

/// What sets EL2 up without asking where it is would stop at its first instruction there.
fn runs_at_el1(partition: &Partition<'_>, segments: &[Segment], report: &mut Report) {
    let instructions = || {
        let words = segments.iter().flat_map(|segment| segment.bytes.chunks_exact(4));
        words.map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]) & !REGISTER)
    };
    let takes_it = instructions().any(|word| WRITES_EL2.contains(&word));
    if takes_it && !instructions().any(|word| word == ASKS_FOR_EL) {
        let title = format!("the program of `{}` takes for granted that it runs at EL2", partition.name());
        report.push(
            Diagnostic::new(Code::ProgramForEl2, title)
                .of(partition.name())
                .at(&partition.wish.image.site, "writes registers of EL2 and never reads `CurrentEL`")
                .note("a partition runs at EL1, where those registers are undefined")
                .help("build it for EL1, or let it read `CurrentEL` first"),
        );
    }
}
