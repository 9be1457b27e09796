//! Linux as a workload: the same kernel, programs and device tree on the bare machine and in a partition.
//!
//! Every run is a boot, a fixed amount of work and the end; what is compared is all that was executed in it.

use super::run::unique;
use crate::counted::{Count, INSTRUCTION_TIME};
use crate::counts::Counts;
use crate::{Board, Context, Setting};
use anyhow::{Context as _, Result, anyhow};
use bulkhead::run::{Machine, Serial};
use bulkhead::system::Built;
use regex::bytes::Regex;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What `partitions/linux/workload` knows.
pub const WORKLOADS: [&str; 9] = [
    "boot",
    "cyclictest",
    "hackbench",
    "stress-cpu",
    "stress-switch",
    "stress-vm",
    "sysbench",
    "perf-pipe",
    "perf-messaging",
];

/// What one workload took, boot and end included.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Instructions below EL2 on the bare machine.
    pub native: u64,
    /// Instructions below EL2 in the partition.
    pub guest: u64,
    /// Instructions at EL2 from the first exit on.
    pub el2: u64,
    /// Exits by reason.
    pub exits: BTreeMap<String, u64>,
    /// How long the kernel says that it was up.
    pub seconds: f64,
    /// What the workload itself has said, in the partition.
    pub said: String,
}

/// How long a run may take in which every instruction is counted.
const PATIENCE: Duration = Duration::from_secs(900);
/// A timer that counts instructions under `-icount shift=0`.
const CPU: &str = "cortex-a72,cntfrq=1000000000";
const PARTITION: &str = "linux";

/// Runs a workload on so many CPUs, natively and in a partition.
pub fn linux(setting: &Setting, workload: &str, cpus: u32) -> Result<Workload> {
    let context = Context::new(setting, Board::Virt);
    run(&context, workload, cpus).map_err(|error| anyhow!("{error:#}\n{}", context.into_heard()))
}

fn run(context: &Context<'_>, workload: &str, cpus: u32) -> Result<Workload> {
    let arguments = format!("console=ttyAMA0 nokaslr quiet workload={workload}");
    let name = unique("bench-linux");
    let list = (0..cpus).map(|cpu| cpu.to_string()).collect::<Vec<_>>().join(", ");
    let system = format!(
        "[[partition]]\nname = \"{PARTITION}\"\nimage = \"linux/Image\"\ninitrd = \"linux/workloads.cpio.gz\"\n\
         bootargs = \"{arguments}\"\ncpus = [{list}]\nmemory = \"512M\"\ndevices = [\"/pl011@9040000\"]\n"
    );
    let built = context.build(&context.made(&name, &system)?, None)?;
    let native = natively(context, &built, cpus).context("on the bare machine")?;
    let options: Vec<&str> = INSTRUCTION_TIME.into_iter().chain(["-cpu", CPU]).collect();
    let mut machine = context.count_all(&name, &built, &options)?;
    let deadline = Instant::now() + PATIENCE;
    machine.wait(deadline)?;
    let end = Regex::new(r"workload: done, exit 0\r\n(?s:.*)workload: up (\d+\.\d+) s\r\n")?;
    let found = machine.expect(PARTITION, &end, deadline).context("the workload has failed")?;
    let seconds = String::from_utf8_lossy(&found[1]).parse()?;
    let said = String::from_utf8_lossy(machine.transcript(PARTITION)).into_owned();
    let exits = Counts::wait_for(&mut machine, PARTITION)?.exits;
    let report = machine.wait_for_counts()?.report;
    let el2 = report.cpus.iter().flat_map(|cpu| &cpu.exits).map(|exits| exits.el2).sum();
    Ok(Workload { native, guest: report.guest, el2, exits, seconds, said })
}

/// On a machine without EL2, with the partition's own device tree.
fn natively(context: &Context<'_>, built: &Built, cpus: u32) -> Result<u64> {
    let name = unique("bench-linux-native");
    let tree = built.device_tree(PARTITION).context("it has a device tree")?;
    let tree = context.scratch_file(&name, "tree.dtb", tree)?;
    let file = |name: &str| -> PathBuf { context.images.join("linux").join(name) };
    let fixed = "-machine virt,gic-version=3,dtb-randomness=off -m 512M -nic none";
    let mut args: Vec<std::ffi::OsString> =
        fixed.split(' ').chain(INSTRUCTION_TIME).chain(["-cpu", CPU]).map(Into::into).collect();
    args.extend(["-smp".into(), cpus.to_string().into(), "-dtb".into(), tree.into()]);
    args.extend(["-kernel".into(), file("Image").into(), "-initrd".into(), file("workloads.cpio.gz").into()]);
    let serials = vec![Serial::Unused, Serial::Partition(PARTITION.to_owned())];
    let partitions = vec![PARTITION.to_owned()];
    let machine = Machine { program: "qemu-system-aarch64".into(), args, serials, partitions };
    let mut counted = context.start_counted(&name, machine, None, Count::All)?;
    let deadline = Instant::now() + PATIENCE;
    counted.wait(deadline)?;
    counted
        .expect(PARTITION, &Regex::new("workload: done, exit 0\r\n")?, deadline)
        .context("the workload has failed")?;
    Ok(counted.wait_for_counts()?.report.guest)
}

impl Workload {
    /// Instructions in the partition, EL2's included, for one of the bare machine.
    pub fn ratio(&self) -> f64 {
        super::measure::float(self.guest + self.el2) / super::measure::float(self.native.max(1))
    }

    /// A line of the table.
    pub fn line(&self, name: &str) -> String {
        let Self { native, guest, el2, exits, seconds, .. } = self;
        let mut line =
            format!("{name:<16} {native:>14} {guest:>14} {el2:>11} {:>9.5} {seconds:>8.2} s", self.ratio());
        for (reason, count) in exits {
            let _ = write!(
                line,
                "  {reason} {count} ({:.1}/s)",
                super::measure::float(*count) / seconds.max(0.01)
            );
        }
        line
    }
}
