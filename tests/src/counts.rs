//! The line that the hypervisor prints when a partition stops: entries, and exits by reason.

use crate::{Running, patience};
use anyhow::{Context as _, Result, ensure};
use regex::bytes::{Captures, Regex};
use std::collections::BTreeMap;

/// What the hypervisor has counted for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Entries through the vectors, as the vectors counted them.
    pub(crate) entries: u64,
    /// Exits by reason; reasons that never came are not there.
    pub(crate) exits: BTreeMap<String, u64>,
}

impl Counts {
    /// Waits until the partition has stopped because it wanted to, and reads its line.
    pub(crate) fn wait_for(machine: &mut Running<'_>, partition: &str) -> Result<Self> {
        Self::of_end(machine, partition, "off")
    }

    /// Waits until a life of the partition has ended, because of `why`, and reads its line.
    pub(crate) fn of_end(machine: &mut Running<'_>, partition: &str, why: &str) -> Result<Self> {
        Self::read(&machine.expect("bulkhead", &line_of(partition, why)?, patience())?)
    }

    /// Waits until the board is off, and reads the lines of these partitions, in whatever order they ended.
    pub(crate) fn of_all<const N: usize>(
        machine: &mut Running<'_>,
        partitions: [&str; N],
    ) -> Result<[Self; N]> {
        let off = Regex::new(r"every partition has stopped: off\r\n")?;
        machine.expect("bulkhead", &off, patience())?;
        let said = machine.transcript("bulkhead");
        let read = |name: &&str| {
            let line = line_of(name, "off")?;
            Self::read(&line.captures(said).with_context(|| format!("{name} has not ended by itself"))?)
        };
        let counts: Vec<Self> = partitions.iter().map(read).collect::<Result<_>>()?;
        counts.try_into().ok().context("as many as were asked for")
    }

    /// Reads the line of a partition that has stopped because it wanted to, from a log out of a dump.
    pub(crate) fn of_log(log: &str, partition: &str) -> Result<Self> {
        let said = log.replace("[bulkhead] ", "").replace('\n', "\r\n");
        let line = line_of(partition, "off")?;
        Self::read(
            &line.captures(said.as_bytes()).with_context(|| format!("{partition} has not ended:\n{log}"))?,
        )
    }

    fn read(line: &Captures<'_>) -> Result<Self> {
        let text = |group: usize| {
            String::from_utf8_lossy(line.get(group).map_or(b"", |part| part.as_bytes())).into_owned()
        };
        let mut exits = BTreeMap::new();
        for item in text(3).split(" + ") {
            let (count, reason) = item.split_once(' ').context("no count and reason")?;
            exits.insert(reason.to_owned(), count.parse()?);
        }
        let counts = Self { entries: text(1).parse()?, exits };
        ensure!(counts.sum() == text(2).parse::<u64>()?, "the reasons do not add up: {counts:?}");
        ensure!(counts.sum() == counts.entries, "not every entry has a reason: {counts:?}");
        Ok(counts)
    }

    /// Exits for one reason.
    pub(crate) fn of(&self, reason: &str) -> u64 {
        self.exits.get(reason).copied().unwrap_or(0)
    }

    /// All exits.
    pub(crate) fn sum(&self) -> u64 {
        self.exits.values().sum()
    }
}

fn line_of(partition: &str, why: &str) -> Result<Regex> {
    let counts = r"(\d+) entries, (\d+) exits = ([^\r\n]*)\r\n";
    Ok(Regex::new(&format!("(?m)^{partition}: {}; {counts}", regex::escape(why)))?)
}
