//! Takes a flattened device tree apart.
//!
//! Real trees have names of more than 31 characters, which the Devicetree Specification (2.2.1) does not
//! allow and everybody accepts; so the crate that reads them for the hypervisor reads them here, too. What it
//! does not look at is looked at here: that the blocks lie in the blob, that every name can stand in a path,
//! and that nothing of the structure was passed over. (Devicetree Specification 0.4, chapter 5.)

use super::{DEEPEST, Node, NodeId};
use bulkhead_plan::Span;
use fdt::helpers::UnalignedFallibleNode;
use fdt::{Fdt, FdtError};

/// Bytes of the header of version 17.
const HEADER: usize = 40;
/// Tokens of the structure block.
const BEGIN_NODE: u32 = 1;
const NOP: u32 = 4;
const END: u32 = 9;

/// What a blob holds.
pub(super) struct Contents {
    /// Its nodes, parents before children.
    pub(super) nodes: Vec<Node>,
    /// The memory reservation block.
    pub(super) reservations: Vec<Span>,
    /// Bytes of structure that the nodes account for.
    size: usize,
}

/// Reads a blob; bytes behind its end are ignored, as firmware pads.
pub(super) fn read(bytes: &[u8]) -> Result<Contents, String> {
    let header = Header::read(bytes)?;
    let blob = bytes.get(..header.total).ok_or("it is shorter than its header says")?;
    let structure = header.structure(blob)?;
    let reservations = header.reservations(blob)?;
    let fdt = Fdt::new_unaligned_fallible(blob).map_err(|error| damaged(&error))?;
    let root = fdt.find_node("/").map_err(|error| damaged(&error))?.ok_or("it has no root")?;
    let mut contents = Contents { nodes: Vec::new(), reservations, size: 4 };
    contents.add(&root, None, 0)?;
    let gaps = 4 * words(structure).filter(|word| *word == NOP).count();
    if !(contents.size..=contents.size + gaps).contains(&structure.len()) {
        return Err("its structure does not end where its root does".to_owned());
    }
    Ok(contents)
}

impl Contents {
    fn add(
        &mut self,
        node: &UnalignedFallibleNode<'_>,
        parent: Option<NodeId>,
        depth: usize,
    ) -> Result<NodeId, String> {
        if depth > DEEPEST {
            return Err(format!("its nodes are nested more than {DEEPEST} deep"));
        }
        let id = NodeId(self.nodes.len());
        let name = match parent {
            None => String::new(),
            Some(_) => checked(node.name().map_err(|error| damaged(&error))?.to_string())?,
        };
        let path = match parent.map(|parent| self.nodes[parent.0].path.as_str()) {
            None => "/".to_owned(),
            Some("/") => format!("/{name}"),
            Some(parent) => format!("{parent}/{name}"),
        };
        self.size += 8 + (name.len() + 1).next_multiple_of(4);
        let mut properties = Vec::new();
        for property in node.properties().map_err(|error| damaged(&error))?.iter() {
            let property = property.map_err(|error| damaged(&error))?;
            self.size += 12 + property.value.len().next_multiple_of(4);
            properties.push((checked(property.name.to_owned())?, property.value.to_owned()));
        }
        self.nodes.push(Node { name, path, parent, children: Vec::new(), properties });
        for child in node.children().map_err(|error| damaged(&error))?.iter() {
            let child = self.add(&child.map_err(|error| damaged(&error))?, Some(id), depth + 1)?;
            self.nodes[id.0].children.push(child);
        }
        Ok(id)
    }
}

/// Where the blocks of a blob are.
struct Header {
    total: usize,
    structure: (usize, usize),
    strings: (usize, usize),
    reservations: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let header: Vec<u32> = words(bytes.get(..HEADER).ok_or("it is shorter than a header")?).collect();
        let [magic, total, structure, strings, reservations, version, oldest, _, strings_size, size] =
            header[..]
        else {
            return Err("it is shorter than a header".to_owned());
        };
        if magic != 0xd00d_feed {
            return Err("it does not begin as a flattened device tree does".to_owned());
        }
        if version < 17 || oldest > 17 {
            return Err(format!("its format is version {version}, not 17"));
        }
        let offset = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(Self {
            total: offset(total),
            structure: (offset(structure), offset(size)),
            strings: (offset(strings), offset(strings_size)),
            reservations: offset(reservations),
        })
    }

    /// The structure block, from the first token to the last.
    fn structure<'a>(&self, blob: &'a [u8]) -> Result<&'a [u8], String> {
        block(blob, self.strings).ok_or("its strings lie outside of it")?;
        let structure = block(blob, self.structure).ok_or("its structure lies outside of it")?;
        let (first, last) = (words(structure).next(), words(structure).last());
        let is_whole = structure.len() >= 16 && structure.len().is_multiple_of(4);
        match is_whole && first == Some(BEGIN_NODE) && last == Some(END) {
            true => Ok(structure),
            false => Err("its structure is not whole".to_owned()),
        }
    }

    fn reservations(&self, blob: &[u8]) -> Result<Vec<Span>, String> {
        let mut found = Vec::new();
        for entry in blob.get(self.reservations..).unwrap_or_default().chunks_exact(16) {
            let number = |half: &[u8]| words(half).fold(0, |number, word| number << 32 | u64::from(word));
            match Span::new(number(&entry[..8]), number(&entry[8..])) {
                span if span == Span::new(0, 0) => return Ok(found),
                span => found.push(span),
            }
        }
        Err("its memory reservations do not end".to_owned())
    }
}

fn block(blob: &[u8], (offset, size): (usize, usize)) -> Option<&[u8]> {
    blob.get(offset..offset.checked_add(size)?)
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
}

/// A name that can stand in a path and in source.
fn checked(name: String) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ",._+-?#@".contains(letter);
    match !name.is_empty() && name.chars().all(is_plain) {
        true => Ok(name),
        false => Err(format!("{name:?} is no name")),
    }
}

fn damaged(error: &FdtError) -> String {
    match error {
        FdtError::ParseError(error) => format!("its structure is damaged ({error:?})"),
        error => format!("it is damaged ({error:?})"),
    }
}
