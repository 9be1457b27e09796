//! Linux restarted, with a disk transfer in flight, beside neighbours that must not notice.
//!
//! One ticker reports all the time; the other makes no sound, so that its exits can be compared to the last one
//! with those of a run in which nothing was restarted. Of both, what their exits take at EL2 is compared to the last
//! instruction. The warden waits until Linux turns on its third CPU: so the test tells it, through Linux, that the
//! time has come.

use super::times;
use crate::counted;
use crate::counts::Counts;
use crate::gdb::{self, Debugger};
use crate::linux::Linux;
use crate::{Board, Context, Running, patience};
use anyhow::{Context as _, Result, bail, ensure};
use bulkhead::system::Built;
use bulkhead_plan::Partition;
use counter::{Exits, Tally};
use regex::bytes::Regex;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// SYSTEM_RESET, by way of `reboot`.
pub(super) fn by_itself(context: &Context<'_>) -> Result<()> {
    restarted(context, "linux-reboots", &Orders::NONE, |linux, _| {
        linux.machine.send("linux", b"reboot -f\n")?;
        ended(linux, "reset")
    })
}

/// SYSTEM_RESET, by way of a panic: the other CPU is parked by then.
pub(super) fn by_panic(context: &Context<'_>) -> Result<()> {
    restarted(context, "linux-panics", &Orders::NONE, |linux, _| {
        linux.machine.send("linux", b"echo c > /proc/sysrq-trigger\n")?;
        ended(linux, "reset")
    })
}

/// An exception where there is no memory. CPUs share the kernel's code, and one that came into the midst of what
/// breaks it would not fail but take exceptions for ever, so there is only one.
pub(super) fn by_fault(context: &Context<'_>) -> Result<()> {
    restarted(context, "linux-fails", &Orders::NONE, |linux, socket| {
        let cpus = linux.answer("echo 0 > /sys/devices/system/cpu/cpu1/online; nproc", r"\n(\d+)\r\n")?;
        ensure!(cpus == "1", "nproc says {cpus}");
        break_kernel(linux, socket)?;
        ended(linux, "failed: no memory where it takes its exceptions")
    })
}

/// An order, given as soon as the third CPU is in.
pub(super) fn by_order(context: &Context<'_>) -> Result<()> {
    let orders = Orders { list: format!("restart@linux:3*{},", times(context)), ..Orders::NONE };
    restarted(context, "linux-is-ordered", &orders, |linux, _| {
        linux.machine.send("linux", HERALD)?;
        ended(linux, "restarted by order")
    })
}

/// An order after a panic from which Linux does not restart: two CPUs are parked, the third runs in a circle, all
/// with their interrupts off. The warden waits until it has got there.
pub(super) fn by_order_after_a_panic(context: &Context<'_>) -> Result<()> {
    let orders = Orders { list: format!("restart@linux:3*{},", times(context)), pause: 4000 };
    restarted(context, "linux-is-stuck", &orders, |linux, _| {
        linux.machine.send("linux", b"echo 0 > /proc/sys/kernel/panic\n")?;
        linux.machine.send("linux", HERALD)?;
        linux.machine.send("linux", b"echo c > /proc/sysrq-trigger\n")?;
        linux.machine.says("linux", "end Kernel panic - not syncing")?;
        ended(linux, "restarted by order")
    })
}

/// What the warden is told beside the orders that end the test.
struct Orders {
    /// Orders, each with a comma behind it.
    list: String,
    /// Milliseconds between Linux's turning on its third CPU and the order.
    pause: u64,
}

impl Orders {
    const NONE: Self = Self { list: String::new(), pause: 50 };
}

/// Has Linux restarted again and again by `restart`, and looks at what its neighbours say.
fn restarted(
    context: &Context<'_>,
    name: &str,
    orders: &Orders,
    restart: impl Fn(&mut Linux<'_>, &Path) -> Result<()>,
) -> Result<()> {
    let undisturbed = without_restarts(context)?;
    // The path of a socket must be short.
    let folder = tempfile::Builder::new().prefix("bulkhead-").tempdir()?;
    let socket = folder.path().join("gdb");
    let built = context.build(&context.made(name, &system(orders))?, None)?;
    let options = gdb::options(&socket);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let (machine, reading) = context.count(name, &built, None, &options)?.split();
    let mut linux = Linux::slow(machine)?;
    for number in 1..=times(context) {
        let is_busy = linux.answer(TRANSFER, r"\n(busy)\r\n");
        is_busy.and_then(|_| restart(&mut linux, &socket)).with_context(|| format!("restart {number}"))?;
        let again = Regex::new(&format!(r"linux: begins again, restart {number}\r\n"))?;
        linux.machine.expect("bulkhead", &again, patience())?;
        linux.wait_until_ready().with_context(|| format!("after restart {number}"))?;
        linux.read_disk(20).context("the disk")?;
    }
    let ticker = finish(&mut linux)?;
    neighbour_is_well(&mut linux.machine)?;
    let neighbours = Neighbours::of(ticker, &built, &reading.end_and_count(linux.machine)?)?;
    ensure!(neighbours == undisturbed, "the neighbours' exits were {undisturbed:?} and are {neighbours:?}");
    context.note(format!("{neighbours}, as without restarts"));
    Ok(())
}

/// Turns the third CPU on.
const HERALD: &[u8] = b"echo 1 > /sys/devices/system/cpu/cpu2/online\n";
/// Ticks of the neighbours: more than there will be.
const TICKS: u64 = 1_000_000_000;
/// Reads the disk for ever, past the page cache, in the background.
const TRANSFER: &str =
    "(while :; do dd if=/dev/vda of=/dev/null bs=64k iflag=direct 2>/dev/null; done) & echo busy";

/// What the neighbours' exits were.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Neighbours {
    /// The ticker's, by reason.
    reasons: BTreeMap<String, u64>,
    /// Both's, by cause, and what they took: the ticker's, then the reporter's.
    causes: [Vec<Exits>; 2],
}

impl Neighbours {
    fn of(ticker: Counts, built: &Built, counted: &counted::Counts) -> Result<Self> {
        let plan = built.plan()?;
        let causes = |name: &str| -> Result<Vec<Exits>> {
            let partition = plan.partitions.iter().find(|partition| partition.name.to_string() == name);
            let partition = partition.with_context(|| format!("there is no partition `{name}`"))?;
            Ok(steady(counted.cpu(name, 0)?, partition))
        };
        Ok(Self { reasons: ticker.exits, causes: [causes("ticker")?, causes("reporter")?] })
    }
}

impl fmt::Display for Neighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exits = || self.causes.iter().flatten();
        let (count, el2) = (exits().map(|exits| exits.count), exits().map(|exits| exits.el2));
        write!(f, "neighbours: {} exits, {} instructions at EL2", count.sum::<u64>(), el2.sum::<u64>())
    }
}

/// The exits whose cost depends on nobody. Whoever speaks carries to the console what others have said, if it is
/// free; and when a CPU notices that its partition is being stopped is up to the clock, as is what it does then.
fn steady(tally: Tally, partition: &Partition) -> Vec<Exits> {
    const FETCH_ABORT: u8 = 0x20;
    const DATA_ABORT: u8 = 0x24;
    let is_of_gic = |page: u64| {
        let distributor = (partition.distributor, 0x1_0000);
        // Of these there is the one or the other.
        let frames = [distributor, (partition.redistributors, 0x2_0000), (partition.cpu_interface, 0x2000)];
        let frames = frames.iter().filter(|(base, _)| base.0 != 0);
        frames.into_iter().any(|(base, size)| (base.0..base.0 + size).contains(&page))
    };
    let is_steady = |exits: &Exits| match exits.cause.class {
        FETCH_ABORT => false,
        DATA_ABORT => is_of_gic(exits.cause.detail),
        _ => true,
    };
    tally.exits.into_iter().filter(is_steady).collect()
}

/// What the neighbours' CPUs do in a run in which nothing is restarted: on one board the same for all tests, so it
/// is run once.
fn without_restarts(context: &Context<'_>) -> Result<Neighbours> {
    static NEIGHBOURS: Mutex<Vec<(Board, Neighbours)>> = Mutex::new(Vec::new());
    let mut neighbours = NEIGHBOURS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = neighbours.iter().find(|(board, _)| *board == context.board) {
        return Ok(known.clone());
    }
    let name = "linux-undisturbed";
    let built = context.build(&context.made(name, &system(&Orders::NONE))?, None)?;
    let (machine, reading) = context.count(name, &built, None, &[])?.split();
    let mut linux = Linux::slow(machine)?;
    let ticker = finish(&mut linux)?;
    let found = Neighbours::of(ticker, &built, &reading.end_and_count(linux.machine)?)?;
    neighbours.push((context.board, found.clone()));
    Ok(found)
}

/// Has the warden stop Linux and then the ticker, whose counts this gives.
fn finish(linux: &mut Linux<'_>) -> Result<Counts> {
    linux.machine.send("linux", HERALD)?;
    let ticker = Counts::of_end(&mut linux.machine, "ticker", "stopped by order")?;
    linux.machine.says("warden", r"warden: done\r\n")?;
    let orders = String::from_utf8_lossy(linux.machine.transcript("warden")).into_owned();
    ensure!(!orders.contains("WRONG"), "{orders}");
    Ok(ticker)
}

fn ended(linux: &mut Linux<'_>, why: &str) -> Result<()> {
    Counts::of_end(&mut linux.machine, "linux", why)?;
    Ok(())
}

/// Overwrites what Linux's first CPU is about to execute in its kernel: vectors where nothing is, and no MMU.
fn break_kernel(linux: &mut Linux<'_>, socket: &Path) -> Result<()> {
    const PATCH: [u32; 6] = [
        0xd282_0000, // mov x0, #0x1000
        0xd518_c000, // msr vbar_el1, x0
        0xd538_1000, // mrs x0, sctlr_el1
        0x927f_f800, // bic x0, x0, #1
        0xd518_1000, // msr sctlr_el1, x0
        0xd503_3fdf, // isb: there is nothing behind it
    ];
    const EL1: u64 = 0b01 << 2;
    for _ in 0..1000 {
        let mut debugger = Debugger::connect(socket)?;
        let place = debugger.place(0)?;
        let is_in_kernel = place.pstate & 0b11 << 2 == EL1;
        if is_in_kernel {
            debugger.write(place.pc, &PATCH)?;
        }
        debugger.detach()?;
        if is_in_kernel {
            return Ok(());
        }
        linux.machine.listen(Instant::now() + Duration::from_millis(2))?;
    }
    bail!("Linux is never in its kernel")
}

/// The neighbour that reports has lost nothing, at any time, and goes on.
fn neighbour_is_well(machine: &mut Running<'_>) -> Result<()> {
    let said = String::from_utf8_lossy(machine.transcript("reporter")).into_owned();
    let reports: Vec<&str> = said.lines().filter(|line| line.contains(&format!(" of {TICKS}, "))).collect();
    let bad = reports.iter().find(|line| !line.ends_with(", lost 0, pattern intact"));
    ensure!(bad.is_none(), "a neighbour has noticed: {}", bad.unwrap_or(&""));
    for _ in 0..2 {
        machine.expect(
            "reporter",
            &Regex::new(&format!(r" of {TICKS}, lost 0, pattern intact\r\n"))?,
            patience(),
        )?;
    }
    Ok(())
}

/// Linux on three CPUs, of which it begins with two, beside two tickers and the warden.
fn system(orders: &Orders) -> String {
    let Orders { list, pause } = orders;
    format!(
        r#"
[qemu]
cpus = 6

[[qemu.disk]]
image = "linux/disk.img"
bus = "virtio-mmio-bus.31"

[[partition]]
name = "linux"
image = "linux/Image"
initrd = "linux/initrd.cpio.gz"
bootargs = "console=ttyAMA0 earlycon nokaslr maxcpus=2 panic=1"
cpus = [0, 1, 5]
memory = "128M"
devices = ["/pl011@9040000", "/virtio_mmio@a003e00"]
on-fault = "restart"
max-restarts = 1000
restart-delay-ms = 1

[[accept]]
code = "P0401"
device = "/virtio_mmio@a003e00"
reason = "QEMU has no IOMMU for virtio-mmio, and this is a test"

[[partition]]
name = "ticker"
image = "ticker.elf"
bootargs = "ticks={TICKS} period-us=1000"
cpus = [2]
memory = "4M"

[[partition]]
name = "reporter"
image = "ticker.elf"
bootargs = "ticks={TICKS} period-us=1000 report=200"
cpus = [3]
memory = "4M"

[[partition]]
name = "warden"
image = "warden.elf"
bootargs = "pause-ms={pause} orders={list}stop@linux:3,stop@ticker"
cpus = [4]
memory = "4M"
controls = ["linux", "ticker"]
"#
    )
}
