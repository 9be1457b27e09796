//! ELF programs for AArch64.
//!
//! `ET_EXEC` runs at its own physical addresses, `ET_DYN` is linked at 0 and moves itself. Only what is
//! loaded counts; there is no dynamic linker.

use super::Program;
use super::packed::Packed;
use crate::diagnostic::{Code, Diagnostic};
use crate::load::shown;
use object::elf::{
    ELFCLASS64, ELFDATA2LSB, EM_AARCH64, ET_DYN, ET_EXEC, FileHeader64, FileType, PT_INTERP, PT_LOAD,
};
use object::endian::LittleEndian;
use object::read::elf::{FileHeader, ProgramHeader};
use std::path::Path;

/// Bytes of the header of U-Boot's `mkimage`.
pub(super) const WRAPPER: usize = 64;
/// Where a Linux kernel's own addresses begin, at most (`Documentation/arch/arm64/memory.rst`).
const KERNEL_ADDRESSES: u64 = 0xffff_0000_0000_0000;

/// A piece of a program.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Its bytes in the file.
    pub(crate) bytes: Vec<u8>,
    /// Where it is loaded.
    pub(crate) physical: u64,
    /// Where it believes to run.
    pub(crate) virtual_address: u64,
    /// Bytes it takes; what the file does not hold is zero.
    pub(crate) memory_size: u64,
}

/// Why a file cannot be run.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is neither ELF nor an `Image`.
    Unknown,
    /// It is a device tree.
    Tree,
    /// It has a header of U-Boot's before so many bytes of something else.
    Wrapped(u32),
    /// It is a program of an operating system's.
    Hosted,
    /// It is the ELF file of a Linux kernel.
    Unflattened,
    /// It is compressed.
    Compressed(Packed),
    /// It is for another machine.
    Foreign(String),
    /// Its headers contradict it.
    Damaged(String),
}

impl Fault {
    /// What is wrong, in half a sentence.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Unknown => "it is no program".to_owned(),
            Self::Compressed(_) => "it is compressed".to_owned(),
            Self::Tree => "it is a device tree".to_owned(),
            Self::Wrapped(_) => "it has a header of U-Boot's".to_owned(),
            Self::Hosted => "it needs an operating system".to_owned(),
            Self::Unflattened => "it is a Linux kernel".to_owned(),
            Self::Foreign(why) | Self::Damaged(why) => why.clone(),
        }
    }

    /// The fault of the file at `path`, which `owner` calls `name` and should run.
    pub(super) fn diagnostic(self, name: &Path, path: &Path, owner: &str) -> Diagnostic {
        let name = name.display();
        match self {
            Self::Unknown => {
                let title = format!("`{name}` of `{owner}` is no program");
                let unknown = Diagnostic::new(Code::ImageUnknown, title);
                unknown.help("a partition runs an ELF program or an uncompressed arm64 `Image`")
            }
            Self::Tree => {
                let title = format!("`{name}` of `{owner}` is a device tree, and no program");
                let tree = Diagnostic::new(Code::ImageIsTree, title);
                tree.note("the partition's device tree is made from the board's: `bulkhead dts` shows it")
                    .help("name the program here")
            }
            Self::Wrapped(size) => {
                let title =
                    format!("`{name}` of `{owner}` is wrapped for U-Boot, and nobody unwraps it at boot");
                let path = shown(path);
                let repair = format!(
                    "take the header off with `tail -c +{} {path} | head -c {size} > {path}.bin`",
                    WRAPPER + 1
                );
                Diagnostic::new(Code::ImageWrapped, title).help(repair)
            }
            Self::Hosted => {
                let title = format!("`{name}` of `{owner}` is a program for an operating system");
                let hosted = Diagnostic::new(Code::ProgramHosted, title);
                hosted
                    .note("it asks for a dynamic linker, which a partition does not have")
                    .help("build it without an operating system, such as for `aarch64-unknown-none` or with `aarch64-none-elf-gcc`")
            }
            Self::Unflattened => {
                let title =
                    format!("`{name}` of `{owner}` is a Linux kernel as ELF, which no boot loader starts");
                let kernel = Diagnostic::new(Code::KernelUnflattened, title);
                kernel.help("name `arch/arm64/boot/Image` of the same build")
            }
            Self::Compressed(packed) => {
                let title = format!("`{name}` of `{owner}` is compressed, and nobody unpacks it at boot");
                let (command, unpacked) = packed.repair(path);
                let repair = format!("unpack it with `{command}`, and name `{unpacked}` here");
                Diagnostic::new(Code::ImageCompressed, title).help(repair)
            }
            Self::Foreign(why) => {
                let title = format!("`{name}` of `{owner}` is for another machine: {why}");
                let foreign = Diagnostic::new(Code::ElfForeign, title);
                foreign.help("build it for 64-bit Arm, little-endian, without an operating system")
            }
            Self::Damaged(why) => {
                Diagnostic::new(Code::ImageDamaged, format!("`{name}` of `{owner}` is damaged: {why}"))
            }
        }
    }
}

/// The program in an ELF file.
pub(super) fn program(bytes: &[u8]) -> Result<Program, Fault> {
    let (kind, entry, segments) = segments(bytes)?;
    if segments.iter().all(|segment| segment.physical >= KERNEL_ADDRESSES) {
        return Err(Fault::Unflattened);
    }
    let home = segments.iter().find(|segment| {
        segment.virtual_address <= entry && entry - segment.virtual_address < segment.memory_size
    });
    let home = home.ok_or_else(|| Fault::Damaged("it begins outside of its segments".to_owned()))?;
    let entry = entry - home.virtual_address + home.physical;
    match kind {
        ET_DYN => Ok(Program::Movable { segments, entry }),
        _ => Ok(Program::Fixed { segments, entry }),
    }
}

/// The type of an ELF file, its entry point and what it loads, by rising address.
pub(crate) fn segments(bytes: &[u8]) -> Result<(FileType, u64, Vec<Segment>), Fault> {
    let damaged = |why: object::read::Error| Fault::Damaged(why.to_string());
    let ident = |at: usize| bytes.get(at).copied().unwrap_or_default();
    if ident(4) != ELFCLASS64.0 {
        return Err(Fault::Foreign("it is not 64-bit".to_owned()));
    }
    if ident(5) != ELFDATA2LSB.0 {
        return Err(Fault::Foreign("it is big-endian".to_owned()));
    }
    let header = FileHeader64::<LittleEndian>::parse(bytes).map_err(damaged)?;
    let machine = header.e_machine(LittleEndian);
    if machine != EM_AARCH64 {
        return Err(Fault::Foreign(format!("its machine is number {machine}, AArch64 is {EM_AARCH64}")));
    }
    let kind = header.e_type(LittleEndian);
    if kind != ET_EXEC && kind != ET_DYN {
        return Err(Fault::Foreign("it is neither an executable nor position-independent".to_owned()));
    }
    let mut segments = Vec::new();
    for program in header.program_headers(LittleEndian, bytes).map_err(damaged)? {
        let memory_size = program.p_memsz(LittleEndian);
        if program.p_type(LittleEndian) == PT_INTERP {
            return Err(Fault::Hosted);
        }
        if program.p_type(LittleEndian) != PT_LOAD || memory_size == 0 {
            continue;
        }
        let outside = || Fault::Damaged("a segment lies outside of the file".to_owned());
        let data = program.data(LittleEndian, bytes).map_err(|()| outside())?;
        let segment = Segment {
            bytes: data.to_vec(),
            physical: program.p_paddr(LittleEndian),
            virtual_address: program.p_vaddr(LittleEndian),
            memory_size,
        };
        let wraps = segment.physical.checked_add(memory_size).is_none()
            || segment.virtual_address.checked_add(memory_size).is_none();
        if wraps || u64::try_from(segment.bytes.len()).is_ok_and(|size| size > memory_size) {
            return Err(Fault::Damaged("a segment is larger than its memory".to_owned()));
        }
        segments.push(segment);
    }
    segments.sort_by_key(|segment| segment.physical);
    if segments.is_empty() {
        return Err(Fault::Damaged("it loads nothing".to_owned()));
    }
    if segments.windows(2).any(|pair| pair[0].physical + pair[0].memory_size > pair[1].physical) {
        return Err(Fault::Damaged("its segments overlap".to_owned()));
    }
    Ok((kind, header.e_entry(LittleEndian), segments))
}
