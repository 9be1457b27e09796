//! The command `bulkhead`.
//!
//! Exit codes: 0 done, 1 the configuration or an image is wrong, 2 the command is, 3 a tool or file is missing, 4 a run
//! failed.

#![deny(clippy::print_stderr, clippy::print_stdout)] // They panic where nobody reads.

mod command;

use bulkhead::aside::tell;
use bulkhead::decode::{Decoder, log_of};
use bulkhead::diagnostic::{Code, Report};
use bulkhead::launch::launch;
use bulkhead::pages;
use bulkhead::run;
use bulkhead::schema::Document;
use bulkhead::sketch::{Sketch, sketch};
use bulkhead::system::{self, Built, Failure, Options, Venue};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::{Shell, generate};
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
    Check {
        #[command(flatten)]
        system: System,
        /// Say every default that was taken, and every choice that was made
        #[arg(long)]
        explain: bool,
        #[command(flatten)]
        messages: Messages,
    },
    /// Makes a folder with a board and a first system
    New(command::new::Arguments),
    /// Writes the image of a system
    Build(command::build::Arguments),
    /// Writes an image to a disk that nobody uses, and reads it back
    Flash(command::flash::Arguments),
    /// Says what a code such as P0203 means, why it matters, and how it is repaired
    Explain {
        /// The code
        #[arg(required_unless_present = "list")]
        code: Option<String>,
        /// Every code instead, one to a line
        #[arg(long, conflicts_with = "code")]
        list: bool,
    },
    /// Writes what was chosen to `layout.lock`, to be chosen again
    Lock(System),
    /// Shows who owns what
    Map(command::map::Arguments),
    /// Writes one page for the safety case: owners, map, interrupts, DMA, digests, accepted risks
    Report(command::report::Arguments),
    /// Says whose something is, by which line, and what partitions see of it
    Why(command::why::Arguments),
    /// Shows the device tree of a partition
    Dts(command::dts::Arguments),
    /// Writes a partition's addresses and interrupts as source for what runs in it
    Header(command::header::Arguments),
    /// Says who gained or lost access to what, between two systems or images
    Diff(command::diff::Arguments),
    /// Makes boards, and lists them
    #[command(subcommand)]
    Board(command::board::Verb),
    /// Shows what is in an image, from its bytes alone
    Inspect(command::OfImage),
    /// Proves an image from its bytes alone
    Verify(command::OfImage),
    /// Prints the JSON schema of a file that the tool reads or prints
    Schema {
        /// Which
        document: Document,
    },
    /// Prints the completion of this command for a shell
    Completion {
        /// Which
        shell: Shell,
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

#[derive(Args)]
#[group(skip)]
struct System {
    /// A system file, NAME, or BOARD/NAME in `board-configs`
    system: String,
    #[command(flatten)]
    options: Options,
}

#[derive(Args)]
struct Messages {
    /// How to say what was found: to people, or as one document to programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Form::Human)]
    message_format: Form,
}

/// How findings are said.
#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// As text, on standard error
    Human,
    /// As JSON, on standard output
    Json,
    /// As SARIF 2.1.0, on standard output
    Sarif,
}

#[derive(Args)]
struct Log {
    /// The log, or `-` for standard input
    #[arg(required_unless_present = "dump")]
    log: Option<PathBuf>,
    /// A raw dump of the board's memory: the log is what the hypervisor has kept there
    #[arg(long, value_name = "FILE", conflicts_with = "log")]
    dump: Option<PathBuf>,
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
            if !text.is_empty() {
                tell(&format!("{}\n", text.trim_end()));
            }
            ExitCode::from(code)
        }
    }
}

fn execute(verb: Verb) -> Result<(), Stop> {
    match verb {
        Verb::Check { system, explain, messages } => {
            let built = messages.of(system.build_with_warnings())?;
            let defaults = if explain { built.explain() } else { String::new() };
            let verdict = format!("{}: {}, proven\n", system.system, built.count());
            messages.show(built.findings(), &(defaults + &verdict))?;
        }
        Verb::Explain { code, .. } => explain(code.as_deref())?,
        Verb::Build(arguments) => return command::build::build(&arguments),
        Verb::Flash(arguments) => return command::flash::flash(&arguments),
        Verb::New(arguments) => return command::new::new(&arguments),
        Verb::Lock(system) => return command::lock::lock(&system),
        Verb::Report(arguments) => return command::report::report(&arguments),
        Verb::Why(arguments) => return command::why::why(&arguments),
        Verb::Map(arguments) => return command::map::map(&arguments),
        Verb::Dts(arguments) => return command::dts::dts(&arguments),
        Verb::Header(arguments) => return command::header::header(&arguments),
        Verb::Diff(arguments) => return command::diff::diff(&arguments),
        Verb::Board(verb) => return command::board::board(&verb),
        Verb::Inspect(arguments) => return command::inspect::inspect(&arguments),
        Verb::Verify(arguments) => return command::verify::verify(&arguments),
        Verb::Schema { document } => return command::print_json(&document.schema()),
        Verb::Completion { shell } => {
            let mut script = Vec::new();
            generate(shell, &mut Command::command(), "bulkhead", &mut script);
            say(&String::from_utf8_lossy(&script))?;
        }
        Verb::Decode(log) => return decode(&log),
        Verb::Run { mut system, options } => {
            system.options.venue = Venue::Qemu;
            return start(&system, &options);
        }
    }
    Ok(())
}

fn explain(code: Option<&str>) -> Result<(), Stop> {
    let Some(text) = code else { return say(&pages::list()).map(drop) };
    let code = Code::from_text(&text.to_uppercase()).ok_or_else(|| Stop {
        text: format!("error: there is no code `{text}`\nhelp: `bulkhead explain --list` shows all codes"),
        code: 2,
    })?;
    say(&pages::page(code)).map(drop)
}

fn decode(log: &Log) -> Result<(), Stop> {
    let image = read(&log.image)?;
    let hypervisor = log.hypervisor.as_deref().map(read).transpose()?;
    let decoder = Decoder::new(&image, hypervisor.as_deref(), log.partition.as_deref())
        .map_err(|why| Stop { text: format!("error: {why}"), code: 1 })?;
    let lines: Box<dyn BufRead> = match (&log.log, &log.dump) {
        (_, Some(dump)) => Box::new(Cursor::new(log_in(dump)?)),
        (Some(path), None) if path != Path::new("-") => Box::new(Cursor::new(read(path)?)),
        _ => Box::new(std::io::stdin().lock()),
    };
    for line in lines.split(b'\n') {
        let line = line.map_err(|error| host("reading the log", &error))?;
        if !say(&format!("{}\n", decoder.annotate(&String::from_utf8_lossy(&line))))? {
            break;
        }
    }
    Ok(())
}

/// What the hypervisor has kept in memory, by a dump of that.
fn log_in(dump: &Path) -> Result<Vec<u8>, Stop> {
    let none = || Stop {
        text: format!(
            "error: `{}` has no log of the hypervisor's\nhelp: it lies in the hypervisor's window, which \
             `bulkhead inspect` shows; the dump has to be of that memory, byte for byte",
            dump.display()
        ),
        code: 1,
    };
    log_of(&read(dump)?).ok_or_else(none)
}

fn start(system: &System, options: &run::Options) -> Result<(), Stop> {
    let built = system.build()?;
    tell(&built.losses());
    let folder = tempfile::tempdir().map_err(|error| host("making a temporary folder", &error))?;
    let machine = launch(&built, folder.path(), options.firmware.as_deref())?;
    let symbols = system.options.hypervisor_path();
    let outcome = run::run(&machine, options, &symbols);
    outcome.map(drop).map_err(|error| Stop { text: format!("error: {error}"), code: error.exit_code() })
}

impl System {
    fn sketch(&self) -> Result<Sketch, Stop> {
        Ok(sketch(&system::locate(&self.system)?)?)
    }

    fn build(&self) -> Result<Built, Stop> {
        Ok(self.build_with_warnings()?)
    }

    fn build_with_warnings(&self) -> Result<Built, Failure> {
        system::build(&system::locate(&self.system)?, &self.options)
    }
}

impl Messages {
    /// The system, or what is wrong with it, said in the form that was asked for.
    fn of(&self, built: Result<Built, Failure>) -> Result<Built, Stop> {
        built.or_else(|failure| match (&failure, self.message_format) {
            (Failure::Rejected(report), Form::Json | Form::Sarif) => {
                self.show(report, "")?;
                Err(Stop { text: String::new(), code: failure.exit_code() })
            }
            _ => Err(failure.into()),
        })
    }

    /// Says what was found, and after it, for people only, the verdict.
    fn show(&self, report: &Report, verdict: &str) -> Result<(), Stop> {
        let document = match self.message_format {
            Form::Human => {
                tell(&report.to_string());
                return say(verdict).map(drop);
            }
            Form::Json => serde_json::to_string_pretty(&report.document()),
            Form::Sarif => serde_json::to_string_pretty(&report.sarif()),
        };
        let text = document.map_err(|error| Stop { text: format!("error: {error}"), code: 1 })?;
        say(&format!("{text}\n")).map(drop)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self { text: failure.to_string(), code: failure.exit_code() }
    }
}

/// Writes to standard output; false if nobody listens any more.
fn say(text: &str) -> Result<bool, Stop> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
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

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Command::command().debug_assert();
    }
}
