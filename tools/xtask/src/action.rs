//! A change to this machine, to be made or to be shown as the command that makes it.
//!
//! The same value does both, so what a person is told to type is what would have been done.

use std::{
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::{
    failure::Failure,
    workspace::{program, root},
};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run a program as the person.
    Run(Vec<String>),
    /// Run a program as root.
    RunAsRoot(Vec<String>),
    /// Write a file as root.
    Write { path: PathBuf, text: String },
}

/// How this process can act as root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    Root,
    /// By `sudo`, which asks nothing.
    Sudo,
    /// By `sudo`, which asks the person who is there.
    SudoWithPassword,
    None,
}

impl Action {
    pub(crate) fn run(words: &[&str]) -> Self {
        Self::Run(owned(words))
    }

    pub(crate) fn run_as_root(words: &[&str]) -> Self {
        Self::RunAsRoot(owned(words))
    }

    pub(crate) fn needs_root(&self) -> bool {
        !matches!(self, Self::Run(_))
    }

    /// Makes the change.
    pub(crate) fn carry_out(&self, rights: Rights) -> Result<(), Failure> {
        match self {
            Self::Run(words) => run(command(&[], words).current_dir(root())),
            Self::RunAsRoot(words) if rights == Rights::Root => run(&mut command(&[], words)),
            Self::RunAsRoot(words) => run(&mut command(&["sudo"], words)),
            Self::Write { path, text } if rights == Rights::Root => {
                fs::write(path, text).map_err(Failure::about(path))
            }
            Self::Write { path, text } => write_by_sudo(path, text),
        }
    }

    /// As a line for the shell of a person with these rights; root may have no `sudo`.
    pub(crate) fn shell_line(&self, rights: Rights) -> String {
        let sudo = if rights == Rights::Root { "" } else { "sudo " };
        match self {
            Self::Run(words) => joined(words),
            Self::RunAsRoot(words) => format!("{sudo}{}", joined(words)),
            Self::Write { path, text } => {
                let lines: Vec<String> = text.lines().map(quoted).collect();
                format!("printf '%s\\n' {} | {sudo}tee {}", lines.join(" "), path.display())
            }
        }
    }
}

/// How this process can act as root without asking somebody who is not there.
pub(crate) fn rights() -> Rights {
    let id = output(Command::new("id").arg("-u"));
    if id.is_ok_and(|id| id.trim() == "0") {
        return Rights::Root;
    }
    if output(Command::new("sudo").args(["-n", "true"])).is_ok() {
        return Rights::Sudo;
    }
    let can_ask = io::stdin().is_terminal() && program("sudo").is_some();
    if can_ask { Rights::SudoWithPassword } else { Rights::None }
}

/// Has `sudo` ask for the password, which it then remembers; whether the person may use it at all.
pub(crate) fn password_is_right() -> bool {
    run(Command::new("sudo").arg("-v")).is_ok()
}

/// Runs a program that speaks to the person itself.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::failed(format!("`{}`: {status}", line(command)))) }
}

/// Runs a program for what it prints.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&stderr).into_owned();
    Err(Failure::failed(format!("`{}`: {status}\n{}", line(command), complaint.trim_end())))
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn command(prefix: &[&str], words: &[String]) -> Command {
    let mut all = prefix.iter().copied().chain(words.iter().map(String::as_str));
    let mut command = Command::new(all.next().unwrap_or_default());
    command.args(all);
    command
}

fn write_by_sudo(path: &Path, text: &str) -> Result<(), Failure> {
    let mut tee = Command::new("sudo");
    tee.arg("tee").arg(path).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = tee.spawn().map_err(|error| not_started(&tee, &error))?;
    if let Some(mut stdin) = child.stdin.take() {
        io::Write::write_all(&mut stdin, text.as_bytes()).map_err(Failure::about(path))?;
    }
    let status = child.wait().map_err(Failure::about(path))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::failed(format!("writing {}: {status}", path.display())))
    }
}

fn not_started(command: &Command, error: &io::Error) -> Failure {
    let program = command.get_program().display();
    match error.kind() {
        io::ErrorKind::NotFound => Failure::missing(format!("`{program}` is not installed")),
        _ => Failure::failed(format!("`{program}`: {error}")),
    }
}

fn line(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn joined(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=+,@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_shown_as_a_person_would_type_it() {
        let target = Action::run(&["rustup", "target", "add", "x"]);
        let update = Action::run_as_root(&["apt-get", "update"]);
        let write = Action::Write { path: "/etc/x".into(), text: "Types: deb\nURIs: it's\n".to_owned() };
        let lines = |rights| [&target, &update, &write].map(|action| action.shell_line(rights));
        assert_eq!(
            lines(Rights::None),
            [
                "rustup target add x",
                "sudo apt-get update",
                r"printf '%s\n' 'Types: deb' 'URIs: it'\''s' | sudo tee /etc/x"
            ]
        );
        assert_eq!(
            lines(Rights::Root),
            [
                "rustup target add x",
                "apt-get update",
                r"printf '%s\n' 'Types: deb' 'URIs: it'\''s' | tee /etc/x"
            ]
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_missing() {
        let failure = output(&mut Command::new("no-such-program")).unwrap_err();
        assert_eq!(failure.exit, crate::failure::MISSING);
    }

    #[test]
    fn a_program_that_fails_is_shown_with_what_it_said() {
        let failure = output(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert!(failure.text.contains("exit status: 3") && failure.text.ends_with("why"), "{failure}");
    }
}
