//! The machine in QEMU that a system runs on.
//!
//! It has the very arguments with which QEMU was asked for the device tree; anything else would be
//! another board.

use crate::board::{Board, QEMU, machine_arguments, machine_size, tree_file};
use crate::diagnostic::{Code, Diagnostic, Located, Report};
use crate::expand::System;
use crate::guest::{find, obstacle};
use crate::launch::{Firmware, World};
use crate::load::images_beside;
use crate::run::{Machine, Serial};
use crate::system::Options;
use std::ffi::OsString;
use std::path::{self, Path};

/// A machine that lacks only the image.
#[derive(Debug)]
pub(crate) struct Template {
    args: Vec<OsString>,
    serials: Vec<Serial>,
    partitions: Vec<String>,
    /// Where the system's own disks are.
    buses: Vec<String>,
    is_virt: bool,
}

/// What QEMU's `virt` has for virtio-mmio devices (QEMU, hw/arm/virt.c).
const VIRTIO_BUSES: usize = 32;
/// The one of its serial lines that is the secure world's, if there is one.
const SECURE_SERIAL: usize = 1;

impl Template {
    /// The machine of a system; `None` if QEMU does not have the board, or after a fault was filed.
    pub(crate) fn of(system: &System<'_>, options: &Options, report: &mut Report) -> Option<Self> {
        let qemu = system.wish.board.qemu.as_ref()?;
        let mut args = machine_arguments(qemu, machine_size(qemu, Some(&system.wish.system)), "");
        if let Some(tree) = tree_file(&system.wish.board, &options.images) {
            args.extend(["-dtb".into(), path::absolute(&tree).unwrap_or(tree).into()]);
        }
        let folders = images_beside(&system.wish.system.folder, &options.images);
        for (number, disk) in system.wish.system.disks.iter().enumerate() {
            let name = Path::new(&disk.image.value);
            let Some(path) = find(name, &folders) else {
                report.push(disk_missing(&disk.image, obstacle(name, &folders)));
                continue;
            };
            args.extend(disk_arguments(&format!("disk{number}"), &path, &disk.bus.value));
        }
        let serials = qemu.serial.iter().map(|serial| carries(system, &serial.value)).collect();
        let partitions = system.partitions.iter().map(|partition| partition.name().to_owned()).collect();
        let buses = system.wish.system.disks.iter().map(|disk| disk.bus.value.clone()).collect();
        let is_virt = qemu.machine.value.split(',').next() == Some("virt");
        Some(Self { args, serials, partitions, buses, is_virt })
    }

    /// The machine that runs the image in the file `image`.
    pub(crate) fn machine(&self, image: &Path) -> Machine {
        self.started_by(["-kernel".into(), image.into()])
    }

    /// The machine that starts a firmware, and has the disk that it starts from; the error says why there is none.
    pub(crate) fn machine_with(&self, firmware: &Firmware) -> Result<Machine, String> {
        if !self.is_virt {
            return Err("only QEMU's `virt` can be given another firmware".to_owned());
        }
        let bus = self.first_free_bus().ok_or("every bus for disks is taken: the firmware needs one")?;
        let disk = disk_arguments("card", &firmware.card, &bus);
        let start: [OsString; 2] = ["-bios".into(), firmware.file.clone().into()];
        let mut machine = self.started_by(start.into_iter().chain(disk));
        if firmware.world == World::Both {
            if let Some(Serial::Partition(owner)) = self.serials.get(SECURE_SERIAL) {
                let why = "the second UART of `virt` is the secure world's with this firmware";
                return Err(format!(
                    "{why}, and `{owner}` has it: give it no UART, and it speaks through the first"
                ));
            }
            machine.args.extend(["-machine".into(), "secure=on".into()]);
        }
        Ok(machine)
    }

    fn started_by(&self, start: impl IntoIterator<Item = OsString>) -> Machine {
        let args = self.args.iter().cloned().chain(start).collect();
        let (serials, partitions) = (self.serials.clone(), self.partitions.clone());
        Machine { program: QEMU.into(), args, serials, partitions }
    }

    /// The lowest is where U-Boot looks first.
    fn first_free_bus(&self) -> Option<String> {
        let buses = (0..VIRTIO_BUSES).map(|number| format!("virtio-mmio-bus.{number}"));
        buses.into_iter().find(|bus| !self.buses.contains(bus))
    }
}

fn disk_missing(image: &Located<String>, obstacle: Option<String>) -> Diagnostic {
    let is_there = obstacle.is_some();
    let title = match obstacle {
        Some(why) => format!("cannot read the disk `{}`: {why}", image.value),
        None => format!("the disk `{}` is not there", image.value),
    };
    let help = "put it beside the system file, or name its folder with `--images`".to_owned();
    let missing = Diagnostic::new(Code::ImageMissing, title).at(&image.site, "named here");
    missing.help_if((!is_there).then_some(help))
}

/// A disk whose changes are forgotten when the machine ends.
fn disk_arguments(name: &str, path: &Path, bus: &str) -> [OsString; 4] {
    let mut drive = OsString::from(format!("if=none,format=raw,snapshot=on,id={name},file="));
    drive.push(path.display().to_string().replace(',', ",,"));
    let device = format!("virtio-blk-device,drive={name},bus={bus}");
    ["-drive".into(), drive, "-device".into(), device.into()]
}

fn carries(system: &System<'_>, serial: &str) -> Serial {
    let board: &Board = system.board;
    let Some(node) = board.tree.find(serial) else { return Serial::Unused };
    let owner = system.partitions.iter().find(|partition| partition.owns(node));
    match (owner.map(|owner| owner.name().to_owned()), board.is_console(node)) {
        (None, true) => Serial::Shared,
        (Some(heir), true) => Serial::Inherited(heir),
        (Some(owner), false) => Serial::Partition(owner),
        (None, false) => Serial::Unused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `virt` whose second serial line carries `second`, with disks on these buses.
    fn template(second: Serial, buses: &[&str]) -> Template {
        let buses = buses.iter().map(|bus| (*bus).to_owned()).collect();
        let serials = vec![Serial::Shared, second];
        Template { args: Vec::new(), serials, partitions: Vec::new(), buses, is_virt: true }
    }

    fn firmware(world: World) -> Firmware {
        Firmware { file: "flash.bin".into(), card: "card.img".into(), world }
    }

    #[test]
    fn a_card_is_on_the_first_bus_that_is_free() {
        let template = template(Serial::Unused, &["virtio-mmio-bus.0", "virtio-mmio-bus.2"]);
        let args = template.machine_with(&firmware(World::NonSecure)).unwrap().args;
        assert_eq!(args[..2], ["-bios", "flash.bin"]);
        assert!(args.contains(&"virtio-blk-device,drive=card,bus=virtio-mmio-bus.1".into()), "{args:?}");
        assert!(!args.contains(&"secure=on".into()), "{args:?}");
    }

    #[test]
    fn the_secure_world_takes_the_second_uart() {
        let args = template(Serial::Unused, &[]).machine_with(&firmware(World::Both)).unwrap().args;
        assert!(args.ends_with(&["-machine".into(), "secure=on".into()]), "{args:?}");
        let owned = template(Serial::Partition("linux".to_owned()), &[]);
        assert!(owned.machine_with(&firmware(World::Both)).unwrap_err().contains("`linux` has it"));
        assert!(owned.machine_with(&firmware(World::NonSecure)).is_ok());
    }

    #[test]
    fn other_machines_take_no_firmware() {
        let other = Template { is_virt: false, ..template(Serial::Unused, &[]) };
        assert!(other.machine_with(&firmware(World::NonSecure)).is_err());
    }
}
