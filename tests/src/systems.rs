//! Images for tests: a system of the repository, or one that a test writes itself.
//!
//! A system file lies beside its board's file, so a system that a test makes gets a folder of its own with
//! a copy of that.

use crate::{Context, Running};
use anyhow::{Context as _, Result, anyhow};
use bulkhead::system::{Built, Options, build};
use std::fs;
use std::path::{Path, PathBuf};

impl<'a> Context<'a> {
    /// A system of `board-configs`, by `BOARD/NAME`.
    pub(crate) fn shipped(&self, name: &str) -> PathBuf {
        self.root.join("board-configs").join(name).with_extension("toml")
    }

    /// A system of `qemu-virt` whose file says `text`.
    pub(crate) fn made(&self, name: &str, text: &str) -> Result<PathBuf> {
        let folder = self.scratch(name)?;
        fs::copy(self.root.join("board-configs/qemu-virt/board.toml"), folder.join("board.toml"))?;
        let file = folder.join("system.toml");
        fs::write(&file, text)?;
        Ok(file)
    }

    /// Builds the system at `path`, with the hypervisor in `hypervisor` or the ordinary one.
    pub(crate) fn build(&self, path: &Path, hypervisor: Option<PathBuf>) -> Result<Built> {
        let options = Options { images: vec![self.images.clone()], hypervisor, ..Options::default() };
        build(path, &options).map_err(|failure| anyhow!("{failure}"))
    }

    /// Boots a built system.
    pub(crate) fn boot(&'a self, name: &str, built: &Built) -> Result<Running<'a>> {
        self.boot_with(name, built, &[])
    }

    /// Boots a built system on a machine that further QEMU options make another one.
    pub(crate) fn boot_with(&'a self, name: &str, built: &Built, options: &[&str]) -> Result<Running<'a>> {
        let image = self.scratch(name)?.join("image.img");
        fs::write(&image, &built.image)?;
        let mut machine = built.machine(&image).context("the board is no machine of QEMU")?;
        machine.args.extend(options.iter().map(Into::into));
        self.start(&machine)
    }

    /// Builds and boots the system at `path`.
    pub(crate) fn run(&'a self, name: &str, path: &Path) -> Result<Running<'a>> {
        self.boot(name, &self.build(path, None)?)
    }

    /// A file of a test's own.
    pub(crate) fn scratch_file(&self, name: &str, file: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.scratch(name)?.join(file);
        fs::write(&path, bytes)?;
        Ok(path)
    }

    /// A folder for what a test makes.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let folder = self.images.join("tests").join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}
