//! Runs in which every instruction at EL2 is counted.
//!
//! The plugin that `cargo xtask build` puts beside the images sees all that QEMU executes and writes a
//! [`Report`] when QEMU ends. A guest opens and closes windows by `guest_rt::mark`; CPUs are told apart by
//! the partition that they belong to.

use crate::{Context, Running, patience};
use anyhow::{Context as _, Result, ensure};
use bulkhead::run::Machine;
use bulkhead::system::{Built, Options};
use counter::{Report, Tally, Window};
use object::{Object, ObjectSymbol};
use std::fs;
use std::ops::{Deref, DerefMut, Range};
use std::path::{Path, PathBuf};

/// The plugin's file among the images.
pub const PLUGIN: &str = "counter.so";

/// QEMU's options with which virtual time is the number of instructions, one to a nanosecond and to a count
/// of the timer, and a run is the same every time.
pub(crate) const INSTRUCTION_TIME: [&str; 4] =
    ["-icount", "shift=0,sleep=off", "-rtc", "base=2020-01-01,clock=vm"];

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Instructions at EL2.
    El2,
    /// Those of guests as well.
    All,
}

/// With which hypervisor, and what is counted.
struct How {
    hypervisor: Option<PathBuf>,
    count: Count,
}

/// A running machine whose instructions are counted.
pub(crate) struct Counted<'a> {
    machine: Running<'a>,
    reading: Reading,
}

/// How to read what was counted, once QEMU has ended.
pub(crate) struct Reading {
    report: PathBuf,
    partitions: Vec<(String, Range<usize>)>,
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// All of it.
    pub(crate) report: Report,
    partitions: Vec<(String, Range<usize>)>,
}

impl<'a> Context<'a> {
    /// Boots a built system and counts; `hypervisor` is its binary, if it is not the ordinary one.
    pub(crate) fn count(
        &'a self,
        name: &str,
        built: &Built,
        hypervisor: Option<PathBuf>,
        options: &[&str],
    ) -> Result<Counted<'a>> {
        self.count_by(name, built, &How { hypervisor, count: Count::El2 }, options)
    }

    /// The same, with the instructions of guests.
    pub(crate) fn count_all(&'a self, name: &str, built: &Built, options: &[&str]) -> Result<Counted<'a>> {
        self.count_by(name, built, &How { hypervisor: None, count: Count::All }, options)
    }

    fn count_by(&'a self, name: &str, built: &Built, how: &How, options: &[&str]) -> Result<Counted<'a>> {
        let How { hypervisor, count } = how;
        let image = self.scratch_file(name, "image.img", &built.image)?;
        let mut machine = built.machine(&image).context("the board is no machine of QEMU")?;
        machine.args.extend(options.iter().map(Into::into));
        let images = vec![self.images.clone()];
        let binary =
            Options { images, hypervisor: hypervisor.clone(), ..Options::default() }.hypervisor_path();
        let mut counted = self.start_counted(name, machine, Some(vectors(&binary)?), *count)?;
        let plan = built.plan()?;
        let partitions = plan.partitions.iter().map(|partition| {
            let first = partition.cpus.start as usize;
            (partition.name.to_string(), first..first + partition.cpus.count as usize)
        });
        counted.reading.partitions = partitions.collect();
        Ok(counted)
    }

    /// Starts a machine and counts. Entries are told apart if it is said where the vectors are.
    pub(crate) fn start_counted(
        &'a self,
        name: &str,
        mut machine: Machine,
        vectors: Option<u64>,
        count: Count,
    ) -> Result<Counted<'a>> {
        let plugin = self.images.join(PLUGIN);
        ensure!(plugin.is_file(), "{}: there is no plugin; `cargo xtask build` makes it", plugin.display());
        let report = self.scratch_file(name, "report.json", b"")?;
        let mut argument = format!("{},out={}", plugin.display(), report.display());
        if let Some(vectors) = vectors {
            argument.push_str(&format!(",vectors={vectors:#x}"));
        }
        if count == Count::All {
            argument.push_str(",guest=on");
        }
        machine.args.extend(["-plugin".into(), argument.into()]);
        let reading = Reading { report, partitions: Vec::new() };
        Ok(Counted { machine: self.start(&machine)?, reading })
    }
}

impl<'a> Counted<'a> {
    /// The machine by itself, and how to read what it has counted in the end.
    pub(crate) fn split(self) -> (Running<'a>, Reading) {
        (self.machine, self.reading)
    }

    /// What was counted, once QEMU has ended by itself.
    pub(crate) fn wait_for_counts(mut self) -> Result<Counts> {
        let status = self.machine.wait(patience())?;
        ensure!(status.success(), "QEMU: {status}");
        self.reading.read()
    }

    /// Ends QEMU, and gives what was counted until then.
    pub(crate) fn end_and_count(self) -> Result<Counts> {
        self.reading.end_and_count(self.machine)
    }
}

impl Reading {
    /// Ends QEMU on that machine, and gives what was counted until then.
    pub(crate) fn end_and_count(self, mut machine: Running<'_>) -> Result<Counts> {
        let status = machine.end(patience())?;
        ensure!(status.success(), "QEMU: {status}");
        self.read()
    }

    fn read(self) -> Result<Counts> {
        let text = fs::read_to_string(&self.report)?;
        let report = serde_json::from_str(&text).context("the plugin has written no report")?;
        Ok(Counts { report, partitions: self.partitions })
    }
}

impl Counts {
    /// What the CPU `vcpu` of a partition has done at EL2 in the whole run.
    pub(crate) fn cpu(&self, partition: &str, vcpu: usize) -> Result<Tally> {
        self.of(&self.report.cpus, partition, vcpu)
    }

    /// What it has done there while window `number` was open.
    pub(crate) fn cpu_in_window(&self, number: u16, partition: &str, vcpu: usize) -> Result<Tally> {
        self.of(&self.window(number)?.cpus, partition, vcpu)
    }

    /// What all CPUs have done at EL2 while window `number` was open.
    pub(crate) fn window(&self, number: u16) -> Result<&Window> {
        self.report.windows.get(&number).with_context(|| format!("window {number} was never closed"))
    }

    /// Instructions at EL2 and exits of a partition's CPUs while window `number` was open, and of CPUs without
    /// a stack of their own, which are on their way to it. Nothing if it never was.
    pub(crate) fn partition_in_window(&self, number: u16, partition: &str) -> (u64, u64) {
        let found = self.partitions.iter().find(|(name, _)| name == partition);
        let (Some(window), Some((_, own))) = (self.report.windows.get(&number), found) else { return (0, 0) };
        let cpus =
            || window.cpus.iter().enumerate().filter(|(index, _)| own.contains(index)).map(|(_, cpu)| cpu);
        (window.stackless + cpus().map(|cpu| cpu.el2).sum::<u64>(), cpus().map(Tally::count).sum())
    }

    /// A CPU that is not on the list has not been at EL2.
    fn of(&self, cpus: &[Tally], partition: &str, vcpu: usize) -> Result<Tally> {
        let found = self.partitions.iter().find(|(name, _)| name == partition);
        let (_, own) = found.with_context(|| format!("there is no partition `{partition}`"))?;
        let index = own.clone().nth(vcpu).with_context(|| format!("`{partition}` has no CPU {vcpu}"))?;
        Ok(cpus.get(index).cloned().unwrap_or_default())
    }
}

impl<'a> Deref for Counted<'a> {
    type Target = Running<'a>;

    fn deref(&self) -> &Running<'a> {
        &self.machine
    }
}

impl<'a> DerefMut for Counted<'a> {
    fn deref_mut(&mut self) -> &mut Running<'a> {
        &mut self.machine
    }
}

/// The address of the vectors of EL2.
fn vectors(binary: &Path) -> Result<u64> {
    let bytes = fs::read(binary).with_context(|| binary.display().to_string())?;
    let file = object::File::parse(&*bytes)?;
    let symbol = file.symbols().find(|symbol| symbol.name() == Ok("vectors"));
    Ok(symbol.with_context(|| format!("{}: it has no symbol `vectors`", binary.display()))?.address())
}
