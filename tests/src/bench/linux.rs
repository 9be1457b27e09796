//! Linux as a workload: the same kernel, programs and device tree on the bare machine and in a partition.
//!
//! Every run is a boot, a fixed amount of work and the end; what is compared is all that was executed in it.

use super::run::unique;
use crate::counted::{Count, INSTRUCTION_TIME};
use crate::counts::Counts;
use crate::{Board, Context, Setting};
use anyhow::{Context as _, Result, anyhow, ensure};
use bulkhead::run::{Machine, Serial};
use bulkhead::system::Built;
use counter::Exits;
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
    /// Those of them that sent SGIs.
    pub sending: u64,
    /// Exits by reason.
    pub exits: BTreeMap<String, u64>,
    /// How long the kernel says that it was up.
    pub seconds: f64,
    /// What the workload itself has said, in the partition.
    pub said: String,
}

/// What the short tier runs.
const SHORT: [&str; 2] = ["boot", "hackbench"];
/// Of a thousand instructions on the bare machine, how many more one CPU may take.
const ALONE: u64 = 5;
/// The same for CPUs that send each other SGIs, which are counted apart.
const TOGETHER: u64 = 10;
/// `ESR_EL2` of a write of ICC_SGI1R_EL1: the class, and the register without Rt.
const SYSTEM_REGISTER: u8 = 0x18;
const SGI1R: u64 = 3 << 20 | 5 << 17 | 12 << 10 | 11 << 1;
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

/// What Linux does takes as much as on the bare machine, but for its SGIs; and no exit but for those.
pub(super) fn claims(context: &Context<'_>) -> Result<()> {
    let wanted = if context.long { &WORKLOADS[..] } else { &SHORT[..] };
    for cpus in [1, 2] {
        println!("           {cpus} CPU: {}", Workload::HEAD);
        let mut idle = None;
        for name in wanted {
            let workload = run(context, name, cpus).with_context(|| format!("{name} on {cpus} CPUs"))?;
            println!("           {}", workload.line(name));
            let idle = idle.get_or_insert_with(|| workload.clone());
            workload.judge(idle, cpus).with_context(|| format!("{name} on {cpus} CPUs: {workload:?}"))?;
        }
    }
    Ok(())
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
    let all = || report.cpus.iter().flat_map(|cpu| &cpu.exits);
    let is_sgi = |it: &&Exits| it.cause.class == SYSTEM_REGISTER && it.cause.detail == SGI1R;
    let el2 = all().map(|exits| exits.el2).sum();
    let sending = all().filter(is_sgi).map(|exits| exits.el2).sum();
    Ok(Workload { native, guest: report.guest, el2, sending, exits, seconds, said })
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
    /// What the columns of [`line`](Self::line) are.
    pub const HEAD: &'static str = "instructions natively, in the partition, at EL2, of these for an SGI; ratio; time up; exits by reason";

    /// Beside a run that boots and does nothing, on as many CPUs.
    fn judge(&self, idle: &Self, cpus: u32) -> Result<()> {
        let more = (self.guest + self.el2).saturating_sub(self.native);
        let (sgis, share) = if cpus == 1 { (0, ALONE) } else { (self.sending, TOGETHER) };
        let most = sgis + self.native / 1000 * share;
        ensure!(more <= most, "{more} instructions more than natively, {most} allowed");
        for (reason, count) in self.exits.iter().filter(|(reason, _)| *reason != "sgi") {
            let born = idle.exits.get(reason).copied().unwrap_or_default();
            ensure!(*count <= born, "{count} exits of {reason}, {born} without work");
        }
        Ok(())
    }

    fn sgis(&self) -> u64 {
        self.exits.get("sgi").copied().unwrap_or_default()
    }

    /// Instructions in the partition, EL2's included, for one of the bare machine.
    pub fn ratio(&self) -> f64 {
        super::measure::float(self.guest + self.el2) / super::measure::float(self.native.max(1))
    }

    /// A line of the table.
    pub fn line(&self, name: &str) -> String {
        let Self { native, guest, el2, exits, seconds, .. } = self;
        let each = self.sending / self.sgis().max(1);
        let ratio = self.ratio();
        let mut line =
            format!("{name:<16} {native:>14} {guest:>14} {el2:>11} {each:>5} {ratio:>9.5} {seconds:>8.2} s");
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
