//! How a run is wished for on the command line.
//!
//! `--expect` and `--send` are one script: their order on the command line is the order of the run.
//! Clap sorts values by option, so the order is restored from the positions it kept.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::step::Step;

/// The options that every command that runs an image takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// End with 4 this many seconds after QEMU's start
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// The script of an unattended run
    #[command(flatten)]
    pub script: Script,
    /// Give the keyboard to this partition (default: the first with a UART of its own)
    #[arg(long, value_name = "PARTITION")]
    pub console: Option<String>,
    /// Start this firmware (U-Boot, or Trusted Firmware with it) and let it find the image on a disk
    #[arg(long, value_name = "PATH")]
    pub firmware: Option<PathBuf>,
    /// Wait for a debugger and print the line that connects it
    #[arg(long)]
    pub gdb: bool,
    /// More arguments for QEMU
    #[arg(last = true, value_name = "QEMU ARGUMENTS")]
    pub extra: Vec<OsString>,
}

/// Steps in the order of the command line.
#[derive(Clone, Debug, Default)]
pub struct Script(pub Vec<Step>);

impl FromArgMatches for Script {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut steps: Vec<(usize, Step)> = ["expect", "send"]
            .into_iter()
            .flat_map(|id| {
                let places = matches.indices_of(id).into_iter().flatten();
                places.zip(matches.get_many::<Step>(id).into_iter().flatten().cloned())
            })
            .collect();
        steps.sort_by_key(|(place, _)| *place);
        Ok(Self(steps.into_iter().map(|(_, step)| step).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Script {
    fn augment_args(command: Command) -> Command {
        let step = |id| Arg::new(id).long(id).action(ArgAction::Append);
        command
            .arg(
                step("expect")
                    .value_name("PARTITION=REGEX")
                    .value_parser(Step::parse_expect)
                    .help("Wait until the partition's console says this (in order with --send)"),
            )
            .arg(
                step("send")
                    .value_name("PARTITION=TEXT")
                    .value_parser(Step::parse_send)
                    .help("Type this text and a newline; \\n \\r \\t \\\\ \\xNN are understood"),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        options: Options,
    }

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        Ok(Program::try_parse_from([&["program"], arguments].concat())?.options)
    }

    #[test]
    fn steps_keep_the_order_of_the_command_line() {
        let arguments =
            ["--expect", "a=1", "--send=a=2", "--timeout", "3", "--expect", "b=4", "--send", "a=5"];
        let steps: Vec<String> = parse(&arguments).unwrap().script.0.iter().map(Step::to_string).collect();
        assert_eq!(steps, ["expect a=1", "send a=2\\n", "expect b=4", "send a=5\\n"]);
    }

    #[test]
    fn no_step_is_an_empty_script() {
        assert!(parse(&[]).unwrap().script.0.is_empty());
    }

    #[test]
    fn what_follows_the_two_dashes_is_for_qemu() {
        assert_eq!(parse(&["--gdb", "--", "-d", "int"]).unwrap().extra, ["-d", "int"]);
    }

    #[test]
    fn a_timeout_is_a_number_of_seconds() {
        assert_eq!(parse(&["--timeout", "1.5"]).unwrap().timeout, Some(Duration::from_millis(1500)));
        assert!(parse(&["--timeout=-1"]).is_err());
        assert!(parse(&["--timeout", "soon"]).is_err());
    }

    #[test]
    fn a_broken_step_is_a_usage_error() {
        assert_eq!(parse(&["--expect", "linux"]).unwrap_err().exit_code(), 2);
    }
}
