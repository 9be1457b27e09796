//! `cargo xtask bench`: what operations cost, on the bare machine and in a partition.
//!
//! Measuring is in `system-tests`, where the gate uses it too; here it is shown. `bench tool` is about the tool
//! on this host: measured in time, so printed and never asserted.

mod tool;

use system_tests::{
    Setting,
    bench::{self, Baseline, Measured, WORKLOADS, Workload, complaints, document, is_wanted, measure, table},
};

use crate::{
    build,
    failure::Failure,
    fetch,
    setup::{self, Install, Tool},
    workspace::{images, root},
};

/// What to measure, and what becomes of it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Show only rows whose name contains one of these; `tool`: time `bulkhead check` and `build` instead
    names: Vec<String>,
    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
    /// Print the tables of `docs/performance.md` instead
    #[arg(long, conflicts_with_all = ["names", "json", "accept"])]
    markdown: bool,
    /// Make what is measured the baseline of the gate, for this reason
    #[arg(long, value_name = "REASON", conflicts_with_all = ["names", "json"])]
    accept: Option<String>,
    /// Measure Linux as a workload instead, on one CPU and on two
    #[arg(long, conflicts_with_all = ["json", "markdown", "accept"])]
    linux: bool,
    /// Print what is to be installed instead
    #[arg(long)]
    no_install: bool,
}

/// Measures, and says what the gate says.
pub(crate) fn bench(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.names == ["tool"] {
        return tool::measure();
    }
    let install = Install::unless(arguments.no_install);
    setup::provide(&[Tool::Rust, Tool::Qemu], install)?;
    build::build()?;
    let setting = Setting {
        long: true,
        root: root().to_owned(),
        images: images(),
        missing: Vec::new(),
        firmware: None,
        allow_missing: false,
    };
    if arguments.linux {
        return linux(arguments, &setting);
    }
    let measured = measure(&setting).map_err(|error| Failure::failed(format!("{error:#}")))?;
    let Arguments { names, json, markdown, accept, .. } = arguments;
    if !measured.iter().any(|one| one.counts().keys().any(|name| is_wanted(name, names))) {
        return Err(Failure::usage(format!("nothing that is measured has one of {names:?} in its name")));
    }
    if *json {
        println!("{}", document(&measured, names));
        return Ok(());
    }
    if *markdown {
        print!("{}", bench::markdown(&measured));
        return Ok(());
    }
    let baseline = Baseline::read(root());
    if let Some(reason) = accept {
        let accepted = baseline.unwrap_or_default().accept(&measured, reason);
        accepted.write(root()).map_err(|error| Failure::failed(format!("{error:#}")))?;
        show(&accepted, &measured, names);
        return Ok(());
    }
    let baseline = baseline.map_err(|error| Failure::failed(format!("{error:#}")))?;
    let refused = show(&baseline, &measured, names);
    if refused.is_empty() { Ok(()) } else { Err(Failure::failed(refused)) }
}

/// Prints a table for each board; what the gate refuses.
fn show(baseline: &Baseline, measured: &[Measured], names: &[String]) -> String {
    let mut refused = String::new();
    for measured in measured {
        let (board, verdict) = (measured.board.name(), baseline.on(measured.board).judge(measured));
        println!("{board}\n{}", table(measured, &verdict, names));
        if !verdict.faults.is_empty() {
            refused.push_str(&format!("{board}\n{}", complaints(&verdict)));
        }
    }
    refused
}

/// The workloads that are asked for, each as soon as it is done.
fn linux(arguments: &Arguments, setting: &Setting) -> Result<(), Failure> {
    fetch::linux(fetch::KERNEL_PACKAGE, Install::unless(arguments.no_install))?;
    fetch::workloads()?;
    let wanted: Vec<&str> = WORKLOADS.into_iter().filter(|name| is_wanted(name, &arguments.names)).collect();
    if wanted.is_empty() {
        return Err(Failure::usage(format!("the workloads are {}", WORKLOADS.join(", "))));
    }
    for cpus in [1, 2] {
        println!("{cpus} CPU: {}", Workload::HEAD);
        for name in &wanted {
            let result = bench::linux(setting, name, cpus);
            let workload = result.map_err(|error| Failure::failed(format!("{name}: {error:#}")))?;
            println!("{}", workload.line(name));
        }
    }
    Ok(())
}
