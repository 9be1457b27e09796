//! Runs a group of tests and reports each as it ends.
//!
//! At most two machines run at once, whatever the host: more would make timing a matter of luck. A panic
//! fails its own test only.

use std::{
    any::Any,
    ops::AddAssign,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{Company, Context, Need, Setting, Test};

const WORKERS: usize = 2;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Did what they should.
    pub passed: usize,
    /// Did not, or could not run and were not allowed to be missing.
    pub failed: usize,
    /// Could not run and were allowed to be missing.
    pub skipped: usize,
    /// Want a firmware, and nobody has given one.
    pub not_run: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed(String),
    Skipped(String),
    Missing(String),
    NotRun,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.not_run += other.not_run;
    }
}

/// Runs tests, those that want no company last, and hands over a line (or more) for each.
pub fn run(tests: &[Test], setting: &Setting, report: &(dyn Fn(String) + Sync)) -> Tally {
    let (together, alone): (Vec<Test>, Vec<Test>) =
        tests.iter().partition(|test| test.company == Company::Welcome);
    let mut tally = work(together, WORKERS, setting, report);
    tally += work(alone, 1, setting, report);
    tally
}

fn work(tests: Vec<Test>, workers: usize, setting: &Setting, report: &(dyn Fn(String) + Sync)) -> Tally {
    let queue = Mutex::new(tests.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let total = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(test) = next() {
                    let start = Instant::now();
                    let (verdict, notes) = judge(&test, setting);
                    let notes = notes.iter().map(|note| format!("\n    {note}")).collect::<String>();
                    report(verdict.line(&test.title(), start.elapsed()) + &notes);
                    *total.lock().unwrap_or_else(PoisonError::into_inner) += verdict.tally();
                }
            });
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a test, if it can run; also gives what it has noted.
fn judge(test: &Test, setting: &Setting) -> (Verdict, Vec<String>) {
    if setting.firmware.is_none() && test.needs.contains(&Need::Firmware) {
        return (Verdict::NotRun, Vec::new());
    }
    let is_needed = |need: Need| need == Need::Qemu || test.needs.contains(&need);
    if let Some((_, reason)) = setting.missing.iter().find(|(need, _)| is_needed(*need)) {
        let verdict = if setting.allow_missing { Verdict::Skipped } else { Verdict::Missing };
        return (verdict(reason.clone()), Vec::new());
    }
    let context = Context::new(setting, test.board);
    let result = catch_unwind(AssertUnwindSafe(|| (test.run)(&context)));
    let notes = context.notes();
    let why = match result {
        Ok(Ok(())) => return (Verdict::Passed, notes),
        Ok(Err(error)) => format!("{error:#}"),
        Err(panic) => panic_text(panic.as_ref()).to_owned(),
    };
    let whole = match context.write_down(&test.title()) {
        Ok(folder) => format!("all of it: {}\n", folder.display()),
        Err(error) => format!("all of it could not be kept: {error}\n"),
    };
    (Verdict::Failed(format!("{why}\n{}{whole}", context.into_heard())), notes)
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panicked")
}

impl Verdict {
    fn tally(&self) -> Tally {
        let zero = Tally::default();
        match self {
            Self::Passed => Tally { passed: 1, ..zero },
            Self::Failed(_) | Self::Missing(_) => Tally { failed: 1, ..zero },
            Self::Skipped(_) => Tally { skipped: 1, ..zero },
            Self::NotRun => Tally { not_run: 1, ..zero },
        }
    }

    fn line(&self, name: &str, time: Duration) -> String {
        let seconds = time.as_secs_f64();
        match self {
            Self::Passed => format!("  ok       {name} ({seconds:.1} s)"),
            Self::Failed(why) => format!("  FAILED   {name} ({seconds:.1} s)\n{}", indented(why)),
            Self::Missing(why) => format!("  FAILED   {name}: could not run\n{}", indented(why)),
            Self::NotRun => format!("  NOT RUN  {name}: no firmware was given (--firmware PATH)"),
            Self::Skipped(why) => format!("  SKIPPED  {name}: could not run\n{}", indented(why)),
        }
    }
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn setting(missing: &[Need], allow_missing: bool) -> Setting {
        let missing = missing.iter().map(|need| (*need, "not got".to_owned())).collect();
        Setting {
            long: false,
            root: PathBuf::new(),
            images: std::env::temp_dir().join("bulkhead-runner-tests"),
            missing,
            firmware: None,
            allow_missing,
        }
    }

    fn test(needs: &'static [Need], run: fn(&Context<'_>) -> anyhow::Result<()>) -> Test {
        Test { group: "group", name: "a sentence", needs, run, ..Test::PLAIN }
    }

    fn outcome(test: Test, setting: &Setting) -> (Tally, String) {
        let lines = Mutex::new(String::new());
        let tally = run(&[test], setting, &|line| lines.lock().unwrap().push_str(&line));
        (tally, lines.into_inner().unwrap())
    }

    #[test]
    fn a_test_that_wants_a_firmware_says_loudly_that_it_was_not_run() {
        for allow_missing in [false, true] {
            let (tally, lines) = outcome(test(&[Need::Firmware], |_| Ok(())), &setting(&[], allow_missing));
            assert_eq!(tally, Tally { not_run: 1, ..Tally::default() });
            assert_eq!(lines, "  NOT RUN  a sentence: no firmware was given (--firmware PATH)");
        }
    }

    #[test]
    fn a_test_that_returns_ok_has_passed() {
        let (tally, lines) = outcome(test(&[], |_| Ok(())), &setting(&[], false));
        assert_eq!(tally, Tally { passed: 1, ..Tally::default() });
        assert!(lines.starts_with("  ok       a sentence ("), "{lines}");
    }

    #[test]
    fn an_error_and_a_panic_fail_their_test_with_their_text() {
        let error = test(&[], |_| anyhow::bail!("the text"));
        let panic = test(&[], |context| if context.long { Ok(()) } else { panic!("the {}", "text") });
        for test in [error, panic] {
            let (tally, lines) = outcome(test, &setting(&[], false));
            assert_eq!(tally, Tally { failed: 1, ..Tally::default() });
            assert!(lines.contains("FAILED   a sentence") && lines.contains("\n    the text"), "{lines}");
        }
    }

    #[test]
    fn what_a_test_notes_stands_below_its_line() {
        let noting = test(&[], |context| {
            context.note("7 of 7".to_owned());
            Ok(())
        });
        let (_, lines) = outcome(noting, &setting(&[], false));
        assert!(lines.starts_with("  ok       a sentence (") && lines.ends_with("\n    7 of 7"), "{lines}");
    }

    #[test]
    fn a_test_without_its_need_fails_unless_that_is_allowed() {
        for (missing, needs) in [(Need::Qemu, &[][..]), (Need::Linux, &[Need::Linux])] {
            let test = test(needs, |_| Ok(()));
            let (tally, lines) = outcome(test, &setting(&[missing], false));
            assert_eq!(tally, Tally { failed: 1, ..Tally::default() });
            assert!(lines.contains("could not run\n    not got"), "{lines}");
            let (tally, _) = outcome(test, &setting(&[missing], true));
            assert_eq!(tally, Tally { skipped: 1, ..Tally::default() });
        }
    }

    #[test]
    fn a_need_of_another_test_does_not_matter() {
        let (tally, _) = outcome(test(&[], |_| Ok(())), &setting(&[Need::Linux], false));
        assert_eq!(tally.passed, 1);
    }

    #[test]
    fn what_a_machine_said_is_shown_when_its_test_fails() {
        use bulkhead::run::Machine;
        let failing = test(&[], |context| {
            let machine = Machine {
                program: "ls".into(),
                args: Vec::new(),
                serials: Vec::new(),
                partitions: Vec::new(),
            };
            let mut running = context.start(&machine)?;
            running.wait(crate::patience())?;
            anyhow::bail!("seen enough")
        });
        let (_, lines) = outcome(failing, &setting(&[], false));
        assert!(lines.contains("    seen enough\n    the end of `qemu`:\n    ls: "), "{lines}");
    }

    #[test]
    fn a_test_without_company_runs_after_all_others() {
        let alone = Test { name: "alone", company: Company::Unwelcome, ..test(&[], |_| Ok(())) };
        let other = test(&[], |_| {
            thread::sleep(Duration::from_millis(20));
            Ok(())
        });
        let lines = Mutex::new(Vec::new());
        let tally =
            run(&[alone, other, other], &setting(&[], false), &|line| lines.lock().unwrap().push(line));
        assert_eq!(tally.passed, 3);
        assert!(lines.into_inner().unwrap()[2].contains("alone"));
    }
}
