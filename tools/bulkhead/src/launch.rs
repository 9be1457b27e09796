//! What the machine in QEMU starts from: the image itself, or a firmware that finds it on a disk.
//!
//! A firmware is started as on a board: it lies where the CPU begins, and the image on a disk, wrapped as
//! `build --for sd` does. Trusted Firmware needs a machine with a secure world, and U-Boot alone one without, so the
//! file is asked which it is.

use crate::package::card;
use crate::run::Machine;
use crate::system::{Built, Failure};
use std::fs;
use std::path::{Path, PathBuf};

/// Writes what the machine starts from into `folder`, and gives the machine.
pub fn launch(built: &Built, folder: &Path, firmware: Option<&Path>) -> Result<Machine, Failure> {
    let Some(firmware) = firmware else {
        let image = written(folder, "bulkhead.img", &built.image)?;
        return built.machine(&image).ok_or_else(no_machine);
    };
    let read = fs::read(firmware);
    let bytes = read.map_err(|error| Failure::Host(format!("reading `{}`: {error}", firmware.display())))?;
    let payload = built.payload().map_err(|error| Failure::Unproven(error.to_string()))?;
    let card = written(folder, "bulkhead-sd.img", &card(&payload).map_err(Failure::Host)?)?;
    let world = if holds_package(&bytes) { World::Both } else { World::NonSecure };
    built
        .machine_with(&Firmware { file: firmware.to_owned(), card, world })
        .unwrap_or_else(|| Err(no_machine()))
}

/// A firmware and what it needs.
pub(crate) struct Firmware {
    /// Its file.
    pub(crate) file: PathBuf,
    /// The disk that it starts from.
    pub(crate) card: PathBuf,
    /// What the machine has for it.
    pub(crate) world: World,
}

/// The security states of a machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum World {
    /// EL2 is the highest level, and QEMU itself answers PSCI.
    NonSecure,
    /// There is EL3.
    Both,
}

fn no_machine() -> Failure {
    Failure::Usage("QEMU does not have this board; flash the image of `bulkhead build`".to_owned())
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let path = folder.join(name);
    fs::write(&path, bytes)
        .map_err(|error| Failure::Host(format!("writing `{}`: {error}", path.display())))?;
    Ok(path)
}

/// Whether a flash image holds a firmware image package: Trusted Firmware's first stage reads its others from
/// one (TF-A, include/tools_share/firmware_image_package.h: the name and the serial number of its table).
fn holds_package(flash: &[u8]) -> bool {
    const BOUNDARY: usize = 4096;
    let mark: Vec<u8> = [0xaa64_0001_u32, 0x1234_5678].into_iter().flat_map(u32::to_le_bytes).collect();
    flash.chunks(BOUNDARY).any(|page| page.starts_with(&mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trusted_firmware_is_known_by_its_package() {
        let mut flash = vec![0; 0x4_0000];
        assert!(!holds_package(&flash));
        flash.extend([0x01, 0x00, 0x64, 0xaa, 0x78, 0x56, 0x34, 0x12, 0, 0]);
        assert!(holds_package(&flash));
        assert!(!holds_package(&flash[1..]));
    }
}
