//! One run of the image `bench`, on the bare machine or as a partition.

use crate::counted::{Counts, INSTRUCTION_TIME};
use crate::systems::flat;
use crate::{Context, patience};
use anyhow::{Context as _, Result, ensure};
use bulkhead::run::{Machine, Serial};
use counter::Report;
use regex::Regex;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// The partition that is measured.
const PARTITION: &str = "bench";
/// A timer that counts instructions under `-icount shift=0`.
const CPU: &str = "cortex-a72,cntfrq=1000000000";
/// A clock that can interrupt, for the image's boot arguments.
const CLOCK: &str = "clock=0x9010000 clock-interrupt=34";

/// What is run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// CPUs of the image.
    pub(crate) cpus: u32,
    /// How often each row is measured.
    pub(crate) samples: u32,
    /// `interrupts` of its partition.
    pub(crate) interrupts: &'static str,
    /// Partitions beside it.
    pub(crate) neighbours: u32,
    /// The hypervisor's binary, if it is not the ordinary one.
    pub(crate) hypervisor: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Rows by name.
    pub(crate) rows: BTreeMap<String, Row>,
    /// The count of the timer when the image's `main` began.
    pub(crate) begun: u64,
    /// Bytes that EL2 has loaded.
    pub(crate) loaded: u64,
    /// All that was counted; nothing on the bare machine.
    pub(crate) report: Report,
}

/// A row that the image has printed, and what EL2 did for it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// How often it was measured.
    pub(crate) count: u64,
    /// The sum of all measurements.
    pub(crate) sum: u64,
    /// The greatest.
    pub(crate) greatest: u64,
    /// How often each value came, as the image writes it.
    pub(crate) spread: String,
    /// Instructions at EL2 by its CPUs while it was measured.
    pub(crate) el2: u64,
    /// Their exits.
    pub(crate) exits: u64,
}

impl Run {
    /// On two CPUs.
    pub(crate) fn new(samples: u32) -> Self {
        Self { cpus: 2, samples, interrupts: "direct", neighbours: 0, hypervisor: None }
    }

    /// Runs it on the bare machine.
    pub(crate) fn natively(&self, context: &Context<'_>) -> Result<Outcome> {
        let elf = fs::read(context.images.join("bench.elf")).context("bench.elf")?;
        let image = context.scratch_file(&unique("bench-native"), "image.bin", &flat(&elf)?)?;
        let version = if context.board.has_gicv2() { 2 } else { 3 };
        let fixed = format!("-machine virt,gic-version={version},dtb-randomness=off -m 1G -nic none");
        let mut args: Vec<_> = fixed.split(' ').chain(INSTRUCTION_TIME).map(Into::into).collect();
        args.extend(["-cpu".into(), CPU.into(), "-smp".into(), self.cpus.to_string().into()]);
        args.extend(["-kernel".into(), image.into(), "-append".into(), self.arguments().into()]);
        let serials = vec![Serial::Partition(PARTITION.to_owned()), Serial::Unused];
        let machine = Machine {
            program: "qemu-system-aarch64".into(),
            args,
            serials,
            partitions: vec![PARTITION.to_owned()],
        };
        let mut running = context.start(&machine)?;
        running.wait(patience())?;
        Outcome::read(running.transcript(PARTITION), &Counts::default())
    }

    /// Runs it as a partition.
    pub(crate) fn as_partition(&self, context: &Context<'_>) -> Result<Outcome> {
        let name = unique("bench");
        let built = context.build(&context.made(&name, &self.system())?, self.hypervisor.clone())?;
        let options = INSTRUCTION_TIME.into_iter().chain(["-cpu", CPU]).collect::<Vec<_>>();
        let mut machine = context.count(&name, &built, self.hypervisor.clone(), &options)?;
        machine.wait(patience())?;
        let said = machine.transcript(PARTITION).to_vec();
        let outcome = Outcome::read(&said, &machine.wait_for_counts()?)?;
        let loaded = built.plan()?.loads.iter().map(|load| load.size).sum();
        Ok(Outcome { loaded, ..outcome })
    }

    fn arguments(&self) -> String {
        format!("{CLOCK} samples={}", self.samples)
    }

    fn system(&self) -> String {
        let Self { cpus, interrupts, neighbours, .. } = self;
        let list =
            |range: std::ops::Range<u32>| range.map(|cpu| cpu.to_string()).collect::<Vec<_>>().join(", ");
        let all = (cpus + neighbours).max(4);
        let mut system = format!(
            "[qemu]\ncpus = {all}\n\n[[partition]]\nname = \"{PARTITION}\"\nimage = \"bench.elf\"\nbootargs = \"{}\"\n\
             cpus = [{}]\nmemory = \"8M\"\ninterrupts = \"{interrupts}\"\ndevices = [\"/pl031@9010000\"]\n",
            self.arguments(),
            list(0..*cpus),
        );
        for number in 0..*neighbours {
            system.push_str(&format!(
                "\n[[partition]]\nname = \"neighbour-{number}\"\nimage = \"hello.elf\"\ncpus = [{}]\nmemory = \"8M\"\n",
                cpus + number
            ));
        }
        system
    }
}

/// A folder that no other run of this process uses. It becomes the board's name, which boot prints: all are as long.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{:03}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Row {
    /// The most frequent value, and how often it came.
    pub(crate) fn usual(&self) -> (u64, u64) {
        let values = self.spread.split(' ').filter_map(|item| item.split_once(':'));
        let values = values.filter_map(|(value, times)| Some((value.parse().ok()?, times.parse().ok()?)));
        values.max_by_key(|(_, times): &(u64, u64)| *times).unwrap_or_default()
    }
}

impl Outcome {
    fn read(said: &[u8], counts: &Counts) -> Result<Self> {
        let text = String::from_utf8_lossy(said);
        let begun = Regex::new(r"bench: \d+ CPUs, \d+ samples, main at (\d+)\r\n")?;
        let begun = begun.captures(&text).context("the image has not begun")?[1].parse::<u64>()?;
        let order = Regex::new(r"bench: (\d+) of (\d+) storms came in the order of priorities\r\n")?;
        let [in_order, storms] = order.captures(&text).context("no storm")?.extract().1;
        ensure!(in_order == storms, "only {in_order} of {storms} storms came in the order of priorities");
        ensure!(text.contains("bench: done\r\n"), "the image has not come to its end");
        let line =
            Regex::new(r"bench: (\w+) window (\d+) count (\d+) sum (\d+) max (\d+) spread ?([^\r\n]*)\r\n")?;
        let mut rows = BTreeMap::new();
        for found in line.captures_iter(&text) {
            let (_, [name, window, count, sum, greatest, spread]) = found.extract();
            let (el2, exits) = counts.partition_in_window(window.parse()?, PARTITION);
            let (count, sum, greatest) = (count.parse()?, sum.parse()?, greatest.parse()?);
            rows.insert(name.to_owned(), Row { count, sum, greatest, spread: spread.to_owned(), el2, exits });
        }
        Ok(Self { rows, begun, loaded: 0, report: counts.report.clone() })
    }
}
