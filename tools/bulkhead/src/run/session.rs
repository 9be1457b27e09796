//! One run of QEMU with all its consoles.
//!
//! Every serial port is a Unix socket that we listen on, every byte goes through one `poll`, and nothing
//! runs in the background: consoles are read while somebody waits for something. QEMU has a process group
//! of its own, so that a terminal's Ctrl-C does not reach it, and is killed when the session goes.

use std::{
    collections::BTreeMap,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, ExitStatus, Stdio},
    time::Instant,
};

use regex::bytes::{Captures, Regex};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process_group},
};
use tempfile::TempDir;

use super::{
    demultiplexer::Chunk,
    error::Error,
    interrupt,
    link::Link,
    machine::{Machine, Serial},
    transcript::Transcript,
};

/// The name under which QEMU's own error messages are kept.
pub const QEMU: &str = "qemu";

/// A running QEMU and what its consoles have said so far.
#[derive(Debug)]
pub struct Session {
    child: Child,
    started: Instant,
    status: Option<ExitStatus>,
    links: Vec<Link>,
    transcripts: BTreeMap<String, Transcript>,
    _sockets: TempDir,
}

/// What came of waiting.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) chunks: Vec<Chunk>,
    /// The keyboard has something to read.
    pub(super) keys: bool,
}

impl Session {
    /// Starts QEMU.
    pub fn start(machine: &Machine) -> Result<Self, Error> {
        let host = |source| Error::host("preparing the consoles", source);
        interrupt::pipe().map_err(host)?;
        let sockets = tempfile::Builder::new().prefix("bulkhead-").tempdir().map_err(host)?;
        let mut command = Command::new(&machine.program);
        command.args(["-display", "none", "-monitor", "none"]).args(&machine.args);
        let mut links = Vec::new();
        for (number, serial) in machine.serials.iter().enumerate() {
            let path = sockets.path().join(number.to_string());
            let link = match serial {
                Serial::Unused => None,
                Serial::Shared => Some(Link::shared(&path)),
                Serial::Inherited(name) => Some(Link::inherited(&path, name)),
                Serial::Partition(name) => Some(Link::partition(&path, name)),
            };
            match link {
                None => command.args(["-serial", "null"]),
                Some(link) => {
                    links.push(link.map_err(host)?);
                    let socket = format!("socket,id=serial{number},path={}", path.display());
                    command.args(["-chardev", &socket, "-serial", &format!("chardev:serial{number}")])
                }
            };
        }
        let started = Instant::now();
        let mut child = spawn(&mut command)?;
        if let Some(complaints) = child.stderr.take() {
            links.push(Link::complaints(complaints).map_err(host)?);
        }
        let transcripts = BTreeMap::new();
        Ok(Self { child, started, status: None, links, transcripts, _sockets: sockets })
    }

    /// When QEMU was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// All bytes that a partition (or `bulkhead`, `firmware`, `qemu`) has said so far.
    pub fn transcript(&self, partition: &str) -> &[u8] {
        self.transcripts.get(partition).map_or(&[], Transcript::bytes)
    }

    /// The sources that have said something, each with the end of what it said.
    pub fn tails(&self) -> impl Iterator<Item = (&str, String)> {
        self.transcripts.iter().map(|(source, transcript)| (source.as_str(), transcript.tail()))
    }

    /// Waits until the pattern matches behind the partition's previous match.
    ///
    /// A pattern is tried on every part of a line as it arrives: end it in something that follows a number
    /// (`(\d+) ticks`), or the number may be caught before its last digit came.
    pub fn expect(
        &mut self,
        partition: &str,
        pattern: &Regex,
        deadline: Instant,
    ) -> Result<Captures<'_>, Error> {
        let start = loop {
            if let Some(start) = self.find(partition, pattern) {
                break start;
            }
            if self.status.is_some() || Instant::now() >= deadline {
                return Err(self.missed(partition, pattern));
            }
            self.pump(Some(deadline), None)?;
        };
        let searched = self.transcripts.get(partition).map_or(&[][..], |transcript| transcript.since(start));
        pattern.captures(searched).ok_or_else(|| Error::host("matching", io::ErrorKind::InvalidData))
    }

    /// Takes in what the consoles say until then: QEMU stands still, and with it the whole machine, if nobody
    /// does.
    pub fn listen(&mut self, deadline: Instant) -> Result<(), Error> {
        while self.status.is_none() && Instant::now() < deadline {
            self.pump(Some(deadline), None)?;
        }
        Ok(())
    }

    /// Types bytes to a partition with a UART of its own; they leave while the session waits.
    pub fn send(&mut self, partition: &str, text: &[u8]) -> Result<(), Error> {
        let link = self.links.iter_mut().find(|link| link.hears_for(partition));
        let deaf = || Error::Deaf { partition: partition.to_owned() };
        link.ok_or_else(deaf)?.type_in(text);
        Ok(())
    }

    /// Waits until QEMU ends by itself.
    pub fn wait(&mut self, deadline: Instant) -> Result<ExitStatus, Error> {
        loop {
            if let Some(status) = self.status {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(self.timeout());
            }
            self.pump(Some(deadline), None)?;
        }
    }

    /// Asks QEMU to end, which it does at its leisure, and waits for that.
    pub fn end(&mut self, deadline: Instant) -> Result<ExitStatus, Error> {
        self.signal(Signal::TERM);
        self.wait(deadline)
    }

    /// How QEMU ended, once it did and all it said has been read.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// Looks for the pattern in what is there already.
    pub(super) fn find(&mut self, partition: &str, pattern: &Regex) -> Option<usize> {
        self.transcripts.entry(partition.to_owned()).or_default().find(pattern)
    }

    /// Everything typed has left for QEMU.
    pub(super) fn has_typed_all(&self) -> bool {
        self.links.iter().all(Link::has_typed_all)
    }

    /// The error for a pattern that did not match; if QEMU failed, that is the reason.
    pub(super) fn missed(&self, partition: &str, pattern: &Regex) -> Error {
        if let Some(status) = self.status.filter(|status| !status.success()) {
            return self.failed(status);
        }
        Error::Missed {
            partition: partition.to_owned(),
            pattern: pattern.to_string(),
            after: self.started.elapsed(),
            ended: self.status,
            tail: self.transcripts.get(partition).map(Transcript::tail).unwrap_or_default(),
        }
    }

    pub(super) fn failed(&self, status: ExitStatus) -> Error {
        let complaint = String::from_utf8_lossy(self.transcript(QEMU)).into_owned();
        Error::Failed { status, complaint }
    }

    pub(super) fn timeout(&self) -> Error {
        Error::Timeout { after: self.started.elapsed() }
    }

    /// Waits until something happens, at most until `deadline`, and takes it in.
    pub(super) fn pump(
        &mut self,
        deadline: Option<Instant>,
        keys: Option<BorrowedFd<'_>>,
    ) -> Result<Heard, Error> {
        let host = |source: io::Error| Error::host("waiting for the consoles", source);
        let ready = self.poll(deadline, keys).map_err(host)?;
        if ready.interrupted {
            return Err(Error::Interrupted);
        }
        let mut heard = Heard { chunks: Vec::new(), keys: ready.keys };
        for place in ready.links {
            heard.chunks.extend(self.links[place].serve().map_err(host)?);
        }
        for chunk in &heard.chunks {
            self.transcripts.entry(chunk.source.clone()).or_default().extend(&chunk.bytes);
        }
        self.notice_the_end().map_err(host)?;
        Ok(heard)
    }

    /// Fails only if QEMU is gone already.
    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let _ = group.map(|group| kill_process_group(group, signal));
    }

    fn poll(&self, deadline: Option<Instant>, keys: Option<BorrowedFd<'_>>) -> io::Result<Ready> {
        let (places, mut fds): (Vec<usize>, Vec<PollFd<'_>>) =
            self.links.iter().enumerate().filter_map(|(place, link)| Some((place, link.poll_fd()?))).unzip();
        fds.push(PollFd::from_borrowed_fd(interrupt::pipe()?.as_fd(), PollFlags::IN));
        fds.extend(keys.map(|keys| PollFd::from_borrowed_fd(keys, PollFlags::IN)));
        match poll(&mut fds, time_left(deadline).as_ref()) {
            Err(rustix::io::Errno::INTR) => return Ok(Ready::default()),
            result => result?,
        };
        let happened: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let (links, rest) = happened.split_at(places.len());
        Ok(Ready {
            links: places
                .into_iter()
                .zip(links)
                .filter_map(|(place, ready)| ready.then_some(place))
                .collect(),
            interrupted: rest.first().copied().unwrap_or_default(),
            keys: rest.get(1).copied().unwrap_or_default(),
        })
    }

    /// QEMU's end closes its standard error; the session ends when the consoles are read to their end too.
    fn notice_the_end(&mut self) -> io::Result<()> {
        if self.links.iter().any(|link| link.is_complaints() && !link.is_closed()) {
            return Ok(());
        }
        let status = self.child.wait()?;
        self.links.iter_mut().try_for_each(Link::give_up_waiting)?;
        if self.links.iter().all(Link::is_closed) {
            self.status = Some(status);
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.signal(Signal::KILL);
            // Fails only if QEMU is gone already.
            let _ = self.child.wait();
        }
    }
}

#[derive(Debug, Default)]
struct Ready {
    links: Vec<usize>,
    interrupted: bool,
    keys: bool,
}

fn spawn(command: &mut Command) -> Result<Child, Error> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    command.spawn().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::NoQemu { program: command.get_program().into() },
        _ => Error::host("starting QEMU", source),
    })
}

fn time_left(deadline: Option<Instant>) -> Option<Timespec> {
    let left = deadline?.saturating_duration_since(Instant::now());
    Some(Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// `ls` takes none of QEMU's options: it complains and ends, as QEMU does about a wrong option.
    fn complaining() -> Session {
        let serials = vec![Serial::Shared, Serial::Unused, Serial::Partition("linux".to_owned())];
        Session::start(&Machine { program: "ls".into(), args: Vec::new(), serials, partitions: Vec::new() })
            .unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn a_missing_qemu_is_an_error_of_its_own() {
        let machine = Machine {
            program: "/no/such/qemu".into(),
            args: Vec::new(),
            serials: Vec::new(),
            partitions: Vec::new(),
        };
        let error = Session::start(&machine).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("cargo xtask setup"), "{error}");
    }

    #[test]
    fn a_qemu_that_never_connects_has_ended_all_the_same() {
        let mut session = complaining();
        assert!(!session.wait(soon()).unwrap().success());
        assert!(session.transcript(QEMU).starts_with(b"ls: "));
    }

    #[test]
    fn what_qemu_complained_about_is_why_nothing_was_seen() {
        let mut session = complaining();
        let error = session.expect("linux", &Regex::new("#").unwrap(), soon()).unwrap_err();
        assert!(
            matches!(&error, Error::Failed { complaint, .. } if complaint.starts_with("ls: ")),
            "{error}"
        );
    }

    #[test]
    fn only_a_partition_with_its_own_uart_can_be_typed_to() {
        let mut session = complaining();
        assert!(session.send("linux", b"x").is_ok());
        assert!(matches!(session.send("ticker", b"x"), Err(Error::Deaf { .. })));
        assert!(matches!(session.send(QEMU, b"x"), Err(Error::Deaf { .. })));
    }
}
