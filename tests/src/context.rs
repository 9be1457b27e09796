//! What a test is given.

use std::{
    fmt, fs,
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use bulkhead::run::{Machine, Session};
use regex::bytes::Regex;

use crate::{Board, Need, patience};

/// What is the same for all tests of a run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Run counts in full.
    pub long: bool,
    /// The root of the workspace.
    pub root: PathBuf,
    /// The folder of built and fetched images.
    pub images: PathBuf,
    /// What is not there, each with the reason.
    pub missing: Vec<(Need, String)>,
    /// The firmware that the person has given.
    pub firmware: Option<PathBuf>,
    /// A test whose need is missing is skipped instead of failed.
    pub allow_missing: bool,
}

/// One test's view of the run; dereferences to the [`Setting`].
#[derive(Debug)]
pub struct Context<'a> {
    setting: &'a Setting,
    /// The board that the test runs on.
    pub(crate) board: Board,
    heard: Mutex<String>,
    /// All that the machines have said: who, and what.
    consoles: Mutex<Vec<(String, Vec<u8>)>>,
    notes: Mutex<Vec<String>>,
}

/// A running machine; what its consoles said is kept for the report when it goes.
#[derive(Debug)]
pub struct Running<'a> {
    session: Session,
    context: &'a Context<'a>,
}

impl<'a> Context<'a> {
    /// A context for one test.
    pub(crate) fn new(setting: &'a Setting, board: Board) -> Self {
        Self { setting, board, heard: Mutex::default(), consoles: Mutex::default(), notes: Mutex::default() }
    }

    /// Starts a machine.
    pub fn start(&'a self, machine: &Machine) -> anyhow::Result<Running<'a>> {
        let session = Session::start(machine).context("starting the machine")?;
        Ok(Running { session, context: self })
    }

    /// Has a line printed below the test's own, whatever becomes of it: what was counted or measured.
    pub fn note(&self, line: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// The lines that were noted.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The ends of all consoles of all machines that are gone.
    pub(crate) fn into_heard(self) -> String {
        self.heard.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all that was said into a folder called `title`, and says where.
    pub(crate) fn write_down(&self, title: &str) -> std::io::Result<PathBuf> {
        let name: String = title.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        let folder = self.images.join("failed").join(name);
        fs::create_dir_all(&folder)?;
        for (number, (source, said)) in
            self.consoles.lock().unwrap_or_else(PoisonError::into_inner).iter().enumerate()
        {
            fs::write(folder.join(format!("{number}-{source}.log")), said)?;
        }
        Ok(folder)
    }

    fn keep(&self, text: fmt::Arguments<'_>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push_str(&text.to_string());
    }
}

impl Running<'_> {
    /// Waits until a partition, the hypervisor or the firmware says what this pattern matches.
    pub(crate) fn says(&mut self, who: &str, pattern: &str) -> anyhow::Result<()> {
        self.expect(who, &Regex::new(pattern)?, patience()).with_context(|| who.to_owned())?;
        Ok(())
    }
}

impl Deref for Context<'_> {
    type Target = Setting;

    fn deref(&self) -> &Setting {
        self.setting
    }
}

impl Deref for Running<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Running<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut consoles = self.context.consoles.lock().unwrap_or_else(PoisonError::into_inner);
        for (source, tail) in self.session.tails().filter(|(_, tail)| !tail.is_empty()) {
            self.context.keep(format_args!("the end of `{source}`:\n{tail}\n"));
            consoles.push((source.to_owned(), self.session.transcript(source).to_vec()));
        }
    }
}
