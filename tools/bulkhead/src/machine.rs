//! The machine in QEMU that a system runs on.
//!
//! It has the very arguments with which QEMU was asked for the device tree; anything else would be
//! another board.

use crate::board::{Board, QEMU, machine_arguments, machine_size};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expand::System;
use crate::guest::find;
use crate::load::images_beside;
use crate::run::{Machine, Serial};
use crate::system::Options;
use std::ffi::OsString;
use std::path::Path;

/// A machine that lacks only the image.
#[derive(Debug)]
pub(crate) struct Template {
    args: Vec<OsString>,
    serials: Vec<Serial>,
    partitions: Vec<String>,
}

impl Template {
    /// The machine of a system; `None` if QEMU does not have the board, or after a fault was filed.
    pub(crate) fn of(system: &System<'_>, options: &Options, report: &mut Report) -> Option<Self> {
        let qemu = system.wish.board.qemu.as_ref()?;
        let mut args = machine_arguments(qemu, machine_size(qemu, Some(&system.wish.system)), "");
        let folders = images_beside(&system.wish.system.folder, &options.images);
        for (number, disk) in system.wish.system.disks.iter().enumerate() {
            let name = Path::new(&disk.image.value);
            let Some(path) = find(name, &folders) else {
                let title = format!("the disk `{}` is not there", disk.image.value);
                let missing = Diagnostic::new(Code::ImageMissing, title).at(&disk.image.site, "named here");
                report
                    .push(missing.help("put it beside the system file, or name its folder with `--images`"));
                continue;
            };
            args.extend(disk_arguments(number, &path, &disk.bus.value));
        }
        let serials = qemu.serial.iter().map(|serial| carries(system, &serial.value)).collect();
        let partitions = system.partitions.iter().map(|partition| partition.name().to_owned()).collect();
        Some(Self { args, serials, partitions })
    }

    /// The machine that runs the image in the file `image`.
    pub(crate) fn machine(&self, image: &Path) -> Machine {
        let mut args = self.args.clone();
        args.extend([OsString::from("-kernel"), image.into()]);
        let (serials, partitions) = (self.serials.clone(), self.partitions.clone());
        Machine { program: QEMU.into(), args, serials, partitions }
    }
}

/// A disk whose changes are forgotten when the machine ends.
fn disk_arguments(number: usize, path: &Path, bus: &str) -> [OsString; 4] {
    let mut drive = OsString::from(format!("if=none,format=raw,snapshot=on,id=disk{number},file="));
    drive.push(path.display().to_string().replace(',', ",,"));
    let device = format!("virtio-blk-device,drive=disk{number},bus={bus}");
    ["-drive".into(), drive, "-device".into(), device.into()]
}

fn carries(system: &System<'_>, serial: &str) -> Serial {
    let board: &Board = system.board;
    let Some(node) = board.tree.find(serial) else { return Serial::Unused };
    if board.is_console(node) {
        return Serial::Shared;
    }
    let owner = system.partitions.iter().find(|partition| partition.owns(node));
    owner.map_or(Serial::Unused, |owner| Serial::Partition(owner.name().to_owned()))
}
