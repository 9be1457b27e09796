//! The command `bulkhead`.
//!
//! Exit codes: 0 done, 1 the configuration or an image is wrong, 2 the command is, 3 a tool or file is missing, 4 a run
//! failed.

mod command;

use bulkhead::boards;
use bulkhead::decode::Decoder;
use bulkhead::inspect::inspect;
use bulkhead::run;
use bulkhead::system::{self, Built, Failure, Options};
use clap::{Args, Parser, Subcommand};
use dtoolkit::fdt::Fdt;
use std::fs;
use std::io::{BufRead, Cursor, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Plans and builds partitioned systems.
#[derive(Parser)]
#[command(name = "bulkhead", version)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Checks a system: everything but writing the image
    Check(System),
    /// Writes the image of a system
    Build {
        #[command(flatten)]
        system: System,
        /// Write it to this file
        #[arg(short, long, value_name = "IMG", default_value = "bulkhead.img")]
        output: PathBuf,
    },
    /// Writes what was chosen to `layout.lock`, to be chosen again
    Lock(System),
    /// Shows who owns what
    Map(System),
    /// Shows the device tree of a partition
    Dts {
        #[command(flatten)]
        system: System,
        /// The partition
        partition: String,
    },
    /// Makes boards, and lists them
    #[command(subcommand)]
    Board(BoardVerb),
    /// Shows what is in an image, from its bytes alone
    Inspect {
        /// The image
        image: PathBuf,
        /// As one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Says what the addresses in a log are
    Decode(Log),
    /// Runs a system in QEMU
    Run {
        #[command(flatten)]
        system: System,
        #[command(flatten)]
        options: run::Options,
    },
}

#[derive(Subcommand)]
enum BoardVerb {
    /// Makes a board from a device tree, and says what it did not understand
    Import(boards::Import),
    /// Shows the boards that there are
    List,
}

#[derive(Args)]
#[group(skip)]
struct System {
    /// A system file, NAME, or BOARD/NAME in `board-configs`
    system: String,
    #[command(flatten)]
    options: Options,
}

#[derive(Args)]
struct Log {
    /// The log, or `-` for standard input
    log: PathBuf,
    /// The image that it comes from
    #[arg(long, value_name = "IMG")]
    image: PathBuf,
    /// The hypervisor's binary in that image, to name its functions
    #[arg(long, value_name = "ELF")]
    hypervisor: Option<PathBuf>,
    /// Whose log it is, where a line does not say
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
}

/// Why a command fails: what to print, and the exit code.
struct Stop {
    text: String,
    code: u8,
}

fn main() -> ExitCode {
    match execute(Command::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop { text, code }) => {
            eprintln!("{}", text.trim_end());
            ExitCode::from(code)
        }
    }
}

fn execute(verb: Verb) -> Result<(), Stop> {
    match verb {
        Verb::Check(system) => {
            let built = system.build()?;
            println!("{}: {} partitions, proven", system.system, built.partitions.len());
        }
        Verb::Build { system, output } => {
            let built = system.build()?;
            write(&output, &built.image)?;
            println!(
                "{}: {} bytes, {} mappings proven",
                output.display(),
                built.image.len(),
                built.proof.leaves
            );
        }
        Verb::Lock(system) => return command::lock::lock(&system),
        Verb::Map(system) => print!("{}", system.build()?.map()),
        Verb::Dts { system, partition } => print!("{}", source(&system.build()?, &partition)?),
        Verb::Board(BoardVerb::Import(wish)) => print!("{}", boards::import(&wish)?),
        Verb::Board(BoardVerb::List) => print!("{}", boards::list()?),
        Verb::Inspect { image, json } => return show(&image, json),
        Verb::Decode(log) => return decode(&log),
        Verb::Run { system, options } => return start(&system, &options),
    }
    Ok(())
}

fn show(image: &Path, json: bool) -> Result<(), Stop> {
    let contents = inspect(&read(image)?);
    if json {
        let text = serde_json::to_string_pretty(&contents);
        let text = text.map_err(|error| Stop { text: format!("error: {error}"), code: 1 })?;
        say(&format!("{text}\n"))?;
    } else {
        say(&contents.to_string())?;
    }
    let wrong = |fault: &String| format!("error: `{}`: {fault}", image.display());
    match contents.faults.as_slice() {
        [] => Ok(()),
        faults => Err(Stop { text: faults.iter().map(wrong).collect::<Vec<_>>().join("\n"), code: 1 }),
    }
}

fn decode(log: &Log) -> Result<(), Stop> {
    let image = read(&log.image)?;
    let hypervisor = log.hypervisor.as_deref().map(read).transpose()?;
    let decoder = Decoder::new(&image, hypervisor.as_deref(), log.partition.as_deref())
        .map_err(|why| Stop { text: format!("error: {why}"), code: 1 })?;
    let lines: Box<dyn BufRead> = if log.log == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(Cursor::new(read(&log.log)?))
    };
    for line in lines.split(b'\n') {
        let line = line.map_err(|error| host("reading the log", &error))?;
        if !say(&format!("{}\n", decoder.annotate(&String::from_utf8_lossy(&line))))? {
            break;
        }
    }
    Ok(())
}

fn start(system: &System, options: &run::Options) -> Result<(), Stop> {
    let built = system.build()?;
    let folder = tempfile::tempdir().map_err(|error| host("making a temporary folder", &error))?;
    let image = folder.path().join("bulkhead.img");
    write(&image, &built.image)?;
    let machine = built.machine(&image).ok_or_else(|| Stop {
        text: "error: QEMU does not have this board; flash the image of `bulkhead build`".to_owned(),
        code: 2,
    })?;
    let symbols = system.options.hypervisor_path();
    let outcome = run::run(&machine, options, &symbols);
    outcome.map(drop).map_err(|error| Stop { text: format!("error: {error}"), code: error.exit_code() })
}

fn source(built: &Built, partition: &str) -> Result<String, Stop> {
    let tree = built.device_tree(partition).ok_or_else(|| {
        let text = if built.partitions.iter().any(|name| name == partition) {
            format!("error: the partition `{partition}` gets no device tree")
        } else {
            format!("error: there is no partition `{partition}`; there is {}", built.partitions.join(", "))
        };
        Stop { text, code: 2 }
    })?;
    // It was written a moment ago; a check would refuse the names of more than 31 characters of real boards.
    Ok(Fdt::new_unchecked(tree).to_string())
}

impl System {
    fn build(&self) -> Result<Built, Stop> {
        let path = system::locate(&self.system)?;
        let built = system::build(&path, &self.options)?;
        if let Some(note) = built.note() {
            eprintln!("note: {note}");
        }
        Ok(built)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self { text: failure.to_string(), code: failure.exit_code() }
    }
}

/// Writes to standard output; false if nobody listens any more.
fn say(text: &str) -> Result<bool, Stop> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(host("writing", &error)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    fs::read(path).map_err(|error| host(&format!("reading `{}`", path.display()), &error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    fs::write(path, bytes).map_err(|error| host(&format!("writing `{}`", path.display()), &error))
}

fn host(doing: &str, error: &std::io::Error) -> Stop {
    Stop { text: format!("error: {doing}: {error}"), code: 3 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Command::command().debug_assert();
    }
}
