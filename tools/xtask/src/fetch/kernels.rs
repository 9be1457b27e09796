//! Fetches the kernels that `linux` is tried with besides its own.
//!
//! Debian builds its kernels in several ways, and two releases of Debian have two series: a guest that is to run unmodified
//! has to run as any of them. Each gets an initramfs with its own modules.

use super::{
    BUSYBOX_PACKAGE, apt, initramfs, kernel_in, linux_init, remove_if_there, require_debian, sha256,
};
use crate::{
    failure::Failure,
    workspace::{images, target_dir},
};
use std::fs;

/// Counts up when a change of this program changes what it makes.
const RECIPE: u32 = 1;

/// Where a kernel comes from.
#[derive(Clone, Copy)]
enum Source {
    /// The package that this one depends on.
    Meta(&'static str),
    /// The newest of this series; its package is the one that the device trees come from, too.
    Newest(&'static str),
}

/// By the folders in which tests look for them.
const KERNELS: [(&str, Source); 2] =
    [("linux-6.1", Source::Meta("linux-image-arm64")), ("linux-6.12", Source::Newest("6.12"))];

/// Fetches what is missing of all of them.
pub(crate) fn kernels() -> Result<(), Failure> {
    let init = linux_init()?;
    let recipe = format!("{RECIPE} {}\n", sha256(&init));
    for (name, source) in KERNELS {
        let results = images().join(name);
        let stamp = results.join("stamp");
        if fs::read_to_string(&stamp).is_ok_and(|text| text.starts_with(&recipe)) {
            continue;
        }
        require_debian()?;
        let packages = match source {
            Source::Meta(package) => apt::download(&target_dir().join("fetch/linux"), package, &[])?,
            Source::Newest(series) => apt::newest_kernel(&target_dir().join("fetch/device-trees"), series)?,
        };
        let busybox = apt::download(&target_dir().join("fetch/linux"), BUSYBOX_PACKAGE, &[])?;
        eprintln!("fetch: packing {}", packages.names().trim_end());
        let files = packages.unpack()?;
        busybox.unpack_into(&files)?;
        fs::create_dir_all(&results).map_err(Failure::about(&results))?;
        let image = results.join("Image");
        fs::copy(kernel_in(&files, &packages)?, &image).map_err(Failure::about(&image))?;
        initramfs::write(&files, &init, &results.join("initrd.cpio.gz"))?;
        remove_if_there(&files)?;
        fs::write(&stamp, format!("{recipe}{}", packages.names())).map_err(Failure::about(&stamp))?;
    }
    Ok(())
}
