//! The tool on a system of sixteen partitions, as a person runs it: a process each time, built for release.
//!
//! The board is one of the tests' with twenty CPUs, so that QEMU is not measured along. Fifteen partitions run
//! a bare-metal program; the sixteenth takes the rest of the board and runs Linux, whose image is what takes
//! time.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    action::output,
    build as firmware,
    failure::Failure,
    fetch,
    setup::Install,
    workspace::{cargo, images, root, target_dir},
};

/// How often each command runs.
const RUNS: usize = 15;
/// Partitions beside the one with the rest.
const SMALL: usize = 15;

/// Measures `check` and `build`.
pub(crate) fn measure() -> Result<(), Failure> {
    firmware::build()?;
    fetch::linux(fetch::KERNEL_PACKAGE, Install::Allowed)?;
    output(&mut cargo(&["build", "--quiet", "--release", "--package", "bulkhead"]))?;
    let folder = target_dir().join("bench-tool");
    fs::create_dir_all(&folder).map_err(Failure::about(&folder))?;
    write(&folder.join("board.toml"), &board())?;
    write(&folder.join("sixteen.toml"), &system())?;
    println!("a system of {} partitions, {RUNS} runs each:", SMALL + 1);
    for verb in ["check", "build"] {
        let times = times(verb, &folder)?;
        let (shortest, middle) = (times.first(), times.get(RUNS / 2));
        let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
        println!(
            "  {verb}  shortest {:.1} ms, median {:.1} ms",
            milliseconds(shortest),
            milliseconds(middle)
        );
    }
    Ok(())
}

/// How long each run takes, the shortest first.
fn times(verb: &str, folder: &Path) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let mut command = Command::new(target_dir().join("release/bulkhead"));
        command.arg(verb).arg(folder.join("sixteen.toml")).arg("--images").arg(images());
        if verb == "build" {
            command.arg("--output").arg(folder.join("bulkhead.img"));
        }
        let start = Instant::now();
        output(&mut command)?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times)
}

fn board() -> String {
    let tree: PathBuf = root().join("tools/bulkhead/tests/board/twenty.dtb");
    format!(
        "description = \"twenty CPUs\"\ndevice-tree = {tree:?}\n\n\
         [hypervisor]\nwindow = 0x40200000\nconsole = \"/pl011@9000000\"\n"
    )
}

fn system() -> String {
    let mut text = String::new();
    for index in 0..SMALL {
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "[[partition]]\nname = \"small-{index}\"\nimage = \"hello.elf\"\ncpus = 1\nmemory = \"16M\"\n\n"
        );
    }
    text.push_str("[[partition]]\nname = \"linux\"\nimage = \"linux/Image\"\n");
    text.push_str("initrd = \"linux/initrd.cpio.gz\"\nrest = true\n");
    text
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(Failure::about(path))
}
