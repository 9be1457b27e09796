//! The functions of the hypervisor, and the lines they were made of.
//!
//! The hypervisor runs at one virtual address on every board, so the addresses of its ELF file are those
//! in a log. A file that is not the one in the image would lie, so it is refused.

use crate::hypervisor::flatten;
use addr2line::Context;
use addr2line::gimli::{DW_LANG_Rust, Dwarf, EndianSlice, LittleEndian, SectionId};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::env;
use std::fmt;
use std::path::PathBuf;

/// Bytes at the start of an image that are filled in per board.
const PARTICULAR: usize = 0x1000;

/// A function.
#[derive(Debug)]
struct Function {
    start: u64,
    end: u64,
    name: String,
}

/// The symbols of one binary.
pub(super) struct Symbols<'a> {
    functions: Vec<Function>,
    lines: Option<Context<EndianSlice<'a, LittleEndian>>>,
    /// The first virtual address of the binary, and the physical one behind it.
    home: (u64, u64),
    /// Bytes of the binary in memory.
    size: u64,
    here: PathBuf,
}

impl<'a> Symbols<'a> {
    /// The symbols of `elf`, whose code is in `image` and runs at the physical address `window`.
    pub(super) fn read(elf: &'a [u8], image: &[u8], window: u64) -> Result<Self, String> {
        let flat = flatten(elf).map_err(|why| format!("this is not the hypervisor: {why}"))?;
        let tail = flat.get(PARTICULAR..).unwrap_or_default();
        if image.get(PARTICULAR..flat.len()) != Some(tail) {
            return Err("this is not the hypervisor in the image: it was built anew since".to_owned());
        }
        let file = object::File::parse(elf).map_err(|error| error.to_string())?;
        let start =
            file.segments().map(|segment| object::ObjectSegment::address(&segment)).min().unwrap_or(0);
        let size = u64::try_from(flat.len()).unwrap_or(u64::MAX);
        let here = env::current_dir().unwrap_or_default();
        Ok(Self { functions: functions(&file), lines: lines(&file), home: (start, window), size, here })
    }

    /// The function at a virtual address, and the line.
    pub(super) fn at(&self, address: u64) -> Option<String> {
        let behind = self.functions.partition_point(|function| function.start <= address);
        let function = self.functions[..behind].last().filter(|function| address < function.end)?;
        let offset = address - function.start;
        Some(format!("{} + {offset:#x}{}", function.name, self.line(address).unwrap_or_default()))
    }

    /// The virtual address of a physical one in the binary.
    pub(super) fn seen_from_el2(&self, physical: u64) -> Option<u64> {
        let (seen, lies) = self.home;
        let offset = physical.checked_sub(lies).filter(|offset| *offset < self.size)?;
        seen.checked_add(offset)
    }

    fn line(&self, address: u64) -> Option<String> {
        let location = self.lines.as_ref()?.find_location(address).ok()??;
        let file = PathBuf::from(location.file?);
        let file = file.strip_prefix(&self.here).unwrap_or(&file).display();
        Some(format!(", {file}:{}", location.line?))
    }
}

impl fmt::Debug for Symbols<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Symbols").field("functions", &self.functions.len()).finish_non_exhaustive()
    }
}

/// Functions and labels of code by rising address; a label of assembly ends where the next one begins.
fn functions(file: &object::File<'_>) -> Vec<Function> {
    let is_code = |symbol: &object::Symbol<'_, '_>| {
        let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
        let in_text = section.is_some_and(|section| section.kind() == object::SectionKind::Text);
        in_text && matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Label | SymbolKind::Unknown)
    };
    let named = file.symbols().filter(is_code).filter_map(|symbol| {
        let name = symbol.name().ok().filter(|name| !name.is_empty() && !name.starts_with('$'))?;
        let name = addr2line::demangle(name, DW_LANG_Rust).unwrap_or_else(|| name.to_owned());
        Some(Function { start: symbol.address(), end: symbol.address().saturating_add(symbol.size()), name })
    });
    let mut functions: Vec<Function> = named.collect();
    functions.sort_by_key(|function| (function.start, function.end));
    let text_end = file.sections().filter(|it| it.kind() == object::SectionKind::Text);
    let text_end = text_end.map(|it| it.address().saturating_add(it.size())).max().unwrap_or(0);
    let starts: Vec<u64> =
        functions.iter().map(|function| function.start).skip(1).chain([text_end]).collect();
    for (function, next) in functions.iter_mut().zip(starts).filter(|(it, _)| it.start == it.end) {
        function.end = next;
    }
    functions
}

fn lines<'a>(file: &object::File<'a>) -> Option<Context<EndianSlice<'a, LittleEndian>>> {
    let section = |id: SectionId| -> Result<_, addr2line::gimli::Error> {
        let bytes =
            file.section_by_name(id.name()).and_then(|section| section.data().ok()).unwrap_or_default();
        Ok(EndianSlice::new(bytes, LittleEndian))
    };
    Context::from_dwarf(Dwarf::load(section).ok()?).ok()
}
