//! `cargo xtask`: from a fresh clone to a running system or a tested one.
//!
//! Comfort only: what decides anything about a system is in the library `bulkhead`. Exit codes are those of
//! the tool: 0 ok, 1 configuration wrong, 2 usage, 3 missing tool or file, 4 run failed.

#![forbid(unsafe_code)]

mod action;
mod bench;
mod build;
mod demo;
mod errata;
mod failure;
mod fetch;
mod setup;
mod size;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;
use setup::{Install, Tool};

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "Set up, build, run and test Bulkhead", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a system in QEMU, with all that needs to be there first
    Demo(demo::Arguments),
    /// Run all checks and tests, with all that needs to be there first
    Test(test::Arguments),
    /// Measure what operations cost, natively and in a partition, or how long the tool takes
    Bench(bench::Arguments),
    /// Print how big the hypervisor is
    Size(size::Arguments),
    /// Provide the Rust target, QEMU, mke2fs and dtc
    Setup {
        /// Print what is to be installed instead
        #[arg(long)]
        no_install: bool,
    },
    /// Build the hypervisor and the partitions
    Build,
    /// Fetch guests that are not built here
    Fetch {
        #[command(subcommand)]
        guest: Guest,
    },
}

#[derive(Subcommand)]
enum Guest {
    /// Debian's kernel and static busybox, packed as an initramfs, and a small disk
    Linux {
        /// Kernel package, or a package that depends on one
        #[arg(long, default_value = fetch::KERNEL_PACKAGE)]
        kernel_package: String,
        /// Print what is to be installed instead
        #[arg(long)]
        no_install: bool,
    },
    /// Debian's other kernels: for boards that the smallest has no driver for, and for the long tier
    Kernels,
    /// Debian's U-Boot for QEMU's `virt`
    UBoot,
    /// The device trees of the boards that Debian's kernel 6.12 runs on
    DeviceTrees,
    /// The device trees that boards in `board-configs` name
    Boards,
}

fn main() -> ExitCode {
    match execute(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.text.is_empty() {
                eprintln!("{failure}");
            }
            ExitCode::from(failure.exit)
        }
    }
}

fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Test(arguments) => test::test(&arguments),
        Command::Setup { no_install } => {
            let tools = [Tool::Rust, Tool::Qemu, Tool::FileSystem, Tool::TreeCompiler];
            setup::provide(&tools, Install::unless(no_install))?;
            println!("All tools are there.");
            Ok(())
        }
        Command::Bench(arguments) => bench::bench(&arguments),
        Command::Size(arguments) => size::size(&arguments),
        Command::Build => build::build(),
        Command::Fetch { guest: Guest::Kernels } => fetch::kernels(),
        Command::Fetch { guest: Guest::UBoot } => fetch::u_boot(),
        Command::Fetch { guest: Guest::DeviceTrees } => fetch::device_trees(),
        Command::Fetch { guest: Guest::Boards } => fetch::boards(),
        Command::Fetch { guest: Guest::Linux { kernel_package, no_install } } => {
            fetch::linux(&kernel_package, Install::unless(no_install))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// What a document tells a person to type after `cargo`, in blocks and in between.
    fn commands(text: &str) -> Vec<String> {
        let spans = text.split('`').flat_map(str::lines);
        let commands = spans.filter_map(|span| span.trim().strip_prefix("cargo xtask "));
        commands.map(|rest| rest.split('#').next().unwrap_or_default().trim().to_owned()).collect()
    }

    #[test]
    fn the_documents_name_commands_that_there_are() {
        let mut seen = 0;
        for document in ["README.md", "CONTRIBUTING.md", "docs/flashing.md", "partitions/linux/README.md"] {
            for command in commands(&fs::read_to_string(workspace::root().join(document)).unwrap()) {
                let words = ["xtask"].into_iter().chain(command.split_whitespace());
                let parsed = Arguments::try_parse_from(words);
                assert!(parsed.is_ok(), "{document}: {command}: {:?}", parsed.err());
                seen += 1;
            }
        }
        assert!(seen >= 8, "{seen}");
    }
}
