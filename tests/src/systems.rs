//! Images for tests: a system of the repository, or one that a test writes itself.
//!
//! A system file lies beside its board's file, so a system that a test makes gets a folder of its own with
//! a copy of that.

use crate::{Board, Context, Running};
use anyhow::{Context as _, Result, anyhow, ensure};
use bulkhead::system::{Built, Options, Venue, build};
use object::read::elf::ProgramHeader;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The smallest system.
pub(crate) const SMALL: &str = r#"
[[partition]]
name = "guest"
image = "hello.elf"
cpus = [0]
memory = "4M"
"#;

impl<'a> Context<'a> {
    /// A system of `qemu-virt`, by its name, for the test's board.
    pub(crate) fn shipped(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder(Board::Virt).join(name).with_extension("toml");
        match self.board {
            Board::Virt => Ok(path),
            _ => self.made(name, &fs::read_to_string(path)?),
        }
    }

    /// A system of the test's board itself, by its name.
    pub(crate) fn own(&self, name: &str) -> PathBuf {
        self.folder(self.board).join(name).with_extension("toml")
    }

    /// A system of the test's board whose file says `text`.
    pub(crate) fn made(&self, name: &str, text: &str) -> Result<PathBuf> {
        let folder = self.scratch(name)?;
        fs::copy(self.folder(self.board).join("board.toml"), folder.join("board.toml"))?;
        let file = folder.join("system.toml");
        fs::write(&file, text)?;
        Ok(file)
    }

    fn folder(&self, board: Board) -> PathBuf {
        self.root.join("board-configs").join(board.name())
    }

    /// Builds the system at `path`, with the hypervisor in `hypervisor` or the ordinary one.
    pub(crate) fn build(&self, path: &Path, hypervisor: Option<PathBuf>) -> Result<Built> {
        let options = Options {
            images: vec![self.images.clone()],
            hypervisor,
            venue: Venue::Qemu,
            ..Options::default()
        };
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

    /// Builds the hypervisor with a feature that only tests want.
    pub(crate) fn hypervisor_with(&self, feature: &str) -> Result<PathBuf> {
        const TARGET: &str = "aarch64-unknown-none-softfloat";
        let folder = self.images.join("tests").join(feature).join("target");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", &folder);
        cargo.args(["build", "--quiet", "--release", "--target", TARGET, "-p", "hypervisor"]);
        let status = cargo.args(["--features", feature]).status()?;
        ensure!(status.success(), "cargo: {status}");
        Ok(folder.join(TARGET).join("release/hypervisor"))
    }

    /// A folder for what a test makes.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let folder = self.images.join("tests").join(self.board.name()).join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// Has the board of a system that a test has made be another one.
pub(crate) fn edit_board(system: &Path, what: &str, by: &str) -> Result<()> {
    let path = system.with_file_name("board.toml");
    let text = fs::read_to_string(&path)?;
    ensure!(text.contains(what), "the board does not say `{what}`");
    Ok(fs::write(&path, text.replace(what, by))?)
}

/// The program's segments at the addresses where they are loaded, from the first on.
pub(crate) fn flat(elf: &[u8]) -> Result<Vec<u8>> {
    let file = object::read::elf::ElfFile64::<object::Endianness>::parse(elf)?;
    let mut bytes = Vec::new();
    for segment in file.elf_program_headers() {
        let endian = file.endian();
        if segment.p_type(endian) == object::elf::PT_LOAD {
            let at = usize::try_from(segment.p_paddr(endian))?;
            let data = segment.data(endian, elf).ok().context("a segment that is not there")?;
            bytes.resize(bytes.len().max(at + usize::try_from(segment.p_memsz(endian))?), 0);
            bytes[at..at + data.len()].copy_from_slice(data);
        }
    }
    Ok(bytes)
}
