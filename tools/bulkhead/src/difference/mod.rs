//! Who gained or lost access to what, between two images.
//!
//! Partitions are told by their names. What is compared is all that the plans of both images say, whatever their
//! configurations were. Where only what nobody sees differs, such as places in the window, it says that: silence means
//! that the images are the same to the byte.

mod board;
mod compare;
mod partition;
mod text;

use crate::inspect::{Contents, Owner, inspect};
use crate::package::Purpose;
use schemars::JsonSchema;
use serde::Serialize;

/// What differs between two images.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Difference {
    /// What differs of the hypervisor.
    pub hypervisor: Vec<Change>,
    /// The partitions of both, those of the old image first, if anything of them differs.
    pub partitions: Vec<Changed>,
}

/// A partition of which something differs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// Whether it is in one image only.
    pub presence: Presence,
    /// What differs.
    pub changes: Vec<Change>,
}

/// In which images a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// In both.
    Both,
    /// In the new one only.
    Added,
    /// In the old one only.
    Removed,
}

/// One difference.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// What happened.
    pub how: How,
    /// To what.
    pub what: String,
}

/// What happened to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// It can be reached now.
    Gained,
    /// It cannot be reached any more.
    Lost,
    /// It is another.
    Changed,
}

impl Difference {
    /// Compares two images; an error says which cannot be taken apart.
    pub fn of(old: &[u8], new: &[u8]) -> Result<Self, String> {
        Ok(Self::between(&trusted("first", old)?, &trusted("second", new)?))
    }

    /// Compares what two images hold.
    pub(crate) fn between(old: &Contents, new: &Contents) -> Self {
        let names = |contents: &'_ Contents| -> Vec<String> {
            contents.partitions.iter().map(|owner| owner.name.clone()).collect()
        };
        let added = names(new).into_iter().filter(|name| owner(old, name).is_none());
        let all = names(old).into_iter().chain(added);
        let partitions = all.map(|name| partition::changed(&name, [owner(old, &name), owner(new, &name)]));
        let mut difference = Self {
            hypervisor: board::changes(old, new),
            partitions: partitions.filter(Changed::is_worth_telling).collect(),
        };
        if difference.is_empty() && old.sha256 != new.sha256 {
            let what = "its image, in nothing that a partition sees".to_owned();
            difference.hypervisor.push(Change { how: How::Changed, what });
        }
        difference
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.hypervisor.is_empty() && self.partitions.is_empty()
    }
}

impl Changed {
    fn is_worth_telling(&self) -> bool {
        self.presence != Presence::Both || !self.changes.is_empty()
    }
}

fn trusted(which: &str, image: &[u8]) -> Result<Contents, String> {
    let contents = inspect(image);
    let Some(fault) = contents.faults.first() else { return Ok(contents) };
    let advice = Purpose::advice(image).map(|advice| format!("\n{advice}")).unwrap_or_default();
    Err(format!("the {which} image cannot be trusted: {fault}{advice}"))
}

fn owner<'a>(contents: &'a Contents, name: &str) -> Option<&'a Owner> {
    contents.partitions.iter().find(|owner| owner.name == name)
}

#[cfg(test)]
mod tests;
