//! `cargo xtask demo`: one command from a fresh clone to a running system.

use std::path::{self, Path, PathBuf};

use bulkhead::{launch::launch, run, system};

use crate::{
    build,
    failure::Failure,
    fetch,
    setup::{self, Install, Tool},
    workspace::images,
};

/// What to run, and how.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A system's name, BOARD/NAME, or the path of its file
    #[arg(default_value = "demo")]
    system: String,
    /// Print what is to be installed instead
    #[arg(long)]
    no_install: bool,
    /// Run this Linux kernel instead of fetching one
    #[arg(long, value_name = "PATH", value_parser = absolute)]
    kernel: Option<PathBuf>,
    /// Give Linux this initramfs instead of fetching one
    #[arg(long, value_name = "PATH", value_parser = absolute)]
    initrd: Option<PathBuf>,
    #[command(flatten)]
    options: run::Options,
}

/// Provides all that the system needs, builds its image and runs it.
pub(crate) fn demo(arguments: &Arguments) -> Result<(), Failure> {
    let install = Install::unless(arguments.no_install);
    for file in [&arguments.kernel, &arguments.initrd].into_iter().flatten() {
        if !file.is_file() {
            return Err(Failure::missing(format!("{}: there is no such file", file.display())));
        }
    }
    let system = system::locate(&arguments.system)?;
    let options = system::Options {
        images: vec![images()],
        kernel: arguments.kernel.clone(),
        initrd: arguments.initrd.clone(),
        venue: system::Venue::Qemu,
        ..system::Options::default()
    };
    let to_fetch = system::missing_files(&system, &options);
    let file_system = to_fetch.iter().any(|file| file.starts_with("linux")).then_some(Tool::FileSystem);
    let tools: Vec<Tool> = [Tool::Rust, Tool::Qemu].into_iter().chain(file_system).collect();
    setup::provide(&tools, install)?;
    build::build()?;
    fetch_missing(&to_fetch, install)?;
    let built = system::build(&system, &options)?;
    eprint!("{}", built.losses());
    let machine = launch(&built, &images(), arguments.options.firmware.as_deref())?;
    run::run(&machine, &arguments.options, &options.hypervisor_path())?;
    Ok(())
}

/// Fetches what is missing of the board's device tree and of the `linux` guest, whose disk needs no network.
fn fetch_missing(missing: &[PathBuf], install: Install) -> Result<(), Failure> {
    let disk = Path::new("linux/disk.img");
    if missing.iter().any(|file| file.starts_with("boards")) {
        fetch::boards()?;
    }
    if missing.iter().any(|file| file.starts_with("linux-6.12")) {
        fetch::kernels()?;
    }
    if missing.iter().any(|file| file.starts_with("linux") && file != disk) {
        return fetch::linux(fetch::KERNEL_PACKAGE, install);
    }
    if missing.iter().any(|file| file == disk) { fetch::linux_disk(install) } else { Ok(()) }
}

fn absolute(path: &str) -> Result<PathBuf, std::io::Error> {
    path::absolute(path)
}
