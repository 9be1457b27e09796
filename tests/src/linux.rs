//! Unmodified Linux: Debian's kernel on one CPU and on two, with a disk of its own, beside bare metal.

use crate::counts::Counts;
use crate::{Again, Context, Need, PATIENCE, Running, Test, patience};
use anyhow::{Context as _, Result, ensure};
use regex::bytes::Regex;
use std::time::{Duration, Instant};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    test("Linux reaches a shell on one CPU", one_cpu).again(Again::Long),
    test("Linux finds the extensions that are a guest's on a CPU that has them", extensions),
    test("Linux on two CPUs reads its disk and powers off while its neighbour loses no tick", two_cpus)
        .again(Again::Always),
    test("Linux on two CPUs boots in place, kernel and initrd where the loader has put them", in_place),
    test("two Linux on two CPUs each work beside each other, one through the virtual UART", two_linux)
        .again(Again::Long),
    test("the number of interrupts makes no difference to the number of exits", no_exit_for_interrupts)
        .again(Again::Long),
];

/// The tests of this file that are in the long tier only.
pub(crate) const LONG_TESTS: &[Test] = &[Test {
    needs: &[Need::Linux, Need::Kernels],
    ..test("every kernel of Debian's works on two CPUs, reads its disk and powers off", kernels)
}];

/// The folders of kernels, and how the names of their releases begin.
const KERNELS: [(&str, &str); 3] = [("linux", "6.1."), ("linux-6.1", "6.1."), ("linux-6.12", "6.12.")];

/// What `seq 20000 | sha256sum` says.
const SUM_OF_20000: &str = "f6351f5ead9a700e34275480b3856ea738122a7c57bdeb744a631251c069587a";

const fn test(name: &'static str, run: fn(&Context<'_>) -> Result<()>) -> Test {
    const NEEDS: &[Need] = &[Need::Linux];
    Test { group: "linux", name, needs: NEEDS, run, ..Test::PLAIN }
}

fn one_cpu(context: &Context<'_>) -> Result<()> {
    let system = context.made("linux-one-cpu", &system("[3]", "neighbour", 100))?;
    let mut linux = Linux::boot(context, "linux-one-cpu", &system)?;
    let cpus = linux.answer("nproc", r"\n(\d+)\r\n")?;
    ensure!(cpus == "1", "nproc says {cpus}");
    linux.power_off()?;
    Ok(())
}

/// Pointer authentication, branch targets and scalable vectors, whose length Linux finds out by trying.
fn extensions(context: &Context<'_>) -> Result<()> {
    let name = "linux-extensions";
    let built = context.build(&context.made(name, &system("[3]", "neighbour", 100))?, None)?;
    let mut linux = Linux::of(context.boot_with(name, &built, &["-cpu", "max"])?)?;
    let features = linux.answer("grep -m1 Features /proc/cpuinfo", r"\nFeatures\s*: ([^\r]*)\r\n")?;
    for wanted in ["paca", "pacg", "bti", "sve", "sve2"] {
        ensure!(features.split(' ').any(|feature| feature == wanted), "no {wanted}: {features}");
    }
    for hidden in ["sme", "mte", "mops"] {
        ensure!(features.split(' ').all(|feature| feature != hidden), "{hidden}: {features}");
    }
    let file = "/proc/sys/abi/sve_default_vector_length";
    let length = linux.answer(&format!("echo 256 > {file}; cat {file}"), r"\n(\d+)\r\n")?;
    ensure!(length == "256", "vectors of {length} bytes");
    linux.power_off()?;
    Ok(())
}

fn two_cpus(context: &Context<'_>) -> Result<()> {
    let system = context.made("linux-two-cpus", &system("[0, 1]", "ticker", 40_000))?;
    let mut linux = Linux::boot(context, "linux-two-cpus", &system)?;
    let cpus = linux.answer("nproc", r"\n(\d+)\r\n")?;
    ensure!(cpus == "2", "nproc says {cpus}");
    linux
        .answer("echo 0 > /sys/devices/system/cpu/cpu1/online; nproc", r"\n(1)\r\n")
        .context("CPU 1 offline")?;
    linux
        .answer("echo 1 > /sys/devices/system/cpu/cpu1/online; nproc", r"\n(2)\r\n")
        .context("CPU 1 online")?;
    linux.answer("mount -o ro /dev/vda /mnt && cat /mnt/hello.txt", r"\n(A file on the disk[^\r]*)\r\n")?;
    linux.read_disk(200)?;
    let mut interrupts = linux.interrupts()?;
    for _ in 0..20 {
        if interrupts.timer >= 600 {
            break;
        }
        linux.answer("sleep 1; echo rested", r"\n(rested)\r\n")?;
        interrupts = linux.interrupts()?;
    }
    ensure!(interrupts.timer >= 500, "only {} timer interrupts", interrupts.timer);
    ensure!(interrupts.disk >= 100, "only {} disk interrupts", interrupts.disk);
    let counts = linux.power_off()?;
    ensure!(counts.of("interrupt") == 0, "an interrupt came to EL2: {counts:?}");
    println!(
        "           {} timer and {} disk interrupts in the guest; at EL2 {:?}",
        interrupts.timer, interrupts.disk, counts.exits
    );
    let ticks = Regex::new(r"ticker: (\d+) ticks, lost 0, late min")?;
    linux.machine.expect("ticker", &ticks, patience()).context("the neighbour")?;
    let intact = Regex::new(r"ticker: pattern intact\r\n")?;
    linux.machine.expect("ticker", &intact, patience()).context("the neighbour's memory")?;
    Ok(())
}

fn in_place(context: &Context<'_>) -> Result<()> {
    let name = "linux-in-place";
    let in_place =
        system("[0, 1]", "neighbour", 100).replace("memory = \"512M\"", "memory = \"512M\"\nin-place = true");
    let accept = "\n[[accept]]\ncode = \"P0628\"\npartition = \"linux\"\nreason = \"a test\"\n";
    let built = context.build(&context.made(name, &(in_place + accept))?, None)?;
    let plan = built.plan()?;
    let standing = plan.loads.iter().filter(|load| load.is_in_place(&plan.board.window)).count();
    ensure!(standing == 2, "{standing} pieces lie in place, and should be kernel and initrd");
    let mut linux = Linux::of(context.boot(name, &built)?)?;
    let cpus = linux.answer("nproc", r"\n(\d+)\r\n")?;
    ensure!(cpus == "2", "nproc says {cpus}");
    linux.read_disk(100)?;
    linux.power_off()?;
    Ok(())
}

fn two_linux(context: &Context<'_>) -> Result<()> {
    let mut linux = Linux::boot(context, "two-linux", &context.shipped("two-linux")?)?;
    let work = "for cpu in 0 1; do taskset -c $cpu sh -c 'seq 20000 | sha256sum'; done";
    linux.answer(work, &format!(r"\n({SUM_OF_20000})  -\r\n{SUM_OF_20000}  -\r\n"))?;
    linux.read_disk(100)?;
    // The other has been told by its command line; what it says comes through its tty, by interrupts.
    let gic = context.board.gic_in_linux();
    let said = [
        r"linux: ready, 2 CPUs\r\n",
        &format!(r"(?s){SUM_OF_20000}  -.*?\n{SUM_OF_20000}  -\r\n"),
        &format!(r"\n *\d+: +[1-9]\d* +[1-9]\d* +{gic} +27 Level +arch_timer"),
        &format!(r"\n *\d+: +\d+ +\d+ +{gic} 280 Edge +uart-pl011"),
        &(1..=500).map(|number| format!(r"\n{number}\r")).collect::<String>(),
        "reboot: Power down",
    ];
    for pattern in said {
        linux.machine.says("headless", pattern)?;
    }
    for counts in [Counts::wait_for(&mut linux.machine, "headless")?, linux.power_off()?] {
        ensure!(counts.of("interrupt") == 0, "an interrupt came to EL2: {counts:?}");
    }
    let off = Regex::new(r"every partition has stopped: off\r\n")?;
    linux.machine.expect("bulkhead", &off, patience())?;
    Ok(())
}

fn no_exit_for_interrupts(context: &Context<'_>) -> Result<()> {
    let mut counted = Vec::new();
    let busy = if context.long { ("linux-busy", 16_000, 40) } else { ("linux-busy", 2000, 10) };
    for (name, reads, seconds) in [("linux-quiet", 100, 1), busy] {
        let system = context.made(name, &system("[0]", "neighbour", 100))?;
        let mut linux = Linux::boot(context, name, &system)?;
        linux.read_disk(reads)?;
        linux.answer(&format!("sleep {seconds}; echo rested"), r"\n(rested)\r\n")?;
        let interrupts = linux.interrupts()?;
        counted.push((interrupts, linux.power_off()?));
    }
    let [(few, with_few), (many, with_many)] = &counted[..] else { unreachable!("two runs") };
    println!("           {few:?}: {} exits; {many:?}: {} exits", with_few.sum(), with_many.sum());
    ensure!(many.disk >= few.disk + 1500, "the second run was to have many more: {few:?}, {many:?}");
    ensure!(with_few.exits == with_many.exits, "{:?} became {:?}", with_few.exits, with_many.exits);
    Ok(())
}

fn kernels(context: &Context<'_>) -> Result<()> {
    for (folder, series) in KERNELS {
        let name = format!("kernel-{}", folder.replace('.', "-"));
        let system = system("[0, 1]", "neighbour", 100).replace("\"linux/", &format!("\"{folder}/"));
        let system = system.replace(&format!("{folder}/disk.img"), "linux/disk.img");
        let mut linux = Linux::boot(context, &name, &context.made(&name, &system)?)?;
        let release = linux.answer("uname -r", r"\n(\d[^\r\n]*)\r\n")?;
        ensure!(release.starts_with(series), "{folder}: it is {release}");
        let work = "for cpu in 0 1; do taskset -c $cpu sh -c 'seq 20000 | sha256sum'; done";
        linux.answer(work, &format!(r"\n({SUM_OF_20000})  -\r\n{SUM_OF_20000}  -\r\n"))?;
        linux.read_disk(100)?;
        let interrupts = linux.interrupts()?;
        let counts = linux.power_off()?;
        ensure!(counts.of("interrupt") == 0, "an interrupt came to EL2: {counts:?}");
        context.note(format!("{release}: {interrupts:?} in the guest; at EL2 {:?}", counts.exits));
    }
    Ok(())
}

/// Linux on these CPUs with a disk, beside a ticker with another name.
fn system(cpus: &str, neighbour: &str, ticks: u32) -> String {
    format!(
        r#"
[[qemu.disk]]
image = "linux/disk.img"
bus = "virtio-mmio-bus.31"

[[partition]]
name = "linux"
image = "linux/Image"
initrd = "linux/initrd.cpio.gz"
bootargs = "console=ttyAMA0 earlycon nokaslr"
cpus = {cpus}
memory = "512M"
devices = ["/pl011@9040000", "/virtio_mmio@a003e00"]

[[accept]]
code = "P0401"
device = "/virtio_mmio@a003e00"
reason = "QEMU has no IOMMU for virtio-mmio, and this is a test"

[[partition]]
name = "{neighbour}"
image = "ticker.elf"
bootargs = "ticks={ticks} period-us=1000"
cpus = [2]
memory = "16M"
"#
    )
}

/// A running Linux with a shell on its own UART.
pub(crate) struct Linux<'a> {
    /// What it runs on.
    pub(crate) machine: Running<'a>,
    /// How long it may take to boot.
    patience: Duration,
}

#[derive(Debug)]
struct Interrupts {
    timer: u64,
    disk: u64,
}

impl<'a> Linux<'a> {
    /// Boots the system and waits for the prompt.
    pub(crate) fn boot(context: &'a Context<'a>, name: &str, system: &std::path::Path) -> Result<Self> {
        Self::of(context.run(name, system)?)
    }

    /// The one that boots on `machine`, once there is a prompt.
    pub(crate) fn of(machine: Running<'a>) -> Result<Self> {
        Self::ready(Self { machine, patience: PATIENCE })
    }

    /// The same, where instructions are counted, or all CPUs share a thread of the host: a boot, for which EL2 hashes
    /// the image, takes several times as long.
    pub(crate) fn slow(machine: Running<'a>) -> Result<Self> {
        Self::ready(Self { machine, patience: 5 * PATIENCE })
    }

    fn ready(mut self) -> Result<Self> {
        self.wait_until_ready()?;
        Ok(self)
    }

    /// Waits until it has booted, again perhaps, and there is a prompt.
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        self.machine.expect("linux", &Regex::new("linux: ready, ")?, Instant::now() + self.patience)?;
        self.machine.says("linux", "# ")?;
        Ok(())
    }

    /// Types a command; gives what the pattern's group catches of its output, once the prompt is back.
    pub(crate) fn answer(&mut self, command: &str, pattern: &str) -> Result<String> {
        self.machine.send("linux", format!("{command}\n").as_bytes())?;
        let pattern = Regex::new(&format!(r"(?s){pattern}.*?# "))?;
        let found = self.machine.expect("linux", &pattern, patience()).with_context(|| command.to_owned())?;
        Ok(found.get(1).map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned()).unwrap_or_default())
    }

    /// Reads the disk in that many requests, past the page cache.
    pub(crate) fn read_disk(&mut self, requests: u32) -> Result<()> {
        let command = format!("dd if=/dev/vda of=/dev/null bs=4k count={requests} iflag=direct 2>&1");
        let records = self.answer(&command, r"\n(\d+)\+0 records out\r\n")?;
        ensure!(records == requests.to_string(), "{records} of {requests} requests");
        Ok(())
    }

    /// What the guest itself has counted.
    fn interrupts(&mut self) -> Result<Interrupts> {
        Ok(Interrupts { timer: self.interrupts_of("arch_timer")?, disk: self.interrupts_of("virtio0")? })
    }

    /// How many it has counted of a device, on all CPUs.
    pub(crate) fn interrupts_of(&mut self, device: &str) -> Result<u64> {
        let line = format!(r"\n *\d+:([ 0-9]+)GIC[^\n]*{device}");
        let counts = self.answer("cat /proc/interrupts", &line)?;
        Ok(counts.split_whitespace().map_while(|count| count.parse::<u64>().ok()).sum())
    }

    /// Switches it off from inside.
    pub(crate) fn power_off(&mut self) -> Result<Counts> {
        self.machine.send("linux", b"poweroff\n")?;
        self.machine.says("linux", "reboot: Power down")?;
        Counts::wait_for(&mut self.machine, "linux")
    }
}
