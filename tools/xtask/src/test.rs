//! `cargo xtask test`: every check there is, in one command.
//!
//! Groups run in order, from the quick to the slow, and all of them run even if an early one fails. What
//! could not run counts as failed, so that a green line means that everything was tried.

use std::{
    path::{self, Path, PathBuf},
    process::{Command, Output},
    time::Instant,
};

use system_tests::{Need, Setting, Tally, Test};

use crate::{
    build,
    failure::Failure,
    fetch,
    setup::{self, Install, Tool},
    workspace::{TARGET, board_packages, cargo, images, root},
};

/// The groups that come before the system tests.
const HOST_GROUPS: [&str; 4] = ["format", "lint", "host", BUILD];
/// Without it no system test can run.
const BUILD: &str = "build";

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run the groups whose name contains this; if there is none, such system tests; else such host tests
    filter: Option<String>,
    /// Run the same checks with their full counts
    #[arg(long)]
    long: bool,
    /// Skip tests whose needs cannot be provided instead of failing them
    #[arg(long)]
    allow_missing: bool,
    /// Print what is to be installed instead
    #[arg(long)]
    no_install: bool,
    /// Run the group `firmware` with this one: what QEMU's `virt` begins with, such as TF-A and U-Boot
    #[arg(long, value_name = "PATH", value_parser = absolute)]
    firmware: Option<PathBuf>,
}

/// Which groups run, and which tests in them.
#[derive(Debug, PartialEq, Eq)]
struct Selection<'a> {
    groups: Vec<&'a str>,
    /// Only tests whose name contains this.
    name: Option<&'a str>,
}

/// Runs all selected groups.
pub(crate) fn test(arguments: &Arguments) -> Result<(), Failure> {
    let system_tests = system_tests::all(arguments.long);
    let selection = Selection::new(arguments.filter.as_deref(), &system_tests);
    let selected: Vec<Test> = system_tests.into_iter().filter(|test| selection.includes(test)).collect();
    has_firmware_for_any(&selected, arguments.firmware.as_deref())?;
    let setting = provide(arguments, &selected)?;
    let mut total = Tally::default();
    for &group in &selection.groups {
        println!("{group}");
        let start = Instant::now();
        let tally = match group {
            "format" => check("formatted as rustfmt does", &mut cargo(&["fmt", "--all", "--check"])),
            "lint" => lint(),
            "host" => host(selection.name, setting.long),
            BUILD => build(),
            _ => system(group, &selected, &setting),
        };
        println!("  {} in {:.1} s", summary(tally, arguments.allow_missing), start.elapsed().as_secs_f64());
        total += tally;
        if group == BUILD && tally.failed > 0 {
            println!("the system tests were not run: there is nothing to run");
            break;
        }
    }
    println!("{}", summary(total, arguments.allow_missing));
    verdict(total, arguments.filter.as_deref())
}

impl<'a> Selection<'a> {
    fn new(filter: Option<&'a str>, tests: &[Test]) -> Self {
        let mut groups = HOST_GROUPS.to_vec();
        for test in tests {
            if !groups.contains(&test.group) {
                groups.push(test.group);
            }
        }
        let Some(filter) = filter else { return Self { groups, name: None } };
        let named: Vec<&str> = groups.iter().copied().filter(|group| group.contains(filter)).collect();
        if !named.is_empty() {
            return Self::whole(named);
        }
        let has_match =
            |group: &str| tests.iter().any(|test| test.group == group && test.title().contains(filter));
        let is_of_system = groups.iter().any(|group| has_match(group));
        let is_wanted = |group: &str| match group {
            "host" => !is_of_system,
            BUILD => is_of_system,
            _ => has_match(group),
        };
        groups.retain(|group| is_wanted(group));
        Self { groups, name: Some(filter) }
    }

    /// These groups, and the build if one of them needs it.
    fn whole(mut groups: Vec<&'a str>) -> Self {
        if let Some(first) = groups.iter().position(|group| !HOST_GROUPS.contains(group))
            && !groups.contains(&BUILD)
        {
            groups.insert(first, BUILD);
        }
        Self { groups, name: None }
    }

    fn includes(&self, test: &Test) -> bool {
        self.groups.contains(&test.group) && self.name.is_none_or(|name| test.title().contains(name))
    }
}

/// Fails if a firmware is wanted by all that is selected, and is not there: what a person asked for would not be done.
fn has_firmware_for_any(selected: &[Test], firmware: Option<&Path>) -> Result<(), Failure> {
    let wants = |test: &Test| test.needs.contains(&Need::Firmware);
    match firmware {
        Some(path) if !path.is_file() => {
            Err(Failure::missing(format!("{}: there is no such file", path.display())))
        }
        None if !selected.is_empty() && selected.iter().all(wants) => {
            Err(Failure::usage("these tests want a firmware: give one, by `--firmware PATH`"))
        }
        _ => Ok(()),
    }
}

/// Provides what the selected tests need. Tools are a condition for anything, unless they may be missing; a
/// guest that cannot be had is named and goes with its reason.
fn provide(arguments: &Arguments, selected: &[Test]) -> Result<Setting, Failure> {
    let install = Install::unless(arguments.no_install);
    let (long, allow_missing) = (arguments.long, arguments.allow_missing);
    let needs = |need| selected.iter().any(|test| test.needs.contains(&need));
    let mut missing = Vec::new();
    if allow_missing {
        setup::provide(&[Tool::Rust], install)?;
        if !selected.is_empty()
            && let Err(failure) = setup::provide(&[Tool::Qemu], install)
        {
            missing.push((Need::Qemu, failure.text));
        }
    } else {
        setup::provide(&tools(selected), install)?;
    }
    if needs(Need::Linux)
        && let Err(failure) = fetch::linux(fetch::KERNEL_PACKAGE, install)
    {
        missing.push((Need::Linux, failure.text));
    }
    if needs(Need::Workloads)
        && let Err(failure) = fetch::workloads()
    {
        missing.push((Need::Workloads, failure.text));
    }
    if needs(Need::Kernels)
        && let Err(failure) = fetch::kernels()
    {
        missing.push((Need::Kernels, failure.text));
    }
    if needs(Need::UBoot)
        && let Err(failure) = fetch::u_boot()
    {
        missing.push((Need::UBoot, failure.text));
    }
    if needs(Need::DeviceTrees)
        && let Err(failure) =
            setup::provide(&[Tool::TreeCompiler], install).and_then(|()| fetch::device_trees())
    {
        missing.push((Need::DeviceTrees, failure.text));
    }
    if needs(Need::BoardTrees)
        && let Err(failure) = fetch::boards()
    {
        missing.push((Need::BoardTrees, failure.text));
    }
    for (need, reason) in &missing {
        eprintln!("{need:?} is not there: {reason}");
    }
    let firmware = arguments.firmware.clone();
    Ok(Setting { long, root: root().to_owned(), images: images(), missing, firmware, allow_missing })
}

fn absolute(path: &str) -> Result<PathBuf, std::io::Error> {
    path::absolute(path)
}

/// All at once, so that a person who installs them by hand is told once.
fn tools(selected: &[Test]) -> Vec<Tool> {
    let needs = |need| selected.iter().any(|test| test.needs.contains(&need));
    let wanted = [
        (true, Tool::Rust),
        (!selected.is_empty(), Tool::Qemu),
        (needs(Need::Linux), Tool::FileSystem),
        (needs(Need::DeviceTrees), Tool::TreeCompiler),
    ];
    wanted.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, tool)| tool).collect()
}

fn lint() -> Tally {
    let deny = ["--", "-D", "warnings"];
    let mut tally = check("no lint on the host", cargo(&["clippy", "--quiet", "--all-targets"]).args(deny));
    tally += check(
        "no lint on the target",
        cargo(&["clippy", "--quiet", "--release", "--target", TARGET]).args(board_packages()).args(deny),
    );
    tally
}

/// Cases of every property test in the long tier; those that build whole systems take half of them.
const LONG_CASES: &str = "20000";

fn host(name: Option<&str>, long: bool) -> Tally {
    let mut command = cargo(&["test", "--quiet", "--no-fail-fast"]);
    command.args(name);
    if long {
        command.env("PROPTEST_CASES", LONG_CASES);
    }
    let Some(Output { status, stdout, stderr }) = captured(&mut command) else {
        return Tally { failed: 1, ..Tally::default() };
    };
    let text = String::from_utf8_lossy(&stdout);
    let mut tally = count(&text);
    if !status.success() {
        println!("{text}{}", String::from_utf8_lossy(&stderr));
        // Without a failed test, something did not compile.
        tally.failed = tally.failed.max(1);
    }
    tally
}

fn build() -> Tally {
    let result = build::build();
    if let Err(failure) = &result {
        println!("  {failure}");
    }
    Tally { passed: usize::from(result.is_ok()), failed: usize::from(result.is_err()), ..Tally::default() }
}

fn system(group: &str, selected: &[Test], setting: &Setting) -> Tally {
    let tests: Vec<Test> = selected.iter().filter(|test| test.group == group).copied().collect();
    system_tests::run(&tests, setting, &|line| println!("{line}"))
}

/// Runs a command that is one test.
fn check(name: &str, command: &mut Command) -> Tally {
    let start = Instant::now();
    let output = captured(command);
    let time = start.elapsed().as_secs_f64();
    if output.as_ref().is_some_and(|output| output.status.success()) {
        println!("  ok       {name} ({time:.1} s)");
        return Tally { passed: 1, ..Tally::default() };
    }
    println!("  FAILED   {name} ({time:.1} s)");
    if let Some(Output { stdout, stderr, .. }) = output {
        println!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    }
    Tally { failed: 1, ..Tally::default() }
}

fn captured(command: &mut Command) -> Option<Output> {
    command.output().inspect_err(|error| println!("  {command:?}: {error}")).ok()
}

/// Adds up the result lines of all test programs.
fn count(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines().filter_map(|line| line.strip_prefix("test result: ")) {
        let number = |what: &str| {
            let fields = line.split(['.', ';']).map(str::trim);
            fields.filter_map(|field| field.strip_suffix(what)?.trim().parse::<usize>().ok()).sum::<usize>()
        };
        tally += Tally { passed: number("passed"), failed: number("failed"), ..Tally::default() };
    }
    tally
}

fn summary(tally: Tally, allow_missing: bool) -> String {
    let Tally { passed, failed, skipped, not_run } = tally;
    let mut text = format!("{passed} passed, {failed} failed");
    if allow_missing && skipped > 0 {
        text += &format!(", {skipped} skipped");
    }
    if not_run > 0 {
        text += &format!(", {not_run} NOT RUN: they want a firmware, by --firmware PATH");
    }
    text
}

fn verdict(total: Tally, filter: Option<&str>) -> Result<(), Failure> {
    match (total, filter) {
        (Tally { failed: 1.., .. }, _) => Err(Failure::reported()),
        (Tally { passed: 0, skipped: 0, .. }, Some(filter)) => {
            Err(Failure::usage(format!("no group and no test has `{filter}` in its name")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests() -> [Test; 3] {
        [("demo", "three partitions run"), ("linux", "the shell answers"), ("linux", "the disk is read")]
            .map(|(group, name)| Test { group, name, ..Test::PLAIN })
    }

    #[test]
    fn only_what_the_selected_tests_need_is_provided() {
        let [mut demo, linux, _] = tests();
        assert_eq!(tools(&[]), [Tool::Rust]);
        assert_eq!(tools(&[demo]), [Tool::Rust, Tool::Qemu]);
        demo.needs = &[Need::DeviceTrees];
        assert_eq!(tools(&[demo]), [Tool::Rust, Tool::Qemu, Tool::TreeCompiler]);
        assert_eq!(
            tools(&[Test { needs: &[Need::Linux], ..linux }]),
            [Tool::Rust, Tool::Qemu, Tool::FileSystem]
        );
    }

    #[test]
    fn everything_runs_without_a_filter() {
        let tests = tests();
        let selection = Selection::new(None, &tests);
        assert_eq!(selection.groups, ["format", "lint", "host", "build", "demo", "linux"]);
    }

    #[test]
    fn a_filter_that_names_a_group_selects_all_of_it() {
        let tests = tests();
        let selection = Selection::new(Some("lin"), &tests);
        assert_eq!(selection, Selection { groups: vec!["lint", "build", "linux"], name: None });
        assert_eq!(tests.map(|test| selection.includes(&test)), [false, true, true]);
    }

    #[test]
    fn any_other_filter_selects_tests_by_name() {
        let tests = tests();
        let selection = Selection::new(Some("disk"), &tests);
        assert_eq!(selection, Selection { groups: vec!["build", "linux"], name: Some("disk") });
        assert_eq!(tests.map(|test| selection.includes(&test)), [false, false, true]);
    }

    #[test]
    fn what_no_system_test_is_called_may_be_a_test_of_the_host() {
        let selection = Selection::new(Some("nobody"), &tests());
        assert_eq!(selection, Selection { groups: vec!["host"], name: Some("nobody") });
    }

    #[test]
    fn the_result_lines_of_all_programs_are_added_up() {
        let text = "running 3 tests\ntest result: ok. 3 passed; 0 failed; 0 ignored; finished in 0.00s\n\
                    test result: FAILED. 4 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.50s\n";
        assert_eq!(count(text), Tally { passed: 7, failed: 2, ..Tally::default() });
    }

    #[test]
    fn the_last_line_counts_skipped_tests_only_where_they_are_allowed() {
        let tally = Tally { passed: 5, skipped: 2, ..Tally::default() };
        assert_eq!(summary(tally, true), "5 passed, 0 failed, 2 skipped");
        assert_eq!(summary(Tally { skipped: 0, ..tally }, true), "5 passed, 0 failed");
        assert_eq!(summary(tally, false), "5 passed, 0 failed");
    }

    #[test]
    fn what_was_not_run_for_want_of_a_firmware_is_always_said() {
        let tally = Tally { passed: 5, not_run: 2, ..Tally::default() };
        for allow_missing in [false, true] {
            let text = summary(tally, allow_missing);
            assert_eq!(text, "5 passed, 0 failed, 2 NOT RUN: they want a firmware, by --firmware PATH");
        }
    }

    #[test]
    fn who_asks_for_nothing_but_a_given_firmware_has_to_give_it() {
        use crate::failure::{MISSING, USAGE};
        let [mut demo, linux, _] = tests();
        demo.needs = &[Need::Firmware];
        assert_eq!(has_firmware_for_any(&[demo], None).unwrap_err().exit, USAGE);
        assert!(has_firmware_for_any(&[demo, linux], None).is_ok());
        assert_eq!(has_firmware_for_any(&[linux], Some(Path::new("/no/where"))).unwrap_err().exit, MISSING);
    }

    #[test]
    fn a_filter_that_selects_nothing_is_a_usage_error() {
        use crate::failure::{FAILED, USAGE};
        assert_eq!(verdict(Tally::default(), Some("x")).unwrap_err().exit, USAGE);
        assert!(verdict(Tally::default(), None).is_ok());
        assert_eq!(
            verdict(Tally { not_run: 2, ..Tally::default() }, Some("firmware")).unwrap_err().exit,
            USAGE
        );
        assert_eq!(verdict(Tally { failed: 1, ..Tally::default() }, None).unwrap_err().exit, FAILED);
    }
}
