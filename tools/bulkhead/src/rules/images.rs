//! P0612, P0613 and P0628: what is said of an image makes sense.
//!
//! These are the keys that need no look into the file.

use crate::diagnostic::{Code, Diagnostic, Located, Report};
use crate::expand::System;
use crate::load::TreeWish;

/// Bytes to which a device tree is aligned (Devicetree Specification 0.4 §5).
const TREE: u64 = 8;
/// Bytes of an instruction.
const INSTRUCTION: u64 = 4;

/// Addresses that a person chose are ones that a CPU can use.
pub(super) fn addresses_are_aligned(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        let wish = partition.wish;
        let mut check = |address: &Located<u64>, unit: u64, what: &str| {
            if !address.value.is_multiple_of(unit) {
                let title = format!("{what} of `{}` is at no multiple of {unit}", partition.name());
                let below = address.value - address.value % unit;
                report.push(
                    Diagnostic::new(Code::AddressUnaligned, title)
                        .at(&address.site, "is not aligned")
                        .help(format!("{below:#x} is")),
                );
            }
        };
        if let Some(address) = &wish.device_tree_address {
            check(address, TREE, "the device tree");
        }
        if let Some(raw) = &wish.raw {
            check(raw.entry(), INSTRUCTION, "the entry");
        }
    }
}

/// What lies in place is not looked at when the board boots.
pub(super) fn unchecked_images_are_accepted(system: &System<'_>, report: &mut Report) {
    for partition in system.partitions.iter().filter(|partition| partition.in_place) {
        let title = format!("nobody checks the image of `{}` when the board boots", partition.name());
        report.push(
            Diagnostic::new(Code::ImageUnchecked, title)
                .of(partition.name())
                .at_if(partition.wish.in_place.as_ref().map(|key| &key.site), "it lies in place")
                .note("what the flash or the loader has damaged runs all the same, in this partition alone")
                .help("leave `in-place` out, unless something else checks what is flashed, such as verified boot"),
        );
    }
}

/// What is told in a device tree has one to be told in.
pub(super) fn trees_are_there_for_what_is_in_them(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        let wish = partition.wish;
        let Some(none) = wish.device_tree.as_ref().filter(|_| wish.tree() == TreeWish::Nowhere) else {
            continue;
        };
        let useless = [
            ("bootargs", wish.bootargs.as_ref().map(|key| &key.site)),
            ("initrd", wish.initrd.as_ref().map(|key| &key.site)),
            ("device-tree-address", wish.device_tree_address.as_ref().map(|key| &key.site)),
        ];
        for (key, site) in useless {
            let Some(site) = site else { continue };
            let title =
                format!("`{key}` of `{}` needs the device tree that it does not get", partition.name());
            let useless = Diagnostic::new(Code::TreeNeeded, title).at(site, "nobody would see it");
            report.push(useless.at(&none.site, "no device tree").help("leave one of the two out"));
        }
    }
}
