//! `bulkhead flash`: writes a file to a disk, and reads it back.

use crate::{Stop, host, read, say};
use bulkhead::aside::tell;
use bulkhead::flash::{Content, Error, Host, Permit, ReadBack, Request, Step, Target, decide};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};

/// What, and where to.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What `bulkhead build` has written
    image: PathBuf,
    /// The disk, such as /dev/sdb, or a file
    #[arg(long, value_name = "PATH")]
    to: PathBuf,
    /// It is the disk that I mean, though it is not removable, or the image is not made for a disk
    #[arg(long)]
    yes: bool,
}

/// Flashes, if nothing speaks against it.
pub(crate) fn flash(arguments: &Arguments) -> Result<(), Stop> {
    let bytes = read(&arguments.image)?;
    let permit = permit(arguments, &bytes)?;
    if !permit.description.is_empty() {
        tell(&format!("writing to {}\n", permit.description));
    }
    let (mut bar, mut current) = (bar(Step::Write, bytes.len()), Step::Write);
    let outcome = permit.write(&bytes, &mut |step, done| {
        if step != current {
            bar.finish();
            (bar, current) = (self::bar(step, bytes.len()), step);
        }
        bar.set_position(done);
    });
    bar.finish();
    let way = match outcome.map_err(failed)? {
        ReadBack::Medium => "past the page cache",
        ReadBack::Cache => "perhaps from the page cache, which its file system does not pass by",
    };
    let count = bytes.len();
    let verdict =
        format!("{}: {count} bytes written, and the same read back, {way}\n", arguments.to.display());
    say(&verdict).map(drop)
}

fn permit(arguments: &Arguments, bytes: &[u8]) -> Result<Permit, Stop> {
    let refused = |text: String| Stop { text, code: 2 };
    let target = Target::at(&arguments.to).map_err(refused)?;
    let system = Host::read(Path::new("/"));
    let system = system.map_err(|error| host("asking the kernel which disks are in use", &error))?;
    let request = Request {
        path: arguments.to.clone(),
        target,
        bytes: bytes.len() as u64,
        content: Content::of(bytes),
        is_meant: arguments.yes,
    };
    decide(&system, &request)
        .map_err(|reasons| refused(reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

fn bar(step: Step, bytes: usize) -> ProgressBar {
    const LINE: &str = "{prefix:7} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
    let name = match step {
        Step::Write => "writing",
        Step::Verify => "reading",
    };
    let style = ProgressStyle::with_template(LINE).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes as u64).with_style(style).with_prefix(name)
}

fn failed(error: Error) -> Stop {
    let code = match error {
        Error::Host { .. } => 3,
        Error::Changed | Error::Differs { .. } => 4,
    };
    Stop { text: error.to_string(), code }
}
